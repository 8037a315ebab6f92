// Numbers, true, false and null, by RFC 8259, in any pieces.

#ifndef DRAIN_CORE_NUMBER_H
#define DRAIN_CORE_NUMBER_H

#include "scan.h"

static inline bool is_digit(uint8_t c) {
    return c >= '0' && c <= '9';
}

// Each reads on from `s->state` in p..<end, and returns how far: the value is over when the state
// is SCAN_COMMA, and is none when it is SCAN_INVALID_LINE.
const uint8_t *number_read(struct scan *s, const uint8_t *p, const uint8_t *end);
const uint8_t *word_read(struct scan *s, const uint8_t *p, const uint8_t *end);

#endif
