// Finding a tree in /proc, without being anybody's reaper: by the leader's session and group, by
// the marker, and by descent from those. A listing can miss who forks faster than it is read, so it
// is read again and again, and the newest processes are looked at out of turn.
//
// A process is held by a pidfd before it is looked at. If it is gone by then, and its number
// another's, the signal goes to nobody: what was looked at and what is signalled are the same.

#include "sweep.h"
#include "census.h"
#include "marker.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { DEEPEST = 64 };

uint64_t drain_start_time(pid_t pid) {
    return proc_start_time(pid);
}

static bool belongs(const struct drain_quarry *q, pid_t pid) {
    if (pid == q->spare || pid == getpid()) return false;
    bool near =
        (q->group > 0 && getpgid(pid) == q->group) || (q->session > 0 && getsid(pid) == q->session);
    if (!near && !marker_borne(pid, q->marker)) return false;
    return !q->since || proc_start_time(pid) >= q->since;
}

struct pass {
    const struct drain_quarry *quarry;
    int signal;
    pid_t *pids;
    size_t room, count;
    int depth;
    bool by_group; // SIGKILL takes the whole process group along
};

static void note(struct pass *pass, pid_t pid) {
    if (!proc_alive(pid)) return;
    if (pass->count < pass->room) pass->pids[pass->count] = pid;
    pass->count++;
}

static void strike(int fd, int signal) {
    syscall(SYS_pidfd_send_signal, fd, signal, NULL, 0);
    if (signal != SIGKILL) syscall(SYS_pidfd_send_signal, fd, SIGCONT, NULL, 0);
}

// A chain of forks has gone on by the time that one of it is killed, but its group stays. A member
// that is stopped cannot end and keeps the group's number from being another's meanwhile.
static void strike_group(int fd, pid_t pid) {
    syscall(SYS_pidfd_send_signal, fd, SIGSTOP, NULL, 0);
    for (int i = 0; i < 100; i++) {
        char state = proc_state(pid);
        pid_t group = state == 'T' ? getpgid(pid) : 0;
        if (group > 1 && group != getpgrp()) kill(-group, SIGKILL);
        if (state == 'T' || state == 'Z' || state == 'X') return;
        sched_yield();
    }
}

static bool descend(pid_t pid, pid_t parent, void *context) {
    struct pass *pass = context;
    const struct drain_quarry *q = pass->quarry;
    if (pid == q->spare || pid == getpid()) return true;
    int fd = pass->signal ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
    // Who belongs by itself is met by itself; here are those that only their parent gives away.
    if (!belongs(q, pid) && proc_parent(pid) == parent) {
        note(pass, pid);
        if (fd >= 0) strike(fd, pass->signal);
    }
    if (fd >= 0) close(fd);
    if (pass->depth >= DEEPEST) return true;
    pass->depth++;
    proc_each_child(pid, descend, pass);
    pass->depth--;
    return true;
}

static bool meet(pid_t pid, pid_t parent, void *context) {
    (void)parent;
    struct pass *pass = context;
    // Most processes are strangers: nothing is opened for them.
    if (!belongs(pass->quarry, pid)) return true;
    int fd = pass->signal ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
    if (fd >= 0 && !belongs(pass->quarry, pid)) {
        close(fd);
        return true;
    }
    note(pass, pid);
    // Its children first: once it has ended, they are somebody else's.
    pass->depth = 1;
    proc_each_child(pid, descend, pass);
    if (fd >= 0 && pass->by_group) strike_group(fd, pid);
    if (fd >= 0 && !proc_was_told(pid, pass->quarry->spare, pass->signal)) strike(fd, pass->signal);
    if (fd >= 0) close(fd);
    return true;
}

