#include "control.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>

// The places of our own descriptors in the poll set; watches follow.
enum { AT_STREAMS = 0, AT_LEADER = DRAIN_STREAMS, AT_WATCHES };

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
        bool wanted = stream_wanted(s);
        if (wanted && resting && s->rest_until < until) until = s->rest_until;
        set[AT_STREAMS + i] = (struct pollfd){wanted && !resting ? s->fd : -1, POLLIN, 0};
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
    if (set[AT_LEADER].revents) note_leader(child);
    for (size_t i = 0; i < count; i++) watches[i].ready = set[AT_WATCHES + i].revents != 0;
    move_streams(child, set, round);
    struct drain_round known = drain_known(child);
    round->exited = known.exited;
    round->closed = known.closed;
    round->now = known.now;
    return 0;
}

struct drain_round drain_known(const struct drain_child *child) {
    return (struct drain_round){
        .now = drain_now(),
        .exited = child->exited,
        .closed = child->streams[0].fd < 0 && child->streams[1].fd < 0,
    };
}

void drain_give_up(struct drain_child *child) {
    for (int i = 0; i < DRAIN_STREAMS; i++) stream_close(&child->streams[i]);
}
