#include "child.h"
#include "clone.h"
#include "control.h"
#include "descriptor.h"
#include "exec.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef CLONE_PIDFD
#define CLONE_PIDFD 0x1000
#endif

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
// Its clone takes every child for a fork with memory of its own, and gives up on this one.
int __clone(int (*run)(void *), void *stack, int flags, void *argument, ...);
#define clone __clone
#endif
#endif

// What execve and our own search need of it, with a margin for a libc built with checks.
enum { STACK = 64 << 10 };

static int open_pipe(struct stream *s, size_t size, int *writing) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return errno;
    int error = above_stdio(&ends[0]);
    if (!error) error = above_stdio(&ends[1]);
    // Non-blocking on our side only: each end of a pipe has file status flags of its own.
    if (!error && fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0) error = errno;
    // A refusal leaves it as it is.
    int capacity = error || !size ? -1 : fcntl(ends[0], F_SETPIPE_SZ, (int)size);
    if (!error && capacity < 0) capacity = fcntl(ends[0], F_GETPIPE_SZ);
    s->capacity = capacity > 0 ? (size_t)capacity : 65536;
    s->fd = ends[0];
    *writing = ends[1];
    return error;
}

static int open_input(int wish, struct exec_plan *plan, int *opened) {
    if (wish >= 0) {
        plan->input = wish;
        return fcntl(wish, F_GETFD) < 0 ? errno : 0;
    }
    *opened = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (*opened < 0) return errno;
    int error = above_stdio(opened);
    plan->input = *opened;
    return error;
}

// Anywhere, or into the cgroup that it is to join by itself.
static long clone_outside(struct exec_plan *plan, char *stack, int *pidfd) {
    const int flags = CLONE_VM | CLONE_VFORK | SIGCHLD;
    long pid = clone(exec_child, stack + STACK, flags | CLONE_PIDFD, plan, pidfd);
    if (pid >= 0 || errno != EINVAL) return pid;
    *pidfd = -1;
    return clone(exec_child, stack + STACK, flags, plan);
}

// Into the cgroup at birth, where the kernel can do that.
static long clone_inside(struct exec_plan *plan, char *stack, int *pidfd) {
    int cgroup = plan->spec->means.cgroup->self;
    long pid = clone_into(cgroup, stack, STACK, exec_child, plan, pidfd);
    if (pid >= 0) return pid;
    plan->failure.stage = DRAIN_STAGE_CGROUP;
    plan->join = openat(cgroup, "cgroup.procs", O_WRONLY | O_CLOEXEC);
    if (plan->join < 0) return -1;
    pid = clone_outside(plan, stack, pidfd);
    int error = errno;
    close(plan->join);
    errno = error;
    return pid;
}

// The stack grows down on every architecture we know. From the heap, where the last run's is used
// again: the page faults of a fresh mapping cost more than all other calls of ours before the
// clone.
static long clone_child(struct exec_plan *plan, int *pidfd) {
    char *stack = malloc(STACK);
    if (!stack) return -1;
    // The child runs in our memory until it executes, so no handler of ours may run in it.
    sigset_t all, before;
    sigfillset(&all);
    long pid = -1;
    if (sigprocmask(SIG_SETMASK, &all, &before) == 0) {
        pid = plan->spec->means.cgroup ? clone_inside(plan, stack, pidfd)
                                       : clone_outside(plan, stack, pidfd);
        int failed = errno;
        sigprocmask(SIG_SETMASK, &before, NULL);
        errno = failed;
    }
    int error = errno;
    free(stack);
    errno = error;
    return pid;
}

static void reap_failed(pid_t pid, int pidfd) {
    // It has left its memory to us, so it has ended or is about to. A host may have reaped it.
    siginfo_t info;
    idtype_t by = pidfd >= 0 ? (idtype_t)P_PIDFD : P_PID;
    while (waitid(by, pidfd >= 0 ? (id_t)pidfd : (id_t)pid, &info, WEXITED) != 0 &&
           errno == EINTR) {
    }
}

// The child is running, or has failed and is gone: 0 or errno, with the stage in the plan.
static int start(struct drain_child *child, struct exec_plan *plan) {
    int pidfd = -1;
    plan->failure.stage = DRAIN_STAGE_CLONE;
    long pid = clone_child(plan, &pidfd);
    if (pid < 0) return errno;
    int error = plan->failure.error;
    if (!error && pidfd < 0) {
        pidfd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
        if (pidfd < 0) {
            error = errno;
            plan->failure.stage = DRAIN_STAGE_CLONE;
            kill((pid_t)-pid, SIGKILL);
        }
    }
    if (!error) error = above_stdio(&pidfd);
    if (error) {
        reap_failed((pid_t)pid, pidfd);
        if (pidfd >= 0) close(pidfd);
        return error;
    }
    child->pid = child->command = (pid_t)pid;
    child->pidfd = pidfd;
    return 0;
}

