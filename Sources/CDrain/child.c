#include "child.h"
#include "control.h"
#include "supervise.h"
#include "sweep.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

pid_t drain_pid(const struct drain_child *child) {
    return child->command;
}

int drain_pidfd(const struct drain_child *child) {
    return child->pidfd;
}

struct drain_buffer drain_look(const struct drain_child *child, int which) {
    const struct stream *s = &child->streams[which];
    const struct buffer *b = &s->buffer;
    return (struct drain_buffer){
        .base = b->base,
        .head_size = b->head_size,
        .head_length = b->head_length,
        .tail_size = b->tail_size,
        .tail_start = b->tail_start,
        .tail_length = b->tail_length,
        .mapped = b->mapped,
        .total = s->total,
        .eof = s->eof,
    };
}

void drain_hold(struct drain_child *child, int which, uint64_t offset) {
    child->streams[which].hold = offset;
}

struct drain_buffer drain_take(struct drain_child *child, int which) {
    struct drain_buffer taken = drain_look(child, which);
    struct stream *s = &child->streams[which];
    stream_close(s);
    memset(&s->buffer, 0, sizeof s->buffer);
    return taken;
}

void drain_unmap(const uint8_t *base, size_t mapped) {
    if (base) munmap((void *)base, mapped);
}

static int64_t nanoseconds(struct timeval t) {
    return (int64_t)t.tv_sec * 1000000000 + (int64_t)t.tv_usec * 1000;
}

// waitid with the fifth argument that only the system call has: what the child used.
static int wait_leader(const struct drain_child *child, siginfo_t *info, int options,
                       struct rusage *usage) {
    info->si_pid = 0;
    for (;;) {
        if (syscall(SYS_waitid, P_PIDFD, child->pidfd, info, options, usage) == 0)
            return info->si_pid ? 0 : EAGAIN;
        if (errno != EINTR) return errno;
    }
}

// While the leader is unreaped, dead or alive, the number of its group is taken. If the host has
// reaped it, the number may be somebody else's by now.
static bool number_kept(const struct drain_child *child) {
    siginfo_t info;
    return !child->reaped && wait_leader(child, &info, WEXITED | WNOHANG | WNOWAIT, NULL) != ECHILD;
}

static int signal_group(const struct drain_child *child, int signal) {
    if (kill(-child->pid, signal) != 0) return errno;
    if (signal != SIGKILL && signal != SIGCONT) kill(-child->pid, SIGCONT);
    return 0;
}

static int signal_remotely(struct drain_child *child, int signal) {
    struct drain_word word;
    int error = control_ask(child, DRAIN_WORD_SIGNAL, signal, DRAIN_WORD_SIGNAL, &word);
    // Without its supervisor the tree has been ended, or is about to be.
    return error ? ESRCH : word.value;
}

int drain_signal(struct drain_child *child, int signal) {
    const int64_t hunt = 50 * 1000 * 1000;
    const struct drain_means *means = &child->means;
    child->signalled = true;
    if (child->control >= 0) return signal_remotely(child, signal);
    bool kept = number_kept(child);
    int error = kept ? signal_group(child, signal) : ESRCH;
    pid_t spare = kept ? child->pid : 0;
    // All of the cgroup descend from a supervisor: a signal to be obeyed is to come once.
    bool by_cgroup = means->cgroup && (signal == SIGKILL || !means->supervised);
    if (by_cgroup && drain_cgroup_signal(means->cgroup, spare, signal) == 0) error = 0;
    if (means->supervised) {
        signal_descendants(means, spare, signal);
        if (signal == SIGKILL && child->exited) hunt_children(means, spare, drain_now() + hunt);
        error = 0;
    }
    if (means->marker) {
        struct drain_quarry quarry = quarry_of(child);
        size_t ignored;
        if (!kept) quarry.group = quarry.session = 0;
        if (signal == SIGKILL && child->exited)
            drain_sweep_end(&quarry, drain_now() + hunt);
        else if (!sweep_census(&quarry, child->census, signal, NULL, 0, &ignored))
            drain_sweep(&quarry, signal, NULL, 0);
        error = 0;
    }
    return error;
}

void await_leader(const struct drain_child *child, int64_t patience) {
    int64_t until = drain_now() + patience;
    struct pollfd leader = {child->pidfd, POLLIN, 0};
    for (;;) {
        int64_t gap = until - drain_now();
        if (gap <= 0 || poll(&leader, 1, (int)(gap / 1000000) + 1) >= 0 || errno != EINTR) return;
    }
}

// The supervisor has done all that is to be done when it ends.
static int reap_remotely(struct drain_child *child, struct drain_status *status) {
    siginfo_t info;
    if (!child->exited) return EAGAIN;
    bool leave = child->leaves_background;
    int error = control_ask(child, DRAIN_WORD_FINISH, leave, DRAIN_WORD_DONE, &child->done);
    close(child->control);
    child->control = -1;
    await_leader(child, SUPERVISOR_PATIENCE);
    wait_leader(child, &info, WEXITED | WNOHANG, NULL);
    child->reaped = true;
    if (error) memset(&child->done, 0, sizeof child->done);
    if (error || child->done.failure.error) return ECHILD;
    *status = child->done.status;
    return 0;
}

size_t drain_survivors(const struct drain_child *child, pid_t *pids, size_t room, bool *killed) {
    size_t count = child->done.count;
    *killed = child->done.value != 0;
    for (size_t i = 0; i < count && i < room && i < DRAIN_CONTROL_PIDS; i++)
        pids[i] = child->done.pids[i];
    return count;
}

int drain_reap(struct drain_child *child, struct drain_status *status) {
    siginfo_t info;
    struct rusage usage;
    memset(status, 0, sizeof *status);
    memset(&usage, 0, sizeof usage);
    status->code = -1;
    if (child->reaped) return ECHILD;
    if (child->control >= 0) return reap_remotely(child, status);
    int error = wait_leader(child, &info, WEXITED | WNOHANG, &usage);
    if (error == EAGAIN) return EAGAIN;
    child->reaped = true;
    if (error) return error;
    if (info.si_code == CLD_EXITED)
        status->code = info.si_status;
    else
        status->signal = info.si_status;
    status->user_ns = nanoseconds(usage.ru_utime);
    status->system_ns = nanoseconds(usage.ru_stime);
    status->max_rss = (uint64_t)usage.ru_maxrss * 1024;
    status->max_rss_floor = child->max_rss_floor;
    return 0;
}

void drain_close(struct drain_child *child) {
    const int64_t patience = (int64_t)1000 * 1000 * 1000;
    struct drain_status ignored;
    if (!child->reaped) {
        // A supervisor ends everything when we are gone.
        if (child->control < 0) drain_signal(child, SIGKILL);
        if (child->control >= 0) close(child->control);
        child->control = -1;
        await_leader(child, patience);
        drain_reap(child, &ignored);
    }
    for (int i = 0; i < DRAIN_STREAMS; i++) {
        stream_close(&child->streams[i]);
        buffer_close(&child->streams[i].buffer);
    }
    input_close(&child->input);
    sink_close(&child->sink);
    close(child->pidfd);
    free(child);
}
