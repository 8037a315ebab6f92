#include "CDrain.h"
#include "vector.h"

// What becomes of a byte of UTF-8 is seen from the three bytes before it and the three behind it: a
// maximal subpart of an ill-formed sequence has at most three bytes. So nothing is carried from one
// vector to the next, and nothing hangs on guessing what comes, which random bytes would make slow.

enum {
    HALO = 3,
    // What eight bytes may become, and what is stored beyond it.
    ROOM = 64,
    HALF = VECTOR / 2,
    // So many bytes that need no change, and it is better not to copy them here.
    LONG = 1024,
};

// Bytes that UTF-8 does not have stand for what is to be written in a byte's place.
enum { NOTHING = 0xFE, REPLACEMENT = 0xFF };

typedef int8_t signed_vector __attribute__((vector_size(16)));

// 1. What is written for a byte ------------------------------------------------------------
//
// The text from the lowest byte up, its length in the highest one.

#define TEXT(length, bits) ((uint64_t)(length) << 56 | (uint64_t)(bits))
#define SAME(c)            TEXT(1, c)
#define SHORT(c)           TEXT(2, '\\' | (uint64_t)(c) << 8)
#define HEX(c)             ((c) < 10 ? '0' + (c) : 'a' + (c)-10)
#define LONG_FORM(c)                                                                               \
    TEXT(6, '\\' | 'u' << 8 | '0' << 16 | (uint64_t)'0' << 24 | (uint64_t)('0' + (c) / 16) << 32 | \
                (uint64_t)HEX((c) % 16) << 40)

#define FOUR(form, c) form(c), form((c) + 1), form((c) + 2), form((c) + 3)
#define SIXTEEN(form, c)                                                                           \
    FOUR(form, c), FOUR(form, (c) + 4), FOUR(form, (c) + 8), FOUR(form, (c) + 12)
#define SIXTY_FOUR(c)                                                                              \
    SIXTEEN(SAME, c), SIXTEEN(SAME, (c) + 16), SIXTEEN(SAME, (c) + 32), SIXTEEN(SAME, (c) + 48)

#define CONTROLS                                                                                   \
    FOUR(LONG_FORM, 0), FOUR(LONG_FORM, 4), SHORT('b'), SHORT('t'), SHORT('n'), LONG_FORM(11),     \
        SHORT('f'), SHORT('r'), LONG_FORM(14), LONG_FORM(15), SIXTEEN(LONG_FORM, 16)
#define QUOTED                                                                                     \
    SAME(0x20), SAME(0x21), SHORT('"'), SAME(0x23), FOUR(SAME, 0x24), FOUR(SAME, 0x28),            \
        FOUR(SAME, 0x2C), SIXTEEN(SAME, 0x30), SIXTEEN(SAME, 0x40), FOUR(SAME, 0x50),              \
        FOUR(SAME, 0x54), FOUR(SAME, 0x58), SHORT('\\'), SAME(0x5D), SAME(0x5E), SAME(0x5F),       \
        SIXTEEN(SAME, 0x60), SIXTEEN(SAME, 0x70)
#define REST                                                                                       \
    SIXTY_FOUR(0x80), SIXTEEN(SAME, 0xC0), SIXTEEN(SAME, 0xD0), SIXTEEN(SAME, 0xE0),               \
        FOUR(SAME, 0xF0), FOUR(SAME, 0xF4), FOUR(SAME, 0xF8), SAME(0xFC), SAME(0xFD), TEXT(0, 0),  \
        TEXT(3, 0xBDBFEF)

static const uint64_t TEXTS[2][256] = {
    {SIXTY_FOUR(0), SIXTY_FOUR(0x40), REST},
    {CONTROLS, QUOTED, REST},
};

static inline uint8_t *put(uint8_t *out, uint64_t text) {
    memcpy(out, &text, sizeof text);
    return out + (text >> 56);
}

// 2. Conditions on every byte --------------------------------------------------------------

static inline vector is_high(vector v) {
    return (vector)((signed_vector)v < 0);
}

// Whether a byte is 0x80 to 0xBF.
static inline vector continues(vector v) {
    return (vector)((signed_vector)v < -64);
}

static inline vector is_escaped(vector v) {
    return vector_equal(v, '"') | vector_equal(v, '\\') | vector_below(v, 0x20);
}

// Whether a second byte is outside of the narrower range that some leads have.
static inline vector too_narrow(vector lead, vector second) {
    vector below_a0 = vector_below(second, 0xA0);
    vector below_90 = vector_below(second, 0x90);
    return (vector_equal(lead, 0xE0) & below_a0) | (vector_equal(lead, 0xF0) & below_90) |
           (vector_equal(lead, 0xED) & ~below_a0) | (vector_equal(lead, 0xF4) & ~below_90);
}

