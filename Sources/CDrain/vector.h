// Sixteen and sixty-four bytes at a time, as bits: bit i is byte i.

#ifndef DRAIN_CORE_VECTOR_H
#define DRAIN_CORE_VECTOR_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__x86_64__)
#include <emmintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#else
#error "vector.h knows x86-64 and arm64."
#endif

typedef uint8_t vector __attribute__((vector_size(16)));

enum { VECTOR = sizeof(vector), BLOCK = 4 * VECTOR };

struct block {
    vector part[4];
};

static inline vector vector_load(const uint8_t *p) {
    vector v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline struct block block_load(const uint8_t *p) {
    return (struct block){{vector_load(p), vector_load(p + VECTOR), vector_load(p + 2 * VECTOR),
                           vector_load(p + 3 * VECTOR)}};
}

// Conditions on every byte: 0 or 0xFF.

static inline vector vector_equal(vector v, uint8_t c) {
    return (vector)(v == c);
}

static inline vector vector_below(vector v, uint8_t c) {
    return (vector)(v < c);
}

// When the bits of `ignored` are set in every byte first.
static inline struct block block_equal(struct block b, uint8_t ignored, uint8_t c) {
    for (int i = 0; i < 4; i++) b.part[i] = vector_equal(b.part[i] | ignored, c);
    return b;
}

static inline struct block block_below(struct block b, uint8_t c) {
    for (int i = 0; i < 4; i++) b.part[i] = vector_below(b.part[i], c);
    return b;
}

static inline struct block block_within(struct block b, uint8_t ignored, uint8_t low,
                                        uint8_t high) {
    uint8_t count = (uint8_t)(high - low + 1);
    for (int i = 0; i < 4; i++) b.part[i] = vector_below((b.part[i] | ignored) - low, count);
    return b;
}

static inline struct block block_either(struct block a, struct block b) {
    for (int i = 0; i < 4; i++) a.part[i] |= b.part[i];
    return a;
}

#if defined(__x86_64__)

static inline uint64_t vector_bits(vector v) {
    return (uint64_t)(unsigned)_mm_movemask_epi8((__m128i)v);
}

static inline uint64_t block_bits(struct block b) {
    return vector_bits(b.part[0]) | vector_bits(b.part[1]) << 16 | vector_bits(b.part[2]) << 32 |
           vector_bits(b.part[3]) << 48;
}

#else

static inline uint64_t block_bits(struct block b) {
    const uint8x16_t places = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    uint8x16_t low =
        vpaddq_u8(vandq_u8((uint8x16_t)b.part[0], places), vandq_u8((uint8x16_t)b.part[1], places));
    uint8x16_t high =
        vpaddq_u8(vandq_u8((uint8x16_t)b.part[2], places), vandq_u8((uint8x16_t)b.part[3], places));
    uint8x16_t all = vpaddq_u8(low, high);
    return vgetq_lane_u64(vreinterpretq_u64_u8(vpaddq_u8(all, all)), 0);
}

static inline uint64_t vector_bits(vector v) {
    return block_bits((struct block){{v}});
}

#endif

#endif