// Whether it is a child of ours that has ended, the last of its threads included. Its children were
// given to others before anybody could learn of that, so that a look for them finds nobody, for the
// price of a tenth of a small run.
static bool ended(pid_t pid) {
    siginfo_t info = {0};
    const int options = WEXITED | WNOHANG | WNOWAIT;
    return waitid(P_PID, (id_t)pid, &info, options) == 0 && info.si_pid == pid;
}

// The spared leader's own children, which may have left its session.
static void visit_family(const struct drain_quarry *quarry, struct pass *pass) {
    if (quarry->spare <= 0 || ended(quarry->spare)) return;
    pass->depth = 1;
    proc_each_child(quarry->spare, descend, pass);
}

static size_t sweep(const struct drain_quarry *quarry, struct pass *pass) {
    visit_family(quarry, pass);
    if (!quarry->after || !proc_each_since(quarry->after, meet, pass)) proc_each(meet, pass);
    return pass->count;
}

size_t drain_sweep(const struct drain_quarry *quarry, int signal, pid_t *pids, size_t room) {
    struct pass pass = {.quarry = quarry, .signal = signal, .pids = pids, .room = pids ? room : 0};
    return sweep(quarry, &pass);
}

static bool belonged(const struct drain_quarry *q, const struct being *b) {
    return (q->group > 0 && b->group == q->group) || (q->session > 0 && b->session == q->session) ||
           marks_bear(b->marks, q->marker);
}

static bool ignore(pid_t pid, pid_t parent, void *unused) {
    (void)pid;
    (void)parent;
    (void)unused;
    return false;
}

struct census_pass {
    struct pass pass;
    const struct drain_census *census;
};

static bool meet_new(pid_t pid, pid_t parent, void *context) {
    struct census_pass *p = context;
    // Who is in it was met; a second SIGTERM would be one too many.
    return census_has(p->census, pid) || meet(pid, parent, &p->pass);
}

bool sweep_census(const struct drain_quarry *quarry, struct drain_census *census, int signal,
                  pid_t *pids, size_t room, size_t *count) {
    struct census_pass p = {
        .pass = {.quarry = quarry, .signal = signal, .pids = pids, .room = pids ? room : 0},
        .census = census,
    };
    // For the few numbers of a short run, there is nothing to be saved.
    if (quarry->after || quarry->since || !census_ready(census)) return false;
    // An unreaped leader is in any listing that deserves the name.
    if (quarry->spare <= 0 || !census_has(census, quarry->spare)) return false;
    if (signal && !census_each_since(census, ignore, NULL)) return false;
    visit_family(quarry, &p.pass);
    bool sure = true;
    for (size_t i = 0; i < census->count; i++) {
        const struct being *being = &census->beings[i];
        if (being->pid == quarry->spare || !belonged(quarry, being)) continue;
        size_t before = p.pass.count;
        meet(being->pid, 0, &p.pass);
        // It has ended since, and may have left others.
        if (p.pass.count == before) sure = false;
    }
    *count = p.pass.count;
    if (!signal) return sure;
    census_each_since(census, meet_new, &p);
    return true;
}

static bool meet_newest(pid_t pid, pid_t parent, void *context) {
    struct pass *pass = context;
    meet(pid, parent, pass);
    return pass->signal || !pass->count;
}

size_t sweep_newest(const struct drain_quarry *quarry, int signal) {
    struct pass pass = {.quarry = quarry, .signal = signal, .by_group = true};
    proc_each_newest(meet_newest, &pass);
    return pass.count;
}

size_t drain_sweep_end(const struct drain_quarry *quarry, int64_t until) {
    int quiet = 0;
    for (bool again = false;; again = true) {
        struct pass pass = {.quarry = quarry, .signal = SIGKILL, .by_group = again};
        size_t living = sweep(quarry, &pass);
        if (!living) living = sweep_newest(quarry, SIGKILL);
        quiet = living ? 0 : quiet + 1;
        if (quiet == 2) return 0;
        if (drain_now() >= until) return living;
        // What was killed needs a moment to be gone.
        if (living) poll(NULL, 0, 1);
    }
}