// Whether a byte cannot stand behind the three before it: enough to see that all is well, if
// sequences that begin in it and end behind it are left out. What is ill-formed before p may seem
// to allow for bytes that go on, but not if the one at p does not.
static inline vector is_wrong(const uint8_t *p) {
    vector v = vector_load(p);
    vector one = vector_load(p - 1), two = vector_load(p - 2), three = vector_load(p - 3);
    vector must = ~(vector_below(one, 0xC0) & vector_below(two, 0xE0) & vector_below(three, 0xF0));
    return (must ^ continues(v)) | vector_equal(v & 0xFE, 0xC0) | ~vector_below(v, 0xF5) |
           too_narrow(one, v);
}

// Whether two bytes begin a sequence, or are one.
static inline vector begins(vector lead, vector second) {
    return vector_below(lead - 0xC2, 0x33) & continues(second) & ~too_narrow(lead, second);
}

static inline vector is_whole(vector begun, vector lead, vector third, vector fourth) {
    vector four = vector_below(lead, 0xF0) | continues(fourth);
    return begun & (vector_below(lead, 0xE0) | (continues(third) & four));
}

// Every byte as it is, or what stands for what is to be written in its place. Reads the bytes
// p[-HALO] to p[VECTOR + HALO - 1].
static inline vector repaired(const uint8_t *p) {
    vector v = vector_load(p);
    vector next = vector_load(p + 1), second = vector_load(p + 2), third = vector_load(p + 3);
    vector one = vector_load(p - 1), two = vector_load(p - 2), three = vector_load(p - 3);
    vector begun = begins(v, next), begun1 = begins(one, v);
    vector begun2 = begins(two, one) & ~vector_below(two, 0xE0);
    vector begun3 = begins(three, two) & ~vector_below(three, 0xF0);
    // Bytes that go on with a sequence, and those that do or begin one, if it is whole.
    vector follows = begun1 | (continues(v) & (begun2 | (begun3 & continues(one))));
    vector stays = is_whole(begun, v, second, third) | is_whole(begun1, one, next, second) |
                   is_whole(begun2, two, v, next) | is_whole(begun3, three, one, v);
    vector lost = is_high(v) & ~stays;
    // 0xFF where a sequence that is not one begins, 0xFE where it goes on.
    return (v | lost) ^ (lost & follows & 1);
}

static inline bool goes_on(uint8_t byte) {
    return (byte & 0xC0) == 0x80;
}

// How many of the bytes before p begin a sequence that goes on at p, when all before p is
// well-formed.
static inline size_t dangling(const uint8_t *p) {
    return p[-1] >= 0xC0 ? 1 : p[-2] >= 0xE0 ? 2 : p[-3] >= 0xF0 ? 3 : 0;
}

// 3. What needs no change ------------------------------------------------------------------

// Whether none of the bytes in a block needs a change, as far as it and what is before it tell.
// `*high`: whether some before it, and then whether some in it, are not ASCII.
static inline bool is_clean(const uint8_t *p, bool escaping, bool *high) {
    struct block b = block_load(p);
    bool before = *high;
    *high = vector_bits(is_high(b.part[0] | b.part[1] | b.part[2] | b.part[3])) != 0;
    vector bad = {0};
    for (int i = 0; escaping && i < 4; i++) bad |= is_escaped(b.part[i]);
    for (int i = 0; (before || *high) && i < 4; i++) bad |= is_wrong(p + i * VECTOR);
    return vector_bits(bad) == 0;
}

static inline size_t skip(const uint8_t *bytes, size_t from, size_t end, bool escaping) {
    const uint8_t *const start = bytes + from;
    const uint8_t *const stop = bytes + end;
    const uint8_t *p = start;
    if (from < HALO) {
        // What is before these bytes must not be read; ASCII does not ask for it.
        if (stop - p < VECTOR) return 0;
        vector v = vector_load(p);
        uint64_t hits = vector_bits(escaping ? is_high(v) | is_escaped(v) : is_high(v));
        if (hits) return (size_t)__builtin_ctzll(hits);
        p += VECTOR;
    }
    if (p < stop && goes_on(*p)) return (size_t)(p - start);
    bool high = true;
    while (stop - p >= BLOCK && is_clean(p, escaping, &high)) p += BLOCK;
    while (stop - p >= VECTOR) {
        vector v = vector_load(p);
        uint64_t hits = vector_bits(escaping ? is_wrong(p) | is_escaped(v) : is_wrong(p));
        p += hits ? __builtin_ctzll(hits) : VECTOR;
        if (hits) break;
    }
    size_t length = (size_t)(p - start);
    size_t cut = length > 0 ? dangling(p) : 0;
    return cut < length ? length - cut : 0;
}

