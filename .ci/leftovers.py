"""Whether a program has left anybody behind, seen from outside."""

import ctypes
import os
import select
import signal
import subprocess
import sys
import time

WALL = 0x40000000
SET_CHILD_SUBREAPER = 36


def adopt_orphans():
    """From now on what loses its parent comes to this process, for `strays`."""
    ctypes.CDLL(None).prctl(SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def wait_for_end_of_file(reading, patience=5):
    os.set_blocking(reading, True)
    deadline = time.monotonic() + patience
    while True:
        ready, _, _ = select.select([reading], [], [], max(0, deadline - time.monotonic()))
        if not ready:
            return False
        if os.read(reading, 100) == b"":
            return True


def strays(patience=3):
    """Those who lost their parent came to us. Waits for them to be gone; who lives on is ended and named."""
    deadline = time.monotonic() + patience
    left = []
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG | WALL)
        except ChildProcessError:
            return left
        if pid != 0:
            continue
        if time.monotonic() > deadline:
            with open(f"/proc/self/task/{os.getpid()}/children") as children:
                left = [int(child) for child in children.read().split()]
            for child in left:
                os.kill(child, signal.SIGKILL)
        time.sleep(0.002)


def in_a_world_of_our_own():
    """Begins anew in a PID namespace, where one may be made: what goes wrong cannot run away, and a look
    through /proc is not as long as this machine is busy."""
    if "DRAIN_OWN_WORLD" in os.environ:
        return
    for extra in ([], ["--user", "--map-root-user"]):
        words = ["unshare", *extra, "--pid", "--fork", "--kill-child", "--mount-proc"]
        try:
            if subprocess.run([*words, "true"], stderr=subprocess.DEVNULL).returncode == 0:
                os.execvpe(words[0], [*words, sys.executable, *sys.argv], {**os.environ, "DRAIN_OWN_WORLD": "1"})
        except FileNotFoundError:
            return
