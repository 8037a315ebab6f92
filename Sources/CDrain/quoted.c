#include "quoted.h"
#include "name.h"
#include "vector.h"

#include <string.h>

void quoted_open_key(struct scan *s) {
    // The outermost value is an object, so what is an object at depth 2 is a member of it.
    s->role = s->depth <= 2 ? SCAN_NEW_KEY : SCAN_PLAIN;
    s->in_key = true;
    s->type_next = false;
    s->state = SCAN_STRING;
}

static void close_key(struct scan *s) {
    s->state = SCAN_COLON;
    if (s->role == SCAN_MAY_BE_TYPE) {
        name_settle(s);
        s->type_next = !s->name_overrun && s->name_length == 4 && memcmp(s->name, "type", 4) == 0;
    }
    s->role = SCAN_PLAIN;
}

static void close_value(struct scan *s) {
    s->state = SCAN_COMMA;
    if (s->role == SCAN_PLAIN) return;
    name_settle(s);
    bool listed = name_is_listed(s);
    if (s->depth == 1)
        s->own_wanted = listed || name_is_alarming(s);
    else
        s->member_wanted = listed;
    s->role = SCAN_PLAIN;
}

bool quoted_escape(struct scan *s, uint8_t c) {
    static const char from[] = "\"\\/bfnrt";
    static const char to[] = "\"\\/\b\f\n\r\t";
    if (c == 'u') {
        s->unit = 0;
        s->hex_left = 4;
        s->state = SCAN_HEX;
        return true;
    }
    const char *found = c ? memchr(from, c, sizeof from - 1) : NULL;
    if (!found) return false;
    if (s->role != SCAN_PLAIN) name_add_unit(s, (uint8_t)to[found - from]);
    s->state = SCAN_STRING;
    return true;
}

bool quoted_hex_digit(struct scan *s, uint8_t c) {
    unsigned digit;
    if (c >= '0' && c <= '9')
        digit = c - (unsigned)'0';
    else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
        digit = (c | 0x20u) - 'a' + 10;
    else
        return false;
    s->unit = s->unit << 4 | digit;
    if (--s->hex_left > 0) return true;
    if (s->role != SCAN_PLAIN) name_add_unit(s, s->unit);
    s->state = SCAN_STRING;
    return true;
}

static void take_plain(struct scan *s, const uint8_t *bytes, size_t count) {
    if (count == 0) return;
    if (s->role == SCAN_NEW_KEY) {
        if (bytes[0] == 't')
            name_begin(s, SCAN_MAY_BE_TYPE);
        else
            s->role = SCAN_PLAIN;
    }
    if (s->role == SCAN_PLAIN) return;
    name_settle(s);
    name_add(s, bytes, count);
}

// What a block leaves to the next one.
struct carry {
    uint64_t escaped; // 1: its first byte is behind a backslash
    uint64_t hex;     // of its first four bytes, those that have to be digits of a \u
};

// The bytes behind a backslash that is not behind one itself. A run of backslashes that starts at
// an even place and one that starts at an odd place are told apart by an addition, the carry of
// which runs through either to the byte behind it.
static uint64_t find_escaped(uint64_t slashes, struct carry *carry) {
    const uint64_t even = 0x5555555555555555;
    slashes &= ~carry->escaped;
    uint64_t behind = slashes << 1 | carry->escaped;
    uint64_t odd_starts = slashes & ~even & ~behind;
    uint64_t sum;
    carry->escaped = __builtin_add_overflow(odd_starts, slashes, &sum);
    return (even ^ sum << 1) & behind;
}

