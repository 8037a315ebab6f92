"""Runs a program whose system calls are watched with ptrace(2), one of which may be made to fail.

What strace(1) cannot do is choose the process and the place: drain-run is a guardian, a worker and, until it
executes, a child, and what the dynamic loader and the runtime call before main is not its own affair. Here
calls are counted for each of the three by itself, from main on, and a child is let go when it executes.
"""

import ctypes
import errno
import os
import platform
import signal
import struct
import subprocess

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.restype = ctypes.c_long
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]

TRACEME, POKEUSER, DETACH, SYSCALL = 0, 6, 17, 24
SETOPTIONS, GETREGSET, SETREGSET, GET_SYSCALL_INFO = 0x4200, 0x4204, 0x4205, 0x420E
SYSGOOD, ON_FORK, ON_VFORK, ON_CLONE, ON_EXEC, EXITKILL = 1, 2, 4, 8, 16, 1 << 20
EVENT_FORK, EVENT_VFORK, EVENT_CLONE, EVENT_EXEC = 1, 2, 3, 4
WALL = 0x40000000
F_GETFD = 1


def system_calls():
    """Names by number, as this machine's headers have them."""
    macros = subprocess.run(
        ["cc", "-E", "-dM", "-include", "sys/syscall.h", "-x", "c", "/dev/null"],
        stdout=subprocess.PIPE, check=True, text=True).stdout  # fmt: skip
    words = (line.split() for line in macros.splitlines() if line.startswith("#define __NR_"))
    return {int(w[2]): w[1].removeprefix("__NR_") for w in words if len(w) == 3 and w[2].isdigit()}


def ptrace(request, pid, address=0, data=0):
    ctypes.set_errno(0)
    result = libc.ptrace(request, pid, address, data)
    if result < 0 and ctypes.get_errno():
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


class Registers:
    """The two that matter: the number of the call that is about to be made, and what it returns."""

    def __init__(self):
        self.x86 = platform.machine() == "x86_64"
        if not self.x86 and platform.machine() != "aarch64":
            raise SystemExit("injecting failures is known for x86-64 and arm64 only")

    def skip_call(self, pid):
        if self.x86:
            ptrace(POKEUSER, pid, 15 * 8, ctypes.c_void_p(-1))  # orig_rax
        else:
            self.regset(SETREGSET, pid, 0x404, ctypes.c_int(-1))  # NT_ARM_SYSTEM_CALL

    def set_result(self, pid, value):
        if self.x86:
            ptrace(POKEUSER, pid, 10 * 8, ctypes.c_void_p(value))  # rax
        else:
            general = (ctypes.c_uint64 * 34)()
            self.regset(GETREGSET, pid, 1, general)  # NT_PRSTATUS
            general[0] = value & (1 << 64) - 1
            self.regset(SETREGSET, pid, 1, general)

    @staticmethod
    def regset(request, pid, kind, room):
        iovec = (ctypes.c_uint64 * 2)(ctypes.addressof(room), ctypes.sizeof(room))
        ptrace(request, pid, kind, ctypes.addressof(iovec))


class Tracee:
    def __init__(self, role):
        self.role = role
        self.armed = role != "guardian"
        self.skipped = False


class Tracer:
    """One program under watch. `wish` is (role, call, errno, first, last), or None to look only."""

    def __init__(self, names, wish=None):
        self.names = names
        self.wish = wish
        self.registers = Registers()
        self.tracees = {}
        self.waiting = set()  # stopped, and not yet known whose child it is
        self.counts = {}  # (role, call) -> how often
        self.injected = 0
        self.crashed = []

    def start(self, words, stdout, stderr, environment):
        pid = os.fork()
        if pid == 0:
            try:
                os.dup2(stdout, 1)
                os.dup2(stderr, 2)
                ptrace(TRACEME, 0)
                os.kill(os.getpid(), signal.SIGSTOP)
                os.execve(words[0], words, environment)
            finally:
                os._exit(99)
        os.waitpid(pid, 0)
        options = SYSGOOD | ON_FORK | ON_VFORK | ON_CLONE | ON_EXEC | EXITKILL
        ptrace(SETOPTIONS, pid, 0, options)
        self.tracees[pid] = Tracee("guardian")
        self.guardian = pid
        self.executed = False
        ptrace(SYSCALL, pid)
        return pid

    def run(self):
        """Until the first process has ended. Its wait status."""
        while True:
            pid, status = os.waitpid(-1, WALL)
            if os.WIFSTOPPED(status):
                try:
                    self.stopped(pid, status)
                except ProcessLookupError:
                    pass  # killed meanwhile; its end is reported next
                continue
            tracee = self.tracees.pop(pid, None)
            if tracee and os.WIFSIGNALED(status):
                self.crashed.append((tracee.role, os.WTERMSIG(status)))
            if pid == self.guardian:
                return status

    def stopped(self, pid, status):
        tracee = self.tracees.get(pid)
        if not tracee:
            self.waiting.add(pid)
            return
        number, event = os.WSTOPSIG(status), status >> 16
        if event in (EVENT_FORK, EVENT_VFORK, EVENT_CLONE):
            self.born(pid, tracee, event)
        elif event == EVENT_EXEC:
            if tracee.role == "child":
                del self.tracees[pid]
                ptrace(DETACH, pid)
                return
        elif number == signal.SIGTRAP | 0x80:
            self.system_call(pid, tracee)
        elif number != signal.SIGSTOP:
            ptrace(SYSCALL, pid, 0, number)
            return
        ptrace(SYSCALL, pid)

    def born(self, pid, parent, event):
        message = ctypes.c_ulong()
        ptrace(0x4201, pid, 0, ctypes.addressof(message))  # PTRACE_GETEVENTMSG
        child = message.value
        if event == EVENT_VFORK:
            role = "child"
        elif event == EVENT_FORK and parent.role == "guardian":
            role = "worker"
        else:
            role = parent.role  # a thread, or a helper of its own
        self.tracees[child] = Tracee(role)
        if child in self.waiting:
            self.waiting.remove(child)
            ptrace(SYSCALL, child)

    def system_call(self, pid, tracee):
        room = ctypes.create_string_buffer(88)
        ptrace(GET_SYSCALL_INFO, pid, len(room), ctypes.addressof(room))
        if room.raw[0] == 1:
            self.entry(pid, tracee, *struct.unpack_from("=qQQ", room.raw, 24))
        elif tracee.skipped:
            tracee.skipped = False
            self.registers.set_result(pid, -getattr(errno, self.wish[2]))

    def entry(self, pid, tracee, number, first, second):
        call = self.names.get(number, str(number))
        # The first thing that main does.
        tracee.armed |= call == "fcntl" and first == 0 and second == F_GETFD
        if not tracee.armed:
            return
        key = (tracee.role, call)
        self.counts[key] = self.counts.get(key, 0) + 1
        if not self.wish or key != self.wish[:2]:
            return
        if self.wish[3] <= self.counts[key] <= self.wish[4]:
            self.injected += 1
            tracee.skipped = True
            self.registers.skip_call(pid)
