// A child as the core knows it.

#ifndef DRAIN_CORE_CHILD_H
#define DRAIN_CORE_CHILD_H

#include "CDrain.h"
#include "input.h"
#include "stream.h"

struct drain_child {
    pid_t pid;              // the leader; also its session and process group
    int pidfd;              // owned
    bool exited;            // seen on the pidfd
    bool signalled;         // somebody of its tree was told to end
    bool reaped;            // by us or by somebody else: `pid` may be another's by now
    bool leaves_background; // see drain_spec
    struct drain_means means;
    int control;             // socket to the drain-run that supervises, owned; else -1
    pid_t command;           // process id of the command, `pid` unless a drain-run supervises
    struct drain_word done;  // its last word
    int64_t started;         // when it was spawned
    uint64_t max_rss_floor;  // bytes, taken before the clone
    struct sink sink;        // shared by both streams
    uint64_t token;          // the caller's, while it is in a set
    struct drain_seen *seen; // of the present round of its set; else NULL
    struct stream streams[DRAIN_STREAMS];
    struct input input;          // of the command, where it is a pipe
    struct drain_census *census; // borrowed, or NULL
};

// The longest that a supervisor may take to end its tree, in nanoseconds: its own hunts take ten
// seconds at most.
static const int64_t SUPERVISOR_PATIENCE = (int64_t)12 * 1000 * 1000 * 1000;

// Waits for the end of the process that was spawned, no longer than `patience` nanoseconds.
void await_leader(const struct drain_child *child, int64_t patience);

// What one stream may move in one round: what a full pipe of the largest size holds, and as much
// again.
enum { ROUND_BUDGET = 2 << 20 };

// The descriptor that tells of the leader.
int leader_descriptor(const struct drain_child *child);

// That descriptor is readable.
void note_leader(struct drain_child *child);

// Whether a stream with something of the leader's in it waits for room in its spool.
bool held_by_spool(struct drain_child *child);

// ppoll(2), which ends early without an error at a signal. 0 or an errno value.
struct pollfd;
int wait_until(struct pollfd *set, size_t count, int64_t until);

#endif
