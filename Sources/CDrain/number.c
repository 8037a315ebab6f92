#include "number.h"

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

const uint8_t *number_read(struct scan *s, const uint8_t *p, const uint8_t *end) {
    while (p < end) {
        enum scan_state next = number_next(s->state, *p);
        s->state = next;
        if (next == SCAN_COMMA || next == SCAN_INVALID_LINE) return p;
        p++;
    }
    return p;
}

const uint8_t *word_read(struct scan *s, const uint8_t *p, const uint8_t *end) {
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
