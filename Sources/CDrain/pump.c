#include "control.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

// The places of our own descriptors in the poll set; watches follow.
enum { AT_STREAMS = 0, AT_LEADER = DRAIN_STREAMS, AT_WATCHES };

// When to look again whether a spool is to be waited for any longer.
static const int64_t GLANCE = 10 * 1000 * 1000;

static const int64_t SECOND = 1000000000;

int64_t drain_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * SECOND + t.tv_nsec;
}

// Fills in what to look at and returns until when.
static int64_t prepare(const struct drain_child *child, struct pollfd *set, int64_t until) {
    int64_t now = drain_now();
    for (int i = 0; i < DRAIN_STREAMS; i++) {
        const struct stream *s = &child->streams[i];
        bool resting = s->rest_until > now && !child->exited;
        // Asked once: there may be room a moment later, and then nothing would be looked at.
        bool held = stream_held(s), wanted = !held && stream_wanted(s);
        if (wanted && resting && s->rest_until < until) until = s->rest_until;
        set[AT_STREAMS + i] = (struct pollfd){wanted && !resting ? s->fd : -1, POLLIN, 0};
        if (held) set[AT_STREAMS + i] = (struct pollfd){s->spool->in, POLLOUT, 0};
        if (held && s->spool->patience != DRAIN_NEVER && now + GLANCE < until) until = now + GLANCE;
    }
    set[AT_LEADER] = (struct pollfd){child->exited ? -1 : leader_descriptor(child), POLLIN, 0};
    return until;
}

int wait_until(struct pollfd *set, size_t count, int64_t until) {
    struct timespec left = {0, 0};
    int64_t gap = until - drain_now();
    if (gap > 0) left = (struct timespec){gap / SECOND, gap % SECOND};
    if (ppoll(set, count, until == DRAIN_NEVER ? NULL : &left, NULL) >= 0) return 0;
    if (errno != EINTR) return errno;
    for (size_t i = 0; i < count; i++) set[i].revents = 0;
    return 0;
}

static void move_streams(struct drain_child *child, const struct pollfd *set,
                         struct drain_round *round) {
    int64_t now = drain_now();
    for (int i = 0; i < DRAIN_STREAMS; i++) {
        struct stream *s = &child->streams[i];
        if (!stream_wanted(s)) continue;
        // Whose rest is over is not polled first: there is something in it, nearly always.
        bool rested = set[AT_STREAMS + i].fd < 0 && s->rest > 0 && s->rest_until <= now;
        bool looked_at = set[AT_STREAMS + i].fd >= 0 || rested;
        // Once the leader has ended its streams are always looked at: a pipe found empty before
        // the pidfd was ready may have been filled, and closed, since.
        if (!child->exited && !looked_at) continue;
        size_t found = 0;
        if (child->exited || rested || set[AT_STREAMS + i].revents)
            found = stream_move(s, &child->sink, ROUND_BUDGET, child->exited);
        round->moved[i] = found;
        if (looked_at) stream_pace(s, found, drain_now());
    }
}

int leader_descriptor(const struct drain_child *child) {
    return child->control >= 0 ? child->control : child->pidfd;
}

// The pidfd says no more than one thing; a supervisor has words.
void note_leader(struct drain_child *child) {
    if (child->control >= 0)
        control_hear(child);
    else
        child->exited = true;
}

int drain_pump(struct drain_child *child, struct drain_watch *watches, size_t count, int64_t until,
               struct drain_round *round) {
    memset(round, 0, sizeof *round);
    if (count > DRAIN_WATCHES) return EINVAL;
    struct pollfd set[AT_WATCHES + DRAIN_WATCHES];
    until = prepare(child, set, until);
    for (size_t i = 0; i < count; i++) {
        short events = (short)((watches[i].read ? POLLIN : 0) | (watches[i].write ? POLLOUT : 0));
        set[AT_WATCHES + i] = (struct pollfd){watches[i].fd, events, 0};
    }
    int error = wait_until(set, AT_WATCHES + count, until);
    if (error) return error;
    if (set[AT_LEADER].revents) {
        note_leader(child);
        // One that was taken before does not know whom the leader made last.
        child->census = NULL;
    }
    for (size_t i = 0; i < count; i++) watches[i].ready = set[AT_WATCHES + i].revents != 0;
    move_streams(child, set, round);
    struct drain_round known = drain_known(child);
    round->exited = known.exited;
    round->closed = known.closed;
    round->held = known.held;
    round->now = known.now;
    return 0;
}

// When the leader has ended, only what it left is worth waiting for: somebody else may write for
// ever.
static bool owes(struct stream *s) {
    int waiting = 0;
    if (s->owed == 0 && ioctl(s->fd, FIONREAD, &waiting) == 0)
        s->owed = s->total + (uint64_t)(waiting > 0 ? waiting : 0);
    return s->total < s->owed;
}

bool held_by_spool(struct drain_child *child) {
    bool held = false;
    for (int i = 0; i < DRAIN_STREAMS; i++) {
        struct stream *s = &child->streams[i];
        if (stream_held(s) && (!child->exited || owes(s))) held = true;
    }
    return held;
}

struct drain_round drain_known(struct drain_child *child) {
    return (struct drain_round){
        .now = drain_now(),
        .exited = child->exited,
        .closed = child->streams[0].fd < 0 && child->streams[1].fd < 0,
        .held = held_by_spool(child),
    };
}

void drain_hurry(struct drain_child *child) {
    for (int i = 0; i < DRAIN_STREAMS; i++)
        if (child->streams[i].spool) child->streams[i].spool->patience = 0;
}

void drain_give_up(struct drain_child *child) {
    for (int i = 0; i < DRAIN_STREAMS; i++) stream_close(&child->streams[i]);
}
