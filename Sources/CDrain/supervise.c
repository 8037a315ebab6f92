// Ending a whole tree as its supervisor. A process that has made itself the reaper of orphans
// (prctl(2), PR_SET_CHILD_SUBREAPER) gets every descendant that loses its parent as a child of its
// own, whatever session, group or environment it has given itself: nobody gets away by forking.

#include "supervise.h"
#include "child.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

int drain_adopt_orphans(void) {
    return prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0 ? 0 : errno;
}

// Of children of ours; what descends from them is nobody else's child.
static bool is_spared(const struct drain_means *means, pid_t pid) {
    return means && (pid == means->spared[0] || pid == means->spared[1]);
}

struct walk {
    const struct drain_means *means;
    proc_visit *each;
    void *context;
    int depth;
};

static bool walk_down(pid_t pid, pid_t parent, void *context) {
    struct walk *walk = context;
    if (is_spared(walk->means, pid)) return true;
    if (!walk->each(pid, parent, walk->context)) return false;
    // A tree may grow faster than it is walked; what is missed here is found as an orphan.
    if (walk->depth >= 64) return true;
    struct walk deeper = {walk->means, walk->each, walk->context, walk->depth + 1};
    proc_each_child(pid, walk_down, &deeper);
    return true;
}

void each_descendant(const struct drain_means *means, proc_visit *each, void *context) {
    struct walk walk = {means, each, context, 0};
    proc_each_child(getpid(), walk_down, &walk);
}

struct message {
    pid_t spare;
    int signal;
};

static bool send_to(pid_t pid, pid_t parent, void *context) {
    const struct message *m = context;
    if (pid == m->spare || proc_was_told(pid, m->spare, m->signal)) return true;
    if (parent == getpid()) {
        // Our own child, which only we can reap: its number is taken.
        kill(pid, m->signal);
        if (m->signal != SIGKILL) kill(pid, SIGCONT);
        return true;
    }
    // Somebody else's may have ended and its number be another's by now: hold it, then look whether
    // it is still where it was seen, or has become ours.
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (fd < 0) return true;
    pid_t now = proc_parent(pid);
    if (now == parent || now == getpid()) {
        syscall(SYS_pidfd_send_signal, fd, m->signal, NULL, 0);
        if (m->signal != SIGKILL) syscall(SYS_pidfd_send_signal, fd, SIGCONT, NULL, 0);
    }
    close(fd);
    return true;
}

void signal_descendants(const struct drain_means *means, pid_t spare, int signal) {
    struct message m = {spare, signal};
    each_descendant(means, send_to, &m);
}

struct orphans {
    const struct drain_means *means;
    pid_t spare;
    bool kill;
    size_t living;
};

static bool settle(pid_t pid, pid_t parent, void *context) {
    (void)parent;
    struct orphans *o = context;
    siginfo_t info = {0};
    if (pid == o->spare || is_spared(o->means, pid)) return true;
    if (o->kill) kill(pid, SIGKILL);
    // One that has ended is reaped on the way, or it would stand here for ever.
    if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG) == 0 && info.si_pid == 0) o->living++;
    return true;
}

size_t settle_children(const struct drain_means *means, pid_t spare, bool killing) {
    if (drain_childless()) return 0;
    struct orphans o = {means, spare, killing, 0};
    proc_each_child(getpid(), settle, &o);
    return o.living;
}

size_t hunt_children(const struct drain_means *means, pid_t spare, int64_t until) {
    for (;;) {
        size_t living = settle_children(means, spare, true);
        if (living == 0 || drain_now() >= until) return living;
        // What was killed needs a moment to be gone; what it forked meanwhile is next.
        poll(NULL, 0, living > 16 ? 1 : 0);
    }
}

bool drain_childless(void) {
    siginfo_t info;
    return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 && errno == ECHILD;
}

size_t drain_hunt(int64_t until) {
    // A listing of children that shows nobody alive proves nothing: in a chain of forks each may be
    // gone when it is looked at, and the next not be listed yet.
    for (;;) {
        size_t living = hunt_children(NULL, 0, until);
        if (drain_childless()) return 0;
        if (drain_now() >= until) return living > 0 ? living : 1;
    }
}

void drain_reap_orphans(const struct drain_child *child) {
    siginfo_t info;
    for (;;) {
        info.si_pid = 0;
        if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0) return;
        if (info.si_pid == 0 || info.si_pid == drain_pid(child)) return;
        if (is_spared(&child->means, info.si_pid)) return;
        if (waitid(P_PID, (id_t)info.si_pid, &info, WEXITED | WNOHANG) != 0) return;
    }
}

int drain_split(struct drain_split *split, bool adopt) {
    pid_t guardian = getpid();
    int error = adopt ? drain_adopt_orphans() : 0;
    if (error) return error;
    pid_t worker = fork();
    if (worker < 0) return errno;
    if (worker > 0) {
        split->worker = worker;
        split->pidfd = (int)syscall(SYS_pidfd_open, worker, 0);
        if (split->pidfd >= 0) return 0;
        error = errno;
        kill(worker, SIGKILL);
        waitpid(worker, NULL, 0);
        return error;
    }
    split->worker = 0;
    split->pidfd = -1;
    // Not inherited: the worker has to say it for itself. The signal comes when the guardian ends,
    // which has one thread; if it has ended already, it never comes.
    if (adopt) drain_adopt_orphans();
    prctl(PR_SET_PDEATHSIG, DRAIN_SIGNAL_ORPHANED, 0, 0, 0);
    if (getppid() != guardian) raise(DRAIN_SIGNAL_ORPHANED);
    return 0;
}

static void pass_on(const struct drain_split *split, int signals) {
    int signal = drain_signals_take(signals);
    if (signal <= 0 || signal == SIGCHLD) return;
    // Where a filter refuses the one there is the other: nobody but us reaps it, its number is
    // taken.
    if (syscall(SYS_pidfd_send_signal, split->pidfd, signal, NULL, 0) != 0)
        kill(split->worker, signal);
}

int drain_guard(const struct drain_split *split, int signals) {
    const struct timespec moment = {0, 10 * 1000 * 1000};
    struct pollfd set[2] = {{split->pidfd, POLLIN, 0}, {signals, POLLIN, 0}};
    for (;;) {
        // Without memory for poll (ENOMEM) it is enough to look now and then.
        bool blind = poll(set, 2, -1) < 0;
        if (blind) nanosleep(&moment, NULL);
        if (blind || set[1].revents) pass_on(split, signals);
        if (!blind && !set[0].revents) continue;
        siginfo_t info = {0};
        int error = waitid(P_PID, (id_t)split->worker, &info, WEXITED | WNOHANG) == 0 ? 0 : errno;
        if (error == EINTR || (!error && info.si_pid == 0)) continue;
        return info.si_code == CLD_EXITED ? info.si_status : -1;
    }
}
