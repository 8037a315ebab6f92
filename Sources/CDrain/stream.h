// One pipe: what is kept goes into the buffer, the rest away.

#ifndef DRAIN_CORE_STREAM_H
#define DRAIN_CORE_STREAM_H

#include "buffer.h"
#include "events.h"
#include "spool.h"
#include "tap.h"

struct stream {
    int fd;               // reading end, non-blocking, owned; -1 once closed
    int watcher;          // epoll that has it, borrowed; -1 for none
    bool eof;             // the end was reached
    bool grown;           // the pipe was enlarged, or that was refused
    size_t capacity;      // of the pipe, in bytes
    size_t *growth;       // bytes that pipes may yet be enlarged by, borrowed; NULL for any
    size_t enlarged;      // bytes taken of it, given back when the pipe is closed
    uint64_t total;       // bytes carried so far
    uint64_t hold;        // bytes from this offset on must not be overwritten
    int64_t rest;         // how long to look away, nanoseconds; 0 while there is no reason to
    int64_t rest_until;   // not looked at before
    int small_finds;      // finds in a row that were too small to be worth waking for
    struct buffer buffer; // owned until taken
    struct drain_events *events; // reads all of it as well; borrowed, or NULL
    uint64_t owed;               // what it will have carried with what its leader left in the pipe
    struct drain_spool *spool;   // takes all of it as well; borrowed, or NULL
    struct tap tap;              // whoever reads it as it comes
    bool parked;                 // taken out of the epoll till there is room in the tap
};

// Where bytes go that nobody wants. `fd` is /dev/null, -1 before it was needed, -2 when it
// cannot be used.
struct sink {
    int fd;
};

// Moves what is in the pipe, up to `budget` bytes; until it is dry or, if need not be, until little
// is found. Returns how many bytes that were.
size_t stream_move(struct stream *s, struct sink *sink, size_t budget, bool dry);

// Whether its spool has no room for what comes next.
bool stream_held(const struct stream *s);

// Whether anything can be read without overwriting what is held, or overtaking the spool.
bool stream_wanted(const struct stream *s);

// Sets how long to look away, by what was found.
void stream_pace(struct stream *s, size_t found, int64_t now);

// Whoever reads it has asked something and waits for the answer: it is looked at when it comes.
void stream_attend(struct stream *s);

void stream_close(struct stream *s);
void sink_close(struct sink *sink);

#endif