static uint64_t bad_escapes(struct block b, uint64_t escaped, struct carry *carry) {
    // One bit is all that f and n, b and r, t and u differ by.
    struct block letters = block_either(block_equal(b, 8, 'n'), block_equal(b, 16, 'r'));
    struct block signs = block_either(block_equal(b, 0, '"'), block_equal(b, 0, '\\'));
    letters = block_either(letters, block_equal(b, 1, 'u'));
    signs = block_either(signs, block_equal(b, 0, '/'));
    uint64_t bad = escaped & ~block_bits(block_either(letters, signs));
    uint64_t long_ones = escaped & block_bits(block_equal(b, 0, 'u'));
    if (!(long_ones | carry->hex)) return bad;
    uint64_t digits =
        long_ones << 1 | long_ones << 2 | long_ones << 3 | long_ones << 4 | carry->hex;
    carry->hex = long_ones >> 63 | long_ones >> 62 | long_ones >> 61 | long_ones >> 60;
    struct block figures = block_within(b, 0, '0', '9');
    uint64_t hex = block_bits(block_either(figures, block_within(b, 0x20, 'a', 'f')));
    return bad | (digits & ~hex);
}

// The first byte in p..<end that is a quote, a backslash or a control character, or end.
static const uint8_t *plain_end(const uint8_t *p, const uint8_t *end) {
    while (end - p >= VECTOR) {
        vector v = vector_load(p);
        vector ends = vector_equal(v, '"') | vector_equal(v, '\\') | vector_below(v, 0x20);
        uint64_t hits = vector_bits(ends);
        if (hits) return p + __builtin_ctzll(hits);
        p += VECTOR;
    }
    while (p < end && *p != '"' && *p != '\\' && *p >= 0x20) p++;
    return p;
}

static const uint8_t *close_string(struct scan *s, const uint8_t *p) {
    if (s->in_key)
        close_key(s);
    else
        close_value(s);
    return p;
}

static const uint8_t *refuse(struct scan *s, const uint8_t *p) {
    s->state = SCAN_INVALID_LINE;
    return p;
}

// Reads a string of which nobody has to know what it says, while there are whole blocks.
static const uint8_t *read_blocks(struct scan *s, const uint8_t *p, const uint8_t *end) {
    struct carry carry = {0, 0};
    while (end - p >= BLOCK) {
        struct block b = block_load(p);
        uint64_t slashes = block_bits(block_equal(b, 0, '\\'));
        uint64_t quotes = block_bits(block_equal(b, 0, '"'));
        uint64_t bad = block_bits(block_below(b, 0x20));
        if (slashes | carry.escaped | carry.hex) {
            uint64_t escaped = find_escaped(slashes, &carry);
            quotes &= ~escaped;
            bad |= bad_escapes(b, escaped, &carry);
        }
        // What stands behind the end of the string is not its concern.
        uint64_t inside = quotes ? quotes ^ (quotes - 1) : UINT64_MAX;
        if (bad & inside) return refuse(s, p);
        if (quotes) return close_string(s, p + __builtin_ctzll(quotes) + 1);
        p += BLOCK;
    }
    if (carry.escaped) s->state = SCAN_ESCAPE;
    if (carry.hex) {
        s->state = SCAN_HEX;
        s->hex_left = (unsigned)__builtin_popcountll(carry.hex);
    }
    return p;
}

const uint8_t *quoted_read(struct scan *s, const uint8_t *p, const uint8_t *end) {
    while (p < end) {
        const uint8_t *stop = plain_end(p, end);
        if (s->role != SCAN_PLAIN) take_plain(s, p, (size_t)(stop - p));
        if (stop == end) return end;
        p = stop + 1;
        if (*stop == '"') return close_string(s, p);
        if (*stop != '\\') return refuse(s, stop);
        if (s->role == SCAN_PLAIN && end - stop >= BLOCK) return read_blocks(s, stop, end);
        if (s->role == SCAN_NEW_KEY) name_begin(s, SCAN_MAY_BE_TYPE);
        s->state = SCAN_ESCAPE;
        if (p == end) return p;
        if (!quoted_escape(s, *p)) return refuse(s, p);
        p++;
        if (s->state == SCAN_HEX) return p;
    }
    return p;
}
