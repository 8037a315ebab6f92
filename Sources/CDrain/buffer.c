#include "buffer.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>

int buffer_open(struct buffer *b, size_t head, size_t tail) {
    memset(b, 0, sizeof *b);
    b->head_size = head;
    b->tail_size = tail;
    if (__builtin_add_overflow(head, tail, &b->mapped)) return ENOMEM;
    if (b->mapped == 0) return 0;
    // MAP_NORESERVE: a large cap that is never filled must not count against the host's
    // memory, not even as a promise.
    void *base = mmap(NULL, b->mapped, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED) {
        b->mapped = 0;
        return errno;
    }
    b->base = base;
    return 0;
}

void buffer_close(struct buffer *b) {
    if (b->base) munmap(b->base, b->mapped);
    b->base = NULL;
    b->mapped = 0;
}

int buffer_space(const struct buffer *b, size_t limit, struct iovec runs[3]) {
    int count = 0;
    if (b->head_length < b->head_size) {
        runs[count++] = (struct iovec){b->base + b->head_length, b->head_size - b->head_length};
    }
    size_t room = b->tail_size < limit ? b->tail_size : limit;
    if (room == 0) return count;
    // The ring is written from its newest byte on, around its end, over its oldest bytes.
    uint8_t *ring = b->base + b->head_size;
    size_t end = b->tail_start + b->tail_length;
    if (end >= b->tail_size) end -= b->tail_size;
    size_t first = b->tail_size - end;
    if (first > room) first = room;
    runs[count++] = (struct iovec){ring + end, first};
    if (room > first) runs[count++] = (struct iovec){ring, room - first};
    return count;
}

// What is filled past a mebibyte is likely to be filled further: in large pages (madvise(2)) that
// takes a five-hundredth of the faults. Small output keeps to small pages, and never is more
// resident than was mapped. Refused, it changes nothing.
static void expect_more(struct buffer *b, size_t before, size_t after) {
    const size_t much = 1 << 20;
    if (before < much && after >= much && b->mapped > 2 * much)
        madvise(b->base, b->mapped, MADV_HUGEPAGE);
}

void buffer_filled(struct buffer *b, size_t count) {
    size_t before = b->head_length + b->tail_length;
    size_t head = b->head_size - b->head_length;
    if (head > count) head = count;
    b->head_length += head;
    count -= head;
    b->tail_length += count;
    if (b->tail_length > b->tail_size) {
        size_t over = b->tail_length - b->tail_size;
        b->tail_length = b->tail_size;
        b->tail_start += over;
        if (b->tail_start >= b->tail_size) b->tail_start -= b->tail_size;
    }
    expect_more(b, before, b->head_length + b->tail_length);
}

void buffer_gap(struct buffer *b) {
    b->tail_start = 0;
    b->tail_length = 0;
}

void buffer_append(struct buffer *b, const uint8_t *bytes, size_t count) {
    size_t head = b->head_size - b->head_length;
    if (head > count) head = count;
    if (head > 0) memcpy(b->base + b->head_length, bytes, head);
    b->head_length += head;
    bytes += head;
    count -= head;
    if (count > b->tail_size) {
        bytes += count - b->tail_size;
        count = b->tail_size;
        buffer_gap(b);
    }
    struct iovec runs[3];
    int pieces = count > 0 ? buffer_space(b, count, runs) : 0;
    for (int i = 0; i < pieces; i++) {
        memcpy(runs[i].iov_base, bytes, runs[i].iov_len);
        bytes += runs[i].iov_len;
    }
    buffer_filled(b, count);
}
