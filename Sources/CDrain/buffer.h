// A fixed mapping that keeps the first and the last bytes of a stream.

#ifndef DRAIN_CORE_BUFFER_H
#define DRAIN_CORE_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct buffer {
    uint8_t *base;      // the mapping, owned; NULL when nothing is kept
    size_t mapped;      // its length in bytes
    size_t head_size;   // bytes of the head region, at base
    size_t head_length; // of those, filled
    size_t tail_size;   // bytes of the tail ring, behind the head region
    size_t tail_start;  // offset of the oldest byte in the ring
    size_t tail_length; // bytes in the ring
};

int buffer_open(struct buffer *b, size_t head, size_t tail);
void buffer_close(struct buffer *b);

// Where the next bytes go: at most three runs, at most `limit` bytes of the ring may be
// overwritten or filled. Returns how many runs; 0 when nothing more can be kept.
int buffer_space(const struct buffer *b, size_t limit, struct iovec runs[3]);

// `count` bytes were written to the runs that buffer_space named, in their order.
void buffer_filled(struct buffer *b, size_t count);

// Keeps what was read elsewhere; of what the ring cannot hold, the last.
void buffer_append(struct buffer *b, const uint8_t *bytes, size_t count);

// Bytes were dropped between what is in the ring and what comes next.
void buffer_gap(struct buffer *b);

#endif