size_t drain_text_skip(const uint8_t *bytes, size_t from, size_t end, bool escaping) {
    return escaping ? skip(bytes, from, end, true) : skip(bytes, from, end, false);
}

// 4. What does -----------------------------------------------------------------------------

struct writer {
    const uint8_t *bytes; // the stretch
    const uint8_t *p;     // what comes next of it
    const uint8_t *stop;
    uint8_t *out;
    uint8_t *limit;
    const uint64_t *texts;
    bool is_bad; // the last vector held something ill-formed: the next one is taken to, as well
};

// Writes what each byte stands for, for as many as there is room for.
static inline size_t put_all(struct writer *w, const uint8_t kinds[static VECTOR], size_t count) {
    const uint64_t *texts = w->texts;
    uint8_t *out = w->out;
    size_t at = 0;
    // Usual, and a loop that the compiler unrolls.
    for (; at + HALF <= count && w->limit - out >= ROOM; at += HALF)
        for (size_t i = 0; i < HALF; i++) out = put(out, texts[kinds[at + i]]);
    for (; at < count && w->limit - out >= ROOM; at++) out = put(out, texts[kinds[at]]);
    w->out = out;
    return at;
}

// Writes up to VECTOR bytes, one by one.
static inline void write_repaired(struct writer *w) {
    uint8_t window[HALO + VECTOR + HALO];
    const uint8_t *p = w->p;
    size_t left = (size_t)(w->stop - p), before = (size_t)(p - w->bytes);
    if (before < HALO || left < VECTOR + HALO) {
        if (before > HALO) before = HALO;
        size_t count = left < VECTOR + HALO ? left : VECTOR + HALO;
        memset(window, 0, sizeof window);
        memcpy(window + HALO - before, p - before, before + count);
        p = window + HALO;
    }
    vector v = vector_load(p), as_it_was = v;
    if (vector_bits(is_high(v))) v = repaired(p);
    w->is_bad = vector_bits((vector)(v != as_it_was)) != 0;
    uint8_t kinds[VECTOR];
    memcpy(kinds, &v, sizeof v);
    size_t count = left < VECTOR ? left : VECTOR;
    w->p += put_all(w, kinds, count);
}

// Writes as many as need no change, and one that is to be escaped if `hits` say where one is.
static inline void write_unchanged(struct writer *w, vector v, uint64_t hits, size_t most) {
    memcpy(w->out, &v, sizeof v);
    size_t count = hits ? (size_t)__builtin_ctzll(hits) : most;
    w->out += count;
    w->p += count;
    if (hits) w->out = put(w->out, w->texts[*w->p++]);
}

// Writes a vector, or what there is of one. Returns whether all that it wrote is as it was.
static inline bool write_some(struct writer *w, bool escaping) {
    if (w->stop - w->p < VECTOR) {
        write_repaired(w);
        return false;
    }
    vector v = vector_load(w->p);
    uint64_t hits = escaping ? vector_bits(is_escaped(v)) : 0;
    bool several = (hits & (hits - 1)) != 0;
    size_t most = VECTOR;
    if (vector_bits(is_high(v))) {
        several =
            w->is_bad || w->p - w->bytes < HALO || goes_on(*w->p) || vector_bits(is_wrong(w->p));
        if (!several) most -= dangling(w->p + VECTOR);
    }
    if (several)
        write_repaired(w);
    else
        write_unchanged(w, v, hits, most);
    return !several && !hits;
}

static inline struct drain_text_step write(struct writer w, bool escaping) {
    const uint8_t *const start = w.p;
    uint8_t *const out = w.out;
    w.texts = TEXTS[escaping];
    const uint8_t *run = start;
    while (w.p < w.stop && w.limit - w.out >= ROOM) {
        if (!write_some(&w, escaping)) run = w.p;
        if (w.p - run >= LONG) break;
    }
    // Perhaps to be handed on whole. At the very start it would be found again, and again come to
    // nothing.
    if (run > start && w.p < w.stop) {
        w.out -= w.p - run;
        w.p = run;
    }
    return (struct drain_text_step){(size_t)(w.p - start), (size_t)(w.out - out)};
}

struct drain_text_step drain_text_write(const uint8_t *bytes, size_t from, size_t end,
                                        bool escaping, uint8_t *out, size_t room) {
    struct writer w = {bytes, bytes + from, bytes + end, out, out + room, NULL, false};
    return escaping ? write(w, true) : write(w, false);
}
