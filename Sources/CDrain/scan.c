#include "scan.h"
#include "name.h"
#include "vector.h"

#include <string.h>

enum { MARK_OVER = 3 };

static const uint8_t MARK[MARK_OVER] = {0xEF, 0xBB, 0xBF};

// 1. Containers ---------------------------------------------------------------------------

static bool in_object(const struct scan *s) {
    unsigned at = s->depth - 1;
    return s->objects[at / 64] >> at % 64 & 1;
}

static bool open_container(struct scan *s, bool object) {
    if (s->depth == SCAN_DEPTH) return false;
    unsigned at = s->depth++;
    uint64_t bit = (uint64_t)1 << at % 64;
    s->objects[at / 64] = object ? s->objects[at / 64] | bit : s->objects[at / 64] & ~bit;
    if (s->depth == 2) s->member_wanted = false;
    s->state = object ? SCAN_FIRST_KEY : SCAN_FIRST_VALUE;
    return true;
}

static void close_container(struct scan *s) {
    if (s->depth == 2 && s->member_wanted) s->nested_wanted = true;
    if (s->depth == 2) s->member_wanted = false;
    s->depth--;
    s->state = s->depth == 0 ? SCAN_DONE : SCAN_COMMA;
}

// 2. Strings ------------------------------------------------------------------------------

