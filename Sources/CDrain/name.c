#include "name.h"

#include <string.h>

static uint8_t lower(uint8_t c) {
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 'a' - 'A') : c;
}

static bool holds(const uint8_t *bytes, size_t count, const char *word) {
    size_t length = strlen(word);
    for (size_t at = 0; at + length <= count; at++) {
        size_t same = 0;
        while (same < length && lower(bytes[at + same]) == (uint8_t)word[same]) same++;
        if (same == length) return true;
    }
    return false;
}

bool name_is_alarming(const struct scan *s) {
    return s->name_alarming || holds(s->name, s->name_length, "error") ||
           holds(s->name, s->name_length, "failed");
}

bool name_is_listed(const struct scan *s) {
    if (s->name_overrun) return false;
    for (size_t i = 0; i < s->type_count; i++) {
        const struct drain_type *type = &s->types[i];
        if (type->count == s->name_length && memcmp(type->bytes, s->name, type->count) == 0)
            return true;
    }
    return false;
}

// A name longer than its room is none that is looked for, but may still be an error's.
static void name_make_room(struct scan *s) {
    const size_t context = sizeof "failed" - 2;
    s->name_alarming = name_is_alarming(s);
    s->name_overrun = true;
    memmove(s->name, s->name + s->name_length - context, context);
    s->name_length = context;
}

void name_add(struct scan *s, const uint8_t *bytes, size_t count) {
    while (count > 0) {
        if (s->name_length == s->name_size) name_make_room(s);
        size_t room = s->name_size - s->name_length;
        size_t part = count < room ? count : room;
        memcpy(s->name + s->name_length, bytes, part);
        s->name_length += part;
        bytes += part;
        count -= part;
    }
}

static void name_add_scalar(struct scan *s, unsigned c) {
    uint8_t bytes[4];
    size_t count = 0;
    if (c < 0x80) {
        bytes[count++] = (uint8_t)c;
    } else {
        int more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
        static const uint8_t leads[] = {0, 0xC0, 0xE0, 0xF0};
        bytes[count++] = (uint8_t)(leads[more] | c >> 6 * more);
        while (more-- > 0) bytes[count++] = (uint8_t)(0x80 | (c >> 6 * more & 0x3F));
    }
    name_add(s, bytes, count);
}

// A high surrogate that no low one followed.
void name_settle(struct scan *s) {
    if (s->surrogate) name_add_scalar(s, 0xFFFD);
    s->surrogate = 0;
}

void name_add_unit(struct scan *s, unsigned unit) {
    if (s->surrogate && unit >= 0xDC00 && unit <= 0xDFFF) {
        unsigned high = s->surrogate;
        s->surrogate = 0;
        name_add_scalar(s, 0x10000 + ((high - 0xD800) << 10) + (unit - 0xDC00));
        return;
    }
    name_settle(s);
    if (unit >= 0xD800 && unit <= 0xDBFF)
        s->surrogate = unit;
    else
        name_add_scalar(s, unit >= 0xDC00 && unit <= 0xDFFF ? 0xFFFD : unit);
}

void name_begin(struct scan *s, enum scan_role role) {
    s->role = role;
    s->name_length = 0;
    s->surrogate = 0;
    s->name_overrun = false;
    s->name_alarming = false;
}
