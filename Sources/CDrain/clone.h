// clone3(2), which no C library offers, in the one form that is needed here.

#ifndef DRAIN_CORE_CLONE_H
#define DRAIN_CORE_CLONE_H

#include <stddef.h>

// A child that shares the caller's memory, which waits until it has executed or ended, as with
// clone and CLONE_VM | CLONE_VFORK | CLONE_PIDFD, born into the cgroup that `cgroup` is a
// descriptor of (Linux 5.7). Runs `run(argument)` on `stack`, and must not return from it. The
// process id, or -1 with errno set: ENOSYS where a filter knows nothing of clone3.
long clone_into(int cgroup, void *stack, size_t size, int (*run)(void *), void *argument,
                int *pidfd);

#endif
