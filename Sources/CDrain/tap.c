#include "tap.h"

#include "child.h"

#include <string.h>

size_t tap_room(const struct tap *tap) {
    return tap->ring && tap->limit > tap->filled ? (size_t)(tap->limit - tap->filled) : 0;
}

bool tap_blocks(const struct tap *tap) {
    return tap->ring && !tap->drops && tap_room(tap) == 0;
}

int tap_space(const struct tap *tap, size_t most, struct iovec runs[2]) {
    size_t left = tap_room(tap) < most ? tap_room(tap) : most;
    if (left == 0) return 0;
    size_t at = (size_t)(tap->filled % tap->size);
    size_t first = tap->size - at < left ? tap->size - at : left;
    runs[0] = (struct iovec){tap->ring + at, first};
    runs[1] = (struct iovec){tap->ring, left - first};
    return left > first ? 2 : 1;
}

void tap_filled(struct tap *tap, size_t count) {
    tap->filled += count;
}

void tap_dropped(struct tap *tap, size_t count) {
    if (tap->ring) tap->dropped += count;
}

void drain_tap_open(struct drain_child *child, int which, uint8_t *ring, size_t size, bool drops) {
    child->streams[which].tap =
        (struct tap){.ring = ring, .size = size, .limit = size, .drops = drops};
}

void drain_tap_close(struct drain_child *child, int which) {
    child->streams[which].tap.ring = NULL;
}

struct drain_tap drain_tap_look(const struct drain_child *child, int which) {
    const struct stream *s = &child->streams[which];
    return (struct drain_tap){
        .filled = s->tap.filled, .dropped = s->tap.dropped, .ended = s->fd < 0, .eof = s->eof};
}

void drain_tap_allow(struct drain_child *child, int which, uint64_t limit) {
    struct tap *tap = &child->streams[which].tap;
    if (limit <= tap->filled + tap->size) tap->limit = limit;
}

void drain_tap_drop(struct drain_child *child, int which) {
    child->streams[which].tap.drops = true;
}

size_t drain_lines_end(const uint8_t *bytes, size_t count) {
    const uint8_t *last = memrchr(bytes, '\n', count);
    return last ? (size_t)(last - bytes) + 1 : 0;
}

void drain_attend(struct drain_child *child) {
    for (int i = 0; i < DRAIN_STREAMS; i++) stream_attend(&child->streams[i]);
}