// What was started is a supervisor, which is to say that it has started the command. A failure is
// told as if the command had been started here.
static int meet_supervisor(struct drain_child *child, struct drain_failure *failure) {
    const int64_t patience = (int64_t)30 * 1000 * 1000 * 1000;
    struct drain_word word;
    int error = control_await(child, DRAIN_WORD_STARTED, &word, drain_now() + patience);
    if (!error && !word.failure.error) {
        child->command = word.value;
        return 0;
    }
    *failure = word.failure;
    if (error) *failure = (struct drain_failure){DRAIN_STAGE_SUPERVISOR, error, 0};
    // One of its two processes may have been killed, and the other be ending what was started: it
    // is left the time for that. A program that is no supervisor is not.
    close(child->control);
    child->control = -1;
    await_leader(child, SUPERVISOR_PATIENCE);
    kill(-child->pid, SIGKILL);
    reap_failed(child->pid, child->pidfd);
    close(child->pidfd);
    return failure->error;
}

static uint64_t resident_peak(void) {
    struct rusage self;
    return getrusage(RUSAGE_SELF, &self) == 0 ? (uint64_t)self.ru_maxrss * 1024 : 0;
}

static void release(struct drain_child *child) {
    for (int i = 0; i < DRAIN_STREAMS; i++) {
        stream_close(&child->streams[i]);
        buffer_close(&child->streams[i].buffer);
    }
    if (child->control >= 0) close(child->control);
    input_close(&child->input);
    free(child);
}

static int open_control(struct drain_child *child, struct exec_plan *plan) {
    int ends[2];
    int error = control_pair(ends);
    if (error) return error;
    error = above_stdio(&ends[0]);
    if (!error) error = above_stdio(&ends[1]);
    child->control = ends[0];
    plan->control = ends[1];
    return error;
}

static int open_outputs(struct drain_child *child, struct exec_plan *plan,
                        int writing[DRAIN_STREAMS]) {
    for (int i = 0; i < DRAIN_STREAMS; i++) {
        plan->output[i] = i + 1;
        const int *given = plan->spec->outputs;
        child->streams[i].eof = plan->spec->shares_output || given;
        if (given) plan->output[i] = given[i];
        if (child->streams[i].eof) continue;
        int error = open_pipe(&child->streams[i], plan->spec->pipe_size, &writing[i]);
        plan->output[i] = writing[i];
        if (error) return error;
    }
    return plan->spec->remote ? open_control(child, plan) : 0;
}

int drain_spawn(const struct drain_spec *spec, struct drain_child **out,
                struct drain_failure *failure) {
    int error = 0, input = -1, writing[DRAIN_STREAMS] = {-1, -1};
    enum drain_stage stage = DRAIN_STAGE_MEMORY;
    struct exec_plan plan = {.spec = spec,
                             .envp = spec->envp ? spec->envp : drain_environment(),
                             .control = -1,
                             .join = -1};
    struct drain_child *child = calloc(1, sizeof *child);
    *out = NULL;
    if (!child) {
        error = ENOMEM;
        goto out;
    }
    child->pidfd = child->sink.fd = child->control = -1;
    child->input.fd = child->input.watcher = -1;
    child->means = spec->means;
    child->leaves_background = spec->leaves_background;
    for (int i = 0; i < DRAIN_STREAMS; i++) {
        child->streams[i].fd = child->streams[i].watcher = -1;
        child->streams[i].hold = UINT64_MAX;
        child->streams[i].spool = spec->spools[i];
    }
    child->streams[DRAIN_STDOUT].events = spec->events;
    for (int i = 0; i < DRAIN_STREAMS && !error; i++)
        error = buffer_open(&child->streams[i].buffer, spec->keep[i].head, spec->keep[i].tail);
    if (!error) error = exec_plan_open(&plan);
    if (error) goto out;

    stage = DRAIN_STAGE_INPUT;
    if (spec->input != DRAIN_INPUT_PIPE) error = open_input(spec->input, &plan, &input);
    if (error) goto out;

    stage = DRAIN_STAGE_PIPE;
    if (spec->input == DRAIN_INPUT_PIPE) {
        error = input_open(&child->input, spec->pipe_size, &input);
        plan.input = input;
    }
    if (error) goto out;
    error = open_outputs(child, &plan, writing);
    if (error) goto out;

    child->max_rss_floor = resident_peak();
    child->started = drain_now();
    error = start(child, &plan);
    stage = plan.failure.stage;
    if (error && spec->remote && stage == DRAIN_STAGE_EXEC) stage = DRAIN_STAGE_SUPERVISOR;
    if (plan.control >= 0) close(plan.control);
    plan.control = -1;
    if (!error && spec->remote) {
        error = meet_supervisor(child, &plan.failure);
        stage = plan.failure.stage;
    }
out:
    if (plan.control >= 0) close(plan.control);
    for (int i = 0; i < DRAIN_STREAMS; i++)
        if (writing[i] >= 0) close(writing[i]);
    if (input >= 0) close(input);
    exec_plan_close(&plan);
    if (error) {
        *failure = (struct drain_failure){stage, error, plan.failure.detail};
        if (child) release(child);
        return error;
    }
    *out = child;
    return 0;
}
