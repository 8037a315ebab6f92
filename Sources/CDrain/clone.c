#include "clone.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>

#ifndef SYS_clone3 // the same number everywhere; older headers lack it
#define SYS_clone3 435
#endif

enum {
    SHARE_MEMORY = 0x100,  // CLONE_VM
    GIVE_PIDFD = 0x1000,   // CLONE_PIDFD
    WAIT_FOR_EXEC = 0x4000 // CLONE_VFORK
};
static const uint64_t INTO_CGROUP = 0x200000000; // CLONE_INTO_CGROUP

struct arguments { // struct clone_args of the kernel
    uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
    uint64_t set_tid, set_tid_size, cgroup;
};

// The child comes back from the system call on a stack that holds nothing, so it must not return
// from any function: it calls `run` from the very instruction behind. No register but those named
// is changed by the kernel.
#if defined(__x86_64__)
static long call_clone3(struct arguments *a, int (*run)(void *), void *argument) {
    register long result __asm__("rax") = SYS_clone3;
    register void *first __asm__("rdi") = a;
    register size_t second __asm__("rsi") = sizeof *a;
    register int (*code)(void *) __asm__("r12") = run;
    register void *data __asm__("r13") = argument;
    __asm__ volatile("syscall\n\t"
                     "test %%rax, %%rax\n\t"
                     "jnz 1f\n\t"
                     "xor %%ebp, %%ebp\n\t"
                     "mov %%r13, %%rdi\n\t"
                     "call *%%r12\n\t"
                     "ud2\n"
                     "1:"
                     : "+r"(result)
                     : "r"(first), "r"(second), "r"(code), "r"(data)
                     : "rcx", "r11", "memory", "cc");
    return result;
}
#elif defined(__aarch64__)
static long call_clone3(struct arguments *a, int (*run)(void *), void *argument) {
    register long number __asm__("x8") = SYS_clone3;
    register void *first __asm__("x0") = a;
    register size_t second __asm__("x1") = sizeof *a;
    register int (*code)(void *) __asm__("x20") = run;
    register void *data __asm__("x21") = argument;
    __asm__ volatile("svc #0\n\t"
                     "cbnz x0, 1f\n\t"
                     "mov x29, #0\n\t"
                     "mov x0, x21\n\t"
                     "blr x20\n\t"
                     "brk #1\n"
                     "1:"
                     : "+r"(first)
                     : "r"(number), "r"(second), "r"(code), "r"(data)
                     : "memory", "cc");
    return (long)first;
}
#else
#error "Drain runs on x86-64 and arm64."
#endif

long clone_into(int cgroup, void *stack, size_t size, int (*run)(void *), void *argument,
                int *pidfd) {
    struct arguments a = {
        .flags = SHARE_MEMORY | WAIT_FOR_EXEC | GIVE_PIDFD | INTO_CGROUP,
        .pidfd = (uint64_t)(uintptr_t)pidfd,
        .exit_signal = SIGCHLD,
        .stack = (uint64_t)(uintptr_t)stack,
        .stack_size = size,
        .cgroup = (uint64_t)cgroup,
    };
    long pid = call_clone3(&a, run, argument);
    if (pid >= 0) return pid;
    errno = (int)-pid;
    return -1;
}
