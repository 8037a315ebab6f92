#include "scan.h"
#include "name.h"
#include "number.h"
#include "quoted.h"

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

// 2. Structure ----------------------------------------------------------------------------

// The last "type" counts, whatever its value is.
static void begin_type(struct scan *s) {
    if (s->depth == 1)
        s->own_wanted = false;
    else
        s->member_wanted = false;
}

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
            quoted_open_key(s);
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
        return quoted_read(s, p, end);
    case SCAN_ESCAPE:
        if (quoted_escape(s, *p)) return p + 1;
        break;
    case SCAN_HEX:
        if (quoted_hex_digit(s, *p)) return p + 1;
        break;
    case SCAN_WORD:
        return word_read(s, p, end);
    case SCAN_MINUS:
    case SCAN_ZERO:
    case SCAN_INTEGER:
    case SCAN_POINT:
    case SCAN_FRACTION:
    case SCAN_EXPONENT:
    case SCAN_EXPONENT_SIGN:
    case SCAN_POWER:
        return number_read(s, p, end);
    default:
        while (is_space(*p) || read_structure(s, *p)) {
            p++;
            if (p == end || *p == '\n' || s->state > SCAN_COMMA) return p;
        }
    }
    s->state = SCAN_INVALID_LINE;
    return p;
}

// 3. Lines --------------------------------------------------------------------------------

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
