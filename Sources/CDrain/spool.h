// A stream's way to disk: the side of the thread that pumps, and what both sides know.

#ifndef DRAIN_CORE_SPOOL_H
#define DRAIN_CORE_SPOOL_H

#include "CDrain.h"

#include <stdatomic.h>

struct drain_spool {
    // Set when it is opened.
    int directory;  // borrowed
    uint64_t most;  // bytes on disk
    uint64_t piece; // bytes of a part; UINT64_MAX where there is only one
    bool keeps_end;
    bool filtered;
    char prefix[96], suffix[32];

    // The side's that pumps.
    int in;             // writing end of the side pipe, owned; -1 once ended
    size_t capacity;    // of the side pipe, in bytes
    uint64_t left;      // bytes that may yet go in; UINT64_MAX for any
    uint64_t taken;     // bytes that went in; the other side's to read once `ended`
    int refusal;        // errno of what ended it on this side, read so too
    bool slow;          // it waited for too long, read so too
    int64_t patience;   // nanoseconds
    int64_t full_since; // when it was first found full; 0 while there was room
    uint64_t copied;    // bytes that went in and are still the next in the stream's own pipe
    bool by_hand;       // tee or splice failed

    // The side's that writes.
    int out;           // reading end of the side pipe, owned
    int file;          // the last part, owned; -1 while there is none open
    uint64_t received; // bytes that came out
    uint64_t held;     // bytes of all parts
    bool stale;        // `doomed` is to be removed
    bool released;     // nobody else reads the side pipe
    bool plain;        // splice was refused
    uint64_t doomed;   // offset of a part
    bool reverted;     // nothing is written any more
    bool done;
    struct drain_spool_state state;

    // Both sides'.
    atomic_bool failed; // by the writer: nothing more need go in
    atomic_bool ended;  // by the pumper: nothing more comes
};

// Whether anything is to go in.
bool spool_takes(struct drain_spool *s);

// Whether the stream is to wait: it is full, and has not been for too long.
bool spool_holds(struct drain_spool *s);

// From another pipe: `most` bytes as they are there, or with `copy` a copy of them. A positive
// count, 0 at the end, -1 with EAGAIN or EINTR. Where the kernel does not do it, it is `by_hand`
// from then on, and -1 with EINTR.
ssize_t spool_take(struct drain_spool *s, int from, size_t most, bool copy);

// What a pipe with any room takes whole: pipe(7), PIPE_BUF.
enum { SPOOL_PIECE = 4096 };

// The same by read and write: the bytes are in `piece` as well, at most `most`. A positive count, 0
// at the end, -1 with errno.
ssize_t spool_read(struct drain_spool *s, int from, uint8_t piece[SPOOL_PIECE], size_t most);

#endif