static void open_key(struct scan *s) {
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

// The last "type" counts, whatever its value is.
static void begin_type(struct scan *s) {
    if (s->depth == 1)
        s->own_wanted = false;
    else
        s->member_wanted = false;
}

static bool escape(struct scan *s, uint8_t c) {
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

static bool hex_digit(struct scan *s, uint8_t c) {
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

// Reads on in a string until it is over, what there is is over, or it is found to be none.
static const uint8_t *read_string(struct scan *s, const uint8_t *p, const uint8_t *end) {
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
        if (!escape(s, *p)) return refuse(s, p);
        p++;
        if (s->state == SCAN_HEX) return p;
    }
    return p;
}

// 3. Numbers, words -----------------------------------------------------------------------

static bool is_digit(uint8_t c) {
    return c >= '0' && c <= '9';
}

// Where a number goes from `s->state` with `c`; SCAN_COMMA when it ended before `c`.
static enum scan_state number_next(enum scan_state state, uint8_t c) {
    bool is_exponent = c == 'e' || c == 'E';
    switch (state) {
    case SCAN_MINUS:
        return c == '0' ? SCAN_ZERO : is_digit(c) ? SCAN_INTEGER : SCAN_INVALID_LINE;
    case SCAN_INTEGER:
        if (is_digit(c)) return SCAN_INTEGER;
        return c == '.' ? SCAN_POINT : is_exponent ? SCAN_EXPONENT : SCAN_COMMA;
    case SCAN_ZERO:
        return c == '.' ? SCAN_POINT : is_exponent ? SCAN_EXPONENT : SCAN_COMMA;
    case SCAN_POINT:
        return is_digit(c) ? SCAN_FRACTION : SCAN_INVALID_LINE;
    case SCAN_FRACTION:
        return is_digit(c) ? SCAN_FRACTION : is_exponent ? SCAN_EXPONENT : SCAN_COMMA;
    case SCAN_EXPONENT:
        if (c == '+' || c == '-') return SCAN_EXPONENT_SIGN;
        return is_digit(c) ? SCAN_POWER : SCAN_INVALID_LINE;
    case SCAN_EXPONENT_SIGN:
        return is_digit(c) ? SCAN_POWER : SCAN_INVALID_LINE;
    default:
        return is_digit(c) ? SCAN_POWER : SCAN_COMMA;
    }
}

static const uint8_t *read_number(struct scan *s, const uint8_t *p, const uint8_t *end) {
    while (p < end) {
        enum scan_state next = number_next(s->state, *p);
        s->state = next;
        if (next == SCAN_COMMA || next == SCAN_INVALID_LINE) return p;
        p++;
    }
    return p;
}

static const uint8_t *read_word(struct scan *s, const uint8_t *p, const uint8_t *end) {
    while (p < end && *s->word) {
        if (*p != (uint8_t)*s->word) {
            s->state = SCAN_INVALID_LINE;
            return p;
        }
        s->word++;
        p++;
    }
    if (!*s->word) s->state = SCAN_COMMA;
    return p;
}

// 4. Structure ----------------------------------------------------------------------------

static bool begin_value(struct scan *s, uint8_t c) {
    bool is_type = s->type_next;
    s->type_next = false;
    if (is_type) begin_type(s);
    s->in_key = false;
    switch (c) {
    case '"':
        if (is_type)
            name_begin(s, SCAN_TYPE);
        else
            s->role = SCAN_PLAIN;
        s->state = SCAN_STRING;
        return true;
    case '{':
        return open_container(s, true);
    case '[':
        return open_container(s, false);
    case '-':
        s->state = SCAN_MINUS;
        return true;
    case '0':
        s->state = SCAN_ZERO;
        return true;
    case 't':
        s->word = "rue";
        break;
    case 'f':
        s->word = "alse";
        break;
    case 'n':
        s->word = "ull";
        break;
    default:
        s->state = SCAN_INTEGER;
        return is_digit(c);
    }
    s->state = SCAN_WORD;
    return true;
}

// One byte between keys and values. False if it cannot stand there.
static bool read_structure(struct scan *s, uint8_t c) {
    switch (s->state) {
    case SCAN_START:
        return c == '{' && open_container(s, true);
    case SCAN_FIRST_KEY:
    case SCAN_KEY:
        if (c == '"') {
            open_key(s);
            return true;
        }
        if (c != '}' || s->state == SCAN_KEY) return false;
        close_container(s);
        return true;
    case SCAN_COLON:
        s->state = SCAN_VALUE;
        return c == ':';
    case SCAN_FIRST_VALUE:
        if (c != ']') return begin_value(s, c);
        close_container(s);
        return true;
    case SCAN_VALUE:
        return begin_value(s, c);
    case SCAN_COMMA:
        if (c == ',') {
            s->state = in_object(s) ? SCAN_KEY : SCAN_VALUE;
            return true;
        }
        if (c != (in_object(s) ? '}' : ']')) return false;
        close_container(s);
        return true;
    default:
        return false;
    }
}

static bool is_space(uint8_t c) {
    return c == ' ' || c == '\t' || c == '\r';
}

// Reads on from `s->state`, as far as that goes at once: at least one byte, or another state.
static const uint8_t *advance(struct scan *s, const uint8_t *p, const uint8_t *end) {
    switch (s->state) {
    case SCAN_STRING:
        return read_string(s, p, end);
    case SCAN_ESCAPE:
        if (escape(s, *p)) return p + 1;
        break;
    case SCAN_HEX:
        if (hex_digit(s, *p)) return p + 1;
        break;
    case SCAN_WORD:
        return read_word(s, p, end);
    case SCAN_MINUS:
    case SCAN_ZERO:
    case SCAN_INTEGER:
    case SCAN_POINT:
    case SCAN_FRACTION:
    case SCAN_EXPONENT:
    case SCAN_EXPONENT_SIGN:
    case SCAN_POWER:
        return read_number(s, p, end);
    default:
        if (is_space(*p) || read_structure(s, *p)) return p + 1;
    }
    s->state = SCAN_INVALID_LINE;
    return p;
}

// 5. Lines --------------------------------------------------------------------------------

// Returns how many bytes belong to a mark, not to the line.
static size_t skip_mark(struct scan *s, const uint8_t *bytes, size_t count) {
    size_t at = 0;
    while (at < count && s->mark < MARK_OVER && bytes[at] == MARK[s->mark]) {
        s->mark++;
        at++;
    }
    if (s->mark < MARK_OVER && at < count) {
        // A part of a mark is not JSON.
        if (s->mark > 0) s->state = SCAN_INVALID_LINE;
        s->length = s->mark - at;
        s->mark = MARK_OVER;
        return 0;
    }
    return at;
}

static enum scan_verdict conclude(const struct scan *s) {
    if (s->state == SCAN_START) return SCAN_BLANK;
    if (s->state != SCAN_DONE) return SCAN_INVALID;
    return s->own_wanted || s->nested_wanted ? SCAN_WANTED : SCAN_UNWANTED;
}

static void begin_line(struct scan *s) {
    s->ended = false;
    s->length = 0;
    s->state = SCAN_START;
    s->depth = 0;
    s->own_wanted = s->member_wanted = s->nested_wanted = false;
    s->type_next = false;
    s->role = SCAN_PLAIN;
}

static enum scan_verdict end_line(struct scan *s) {
    s->ended = true;
    return conclude(s);
}

size_t scan_line(struct scan *s, const uint8_t *bytes, size_t count, enum scan_verdict *verdict) {
    const uint8_t *p = bytes;
    const uint8_t *const end = bytes + count;
    *verdict = SCAN_UNFINISHED;
    if (s->ended) begin_line(s);
    if (s->mark < MARK_OVER) p += skip_mark(s, bytes, count);
    const uint8_t *const start = p;
    while (p < end) {
        if (s->state == SCAN_INVALID_LINE) {
            const uint8_t *newline = memchr(p, '\n', (size_t)(end - p));
            p = newline ? newline : end;
            if (!newline) break;
        }
        if (*p == '\n') {
            p++;
            *verdict = end_line(s);
            break;
        }
        p = advance(s, p, end);
    }
    s->length += (uint64_t)(p - start);
    return (size_t)(p - bytes);
}

enum scan_verdict scan_finish(struct scan *s) {
    if (s->ended) begin_line(s);
    if (s->mark > 0 && s->mark < MARK_OVER) {
        s->length = s->mark;
        s->state = SCAN_INVALID_LINE;
    }
    s->mark = MARK_OVER;
    return end_line(s);
}
