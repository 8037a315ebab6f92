// What a key that may be "type", or the value of one that is, reads as when escapes are undone.

#ifndef DRAIN_CORE_NAME_H
#define DRAIN_CORE_NAME_H

#include "scan.h"

void name_begin(struct scan *s, enum scan_role role);
void name_add(struct scan *s, const uint8_t *bytes, size_t count);

// A UTF-16 unit of an escape; half of a pair without the other becomes U+FFFD.
void name_add_unit(struct scan *s, unsigned unit);

// What comes next is no unit: a half that waited for the other one does not any more.
void name_settle(struct scan *s);

// Whether it is one of the types that are wanted.
bool name_is_listed(const struct scan *s);

// Whether it holds "error" or "failed".
bool name_is_alarming(const struct scan *s);

#endif
