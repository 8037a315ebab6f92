// One round over many children. Nothing here goes through all of them: the kernel tells which are
// ready, and in turn if they are many.

#include "child.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
    LEADERS = 64,           // told of in one round
    STREAMS = 128,          // looked at in one round
    LEAST_SHARE = 64 << 10, // of a stream in one round, however many there are
    PIPE_GROWTH = 16 << 20, // by which all pipes of a set may be enlarged together
};

_Static_assert(LEADERS + STREAMS == DRAIN_SEEN, "each may be of another child");

// For a stream that must not be read now, though there is something in it; and the most that all
// are looked away from for the sake of some, since another may say its first word meanwhile.
static const int64_t HELD_BACK = 1000 * 1000;

struct drain_set {
    int leaders;        // epoll of the leaders that run, and the wake-up; owned
    int streams;        // epoll of the open streams, owned
    int wake;           // eventfd, owned
    size_t count;       // children
    size_t growth;      // bytes that pipes may yet be enlarged by
    int64_t rest_until; // no stream is looked at before
    struct sink sink;
};

// What a round has seen so far, and of whom.
struct tally {
    struct drain_seen *seen;
    size_t count;
    struct drain_child *children[DRAIN_SEEN];
};

int drain_set_open(struct drain_set **out) {
    struct epoll_event wake = {.events = EPOLLIN, .data.ptr = NULL};
    struct drain_set *set = calloc(1, sizeof *set);
    *out = NULL;
    if (!set) return ENOMEM;
    set->growth = PIPE_GROWTH;
    set->sink.fd = -1;
    set->leaders = epoll_create1(EPOLL_CLOEXEC);
    set->streams = epoll_create1(EPOLL_CLOEXEC);
    set->wake = drain_wake_open();
    int error = set->wake < 0 ? -set->wake : 0;
    if (set->leaders < 0 || set->streams < 0) error = EMFILE;
    if (!error && epoll_ctl(set->leaders, EPOLL_CTL_ADD, set->wake, &wake) != 0) error = errno;
    if (error)
        drain_set_close(set);
    else
        *out = set;
    return error;
}

void drain_set_close(struct drain_set *set) {
    if (set->leaders >= 0) close(set->leaders);
    if (set->streams >= 0) close(set->streams);
    if (set->wake >= 0) close(set->wake);
    sink_close(&set->sink);
    free(set);
}

void drain_set_wake(const struct drain_set *set) {
    drain_wake(set->wake);
}

// A stream is named by its child's address and, in the lowest bit, which of the two it is.
static int watch_stream(struct drain_set *set, struct drain_child *child, int which) {
    struct stream *s = &child->streams[which];
    struct epoll_event event = {.events = EPOLLIN};
    event.data.u64 = (uintptr_t)child | (uintptr_t)which;
    s->growth = &set->growth;
    if (s->fd < 0) return 0;
    if (epoll_ctl(set->streams, EPOLL_CTL_ADD, s->fd, &event) != 0) return errno;
    s->watcher = set->streams;
    s->parked = false;
    return 0;
}

// Not by an empty mask: the end of a pipe is told of all the same, again and again.
static void park(struct stream *s) {
    epoll_ctl(s->watcher, EPOLL_CTL_DEL, s->fd, NULL);
    s->parked = true;
}

int drain_set_resume(struct drain_set *set, struct drain_child *child) {
    int error = 0;
    for (int i = 0; i < DRAIN_STREAMS && !error; i++) {
        struct stream *s = &child->streams[i];
        if (!s->parked || s->fd < 0 || tap_blocks(&s->tap)) continue;
        stream_attend(s);
        error = watch_stream(set, child, i);
    }
    return error;
}

// Of what is told of among the leaders, a child's own address is its leader, and the next one its
// standard input. That is there and not among the streams, since these are looked away from.
static void *input_name(struct drain_child *child) {
    return (char *)child + 1;
}

int drain_set_await_input(struct drain_set *set, struct drain_child *child) {
    return input_await(&child->input, set->leaders, &set->growth, input_name(child));
}

int drain_set_add(struct drain_set *set, struct drain_child *child, uint64_t token) {
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = child};
    int error = 0, leader = leader_descriptor(child);
    child->token = token;
    set->count++;
    if (!child->exited && epoll_ctl(set->leaders, EPOLL_CTL_ADD, leader, &event) != 0)
        error = errno;
    for (int i = 0; i < DRAIN_STREAMS && !error; i++) error = watch_stream(set, child, i);
    if (error) drain_set_remove(set, child);
    return error;
}

void drain_set_remove(struct drain_set *set, struct drain_child *child) {
    // Its end may have been heard of in the answer to a question.
    epoll_ctl(set->leaders, EPOLL_CTL_DEL, leader_descriptor(child), NULL);
    for (int i = 0; i < DRAIN_STREAMS; i++) {
        struct stream *s = &child->streams[i];
        if (s->watcher >= 0 && s->fd >= 0) epoll_ctl(s->watcher, EPOLL_CTL_DEL, s->fd, NULL);
        s->watcher = -1;
        if (s->growth) *s->growth += s->enlarged;
        s->enlarged = 0;
        s->growth = NULL;
        s->parked = false;
    }
    input_leave(&child->input);
    set->count--;
}

