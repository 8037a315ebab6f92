// Somebody who reads a stream as it comes: what is read goes into a ring of theirs as well.

#ifndef DRAIN_CORE_TAP_H
#define DRAIN_CORE_TAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct tap {
    uint8_t *ring;    // the caller's; NULL where nobody reads along
    size_t size;      // of it, in bytes
    uint64_t filled;  // bytes put in so far
    uint64_t limit;   // it may be filled up to here; set by the caller
    uint64_t dropped; // bytes of the stream that found no room and were not put in
    bool drops;       // what finds no room is dropped; else it is left in the pipe
};

// Whether bytes must be left in the pipe for want of room.
bool tap_blocks(const struct tap *tap);

// Bytes that there is room for; 0 where there is no tap.
size_t tap_room(const struct tap *tap);

// Where the next bytes go: at most two runs, at most `most` bytes. Returns how many runs; 0 where
// there is no tap, or no room.
int tap_space(const struct tap *tap, size_t most, struct iovec runs[2]);

// `count` bytes were written to these runs, or dropped.
void tap_filled(struct tap *tap, size_t count);
void tap_dropped(struct tap *tap, size_t count);

#endif
