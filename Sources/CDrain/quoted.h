// Strings and keys, by RFC 8259, in any pieces: whether they are valid, where they end, and what
// those say that may be "type" or are the value of one.

#ifndef DRAIN_CORE_QUOTED_H
#define DRAIN_CORE_QUOTED_H

#include "scan.h"

// Behind the quote that begins a key.
void quoted_open_key(struct scan *s);

// Reads on in a string until it is over, what there is is over, or it is found to be none.
const uint8_t *quoted_read(struct scan *s, const uint8_t *p, const uint8_t *end);

// One byte in SCAN_ESCAPE, or in SCAN_HEX. False if it cannot stand there.
bool quoted_escape(struct scan *s, uint8_t c);
bool quoted_hex_digit(struct scan *s, uint8_t c);

#endif