static struct drain_round *round_of(struct tally *tally, struct drain_child *child) {
    if (!child->seen) {
        tally->children[tally->count] = child;
        child->seen = &tally->seen[tally->count++];
        memset(child->seen, 0, sizeof *child->seen);
        child->seen->token = child->token;
    }
    return &child->seen->round;
}

// What the leader wrote is in the pipes, whether they were being looked away from or not.
static void move_all(struct drain_set *set, struct drain_child *child, struct drain_round *round) {
    for (int i = 0; i < DRAIN_STREAMS; i++) {
        struct stream *s = &child->streams[i];
        if (stream_wanted(s)) round->moved[i] += stream_move(s, &set->sink, ROUND_BUDGET, true);
    }
}

static int hear_leaders(struct drain_set *set, struct tally *tally, bool *woken) {
    struct epoll_event events[LEADERS];
    int count = epoll_wait(set->leaders, events, LEADERS, 0);
    if (count < 0) return errno == EINTR ? 0 : errno;
    for (int i = 0; i < count; i++) {
        struct drain_child *child = events[i].data.ptr;
        if (!child) {
            uint64_t times;
            *woken = read(set->wake, &times, sizeof times) > 0;
            continue;
        }
        if ((uintptr_t)child & 1) {
            child = (struct drain_child *)((char *)child - 1);
            round_of(tally, child)->writable = true;
            continue;
        }
        note_leader(child);
        if (!child->exited) continue;
        epoll_ctl(set->leaders, EPOLL_CTL_DEL, leader_descriptor(child), NULL);
        move_all(set, child, round_of(tally, child));
    }
    return 0;
}

// Moves the share of one stream. Returns until when it need not be looked at again.
static int64_t move_share(struct drain_set *set, struct drain_child *child, int which,
                          struct drain_round *round) {
    struct stream *s = &child->streams[which];
    size_t share = ROUND_BUDGET / set->count;
    if (share < LEAST_SHARE) share = LEAST_SHARE;
    // Whoever reads along can begin while more is fetched.
    if (s->tap.ring && share > s->tap.size / 4) share = s->tap.size / 4 + 1;
    size_t found = stream_move(s, &set->sink, share, child->exited);
    round->moved[which] += found;
    // What was left behind for the others' sake is not little.
    stream_pace(s, found >= share ? s->capacity : found, drain_now());
    return child->exited ? 0 : s->rest_until;
}

static int move_streams(struct drain_set *set, struct tally *tally) {
    struct epoll_event events[STREAMS];
    int count = epoll_wait(set->streams, events, STREAMS, 0);
    if (count < 0) return errno == EINTR ? 0 : errno;
    int64_t now = drain_now();
    int64_t rest_until = count > 0 && count < STREAMS ? DRAIN_NEVER : 0;
    for (int i = 0; i < count; i++) {
        uintptr_t name = (uintptr_t)events[i].data.u64;
        int which = (int)(name & 1);
        struct drain_child *child = (struct drain_child *)(name - (uintptr_t)which);
        struct stream *s = &child->streams[which];
        if (s->fd < 0) continue; // its leader ended in this round
        int64_t rest = s->rest_until;
        if (tap_blocks(&s->tap)) {
            park(s);
            continue;
        }
        if (!stream_wanted(s))
            rest = now + HELD_BACK;
        else if (child->exited || rest <= now)
            rest = move_share(set, child, which, round_of(tally, child));
        if (rest < rest_until) rest_until = rest;
    }
    if (rest_until != DRAIN_NEVER && rest_until > now + HELD_BACK) rest_until = now + HELD_BACK;
    set->rest_until = rest_until == DRAIN_NEVER ? 0 : rest_until;
    return 0;
}

int drain_set_pump(struct drain_set *set, int64_t until, struct drain_seen *seen, size_t *count,
                   bool *woken) {
    struct tally tally = {.seen = seen};
    bool resting = set->rest_until > drain_now();
    struct pollfd ready[2] = {{set->leaders, POLLIN, 0}, {resting ? -1 : set->streams, POLLIN, 0}};
    *woken = false;
    int error = wait_until(ready, 2, resting && set->rest_until < until ? set->rest_until : until);
    if (!error && ready[0].revents) error = hear_leaders(set, &tally, woken);
    int64_t now = drain_now();
    // After a rest the streams need not be polled first: something is in them, nearly always.
    bool rested = resting && set->rest_until <= now;
    if (!error && (rested || ready[1].revents)) error = move_streams(set, &tally);
    now = drain_now();
    for (size_t i = 0; i < tally.count; i++) {
        struct drain_child *child = tally.children[i];
        struct drain_round *round = &seen[i].round;
        round->now = now;
        round->exited = child->exited;
        round->closed = child->streams[0].fd < 0 && child->streams[1].fd < 0;
        round->held = held_by_spool(child);
        child->seen = NULL;
    }
    *count = tally.count;
    return error;
}
