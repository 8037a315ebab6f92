// What is kept of a stream, and what is counted.

#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    int head, tail; // of two parts
} KEEPS[] = {{"head", 2, 0}, {"tail", 0, 2}, {"both", 1, 1}};

static bool right(const struct drain_child *child, const char *stream, size_t length, size_t head,
                  size_t tail) {
    struct drain_buffer b = drain_look(child, DRAIN_STDOUT);
    if (b.total != length || !b.eof) return false;
    size_t first = length < head ? length : head;
    size_t last = length - first < tail ? length - first : tail;
    char *expected = malloc(first + last + 1);
    memcpy(expected, stream, first);
    memcpy(expected + first, stream + length - last, last);
    bool same = kept_is(child, DRAIN_STDOUT, expected, first + last);
    free(expected);
    return same;
}

static void try_caps(const char *line, const char *stream, size_t length) {
    const size_t caps[] = {0, 1, 2, 3, 1000, length - 1, length, length + 1};
    for (size_t k = 0; k < sizeof KEEPS / sizeof *KEEPS; k++) {
        for (size_t c = 0; c < sizeof caps / sizeof *caps; c++) {
            size_t tail = caps[c] * (size_t)KEEPS[k].tail / 2;
            size_t head = caps[c] - tail;
            struct outcome o = run_line(line, head, tail);
            CHECK(o.error == 0 && o.reaped == 0 && o.status.code == 0);
            if (o.error) continue;
            bool good = right(o.child, stream, length, head, tail);
            if (!good) printf("keep %s, cap %zu\n", KEEPS[k].name, caps[c]);
            CHECK(good);
            drain_close(o.child);
        }
    }
}

static char *numbers(int count, size_t *length) {
    char *bytes = malloc((size_t)count * 8);
    *length = 0;
    for (int i = 1; i <= count; i++) *length += (size_t)snprintf(bytes + *length, 8, "%d\n", i);
    return bytes;
}

static void flood(size_t head, size_t tail) {
    struct outcome o = run_line("head -c 3000000 /dev/zero; echo end", head, tail);
    CHECK(o.error == 0 && o.status.code == 0);
    if (o.error) return;
    CHECK(drain_look(o.child, DRAIN_STDOUT).total == 3000004);
    size_t length;
    char *bytes = kept(o.child, DRAIN_STDOUT, &length);
    CHECK(length == head + tail);
    CHECK(tail < 4 || memcmp(bytes + length - 4, "end\n", 4) == 0);
    for (size_t i = 0; i < head; i++)
        if (bytes[i] != 0) CHECK(!"the head is what came first");
    free(bytes);
    drain_close(o.child);
}

static void hold(void) {
    struct drain_spec spec = spec_of_line("printf 0123456789; printf abcdefghij", 0, 8);
    struct drain_child *child;
    struct drain_failure failure;
    struct drain_round round;
    if (drain_spawn(&spec, &child, &failure) != 0) return CHECK(!"it runs");
    drain_hold(child, DRAIN_STDOUT, 0);
    int64_t until = drain_now() + INT64_C(20000000000);
    while (drain_look(child, DRAIN_STDOUT).total < 8 && drain_now() < until)
        drain_pump(child, NULL, 0, until, &round);
    CHECK(kept_is(child, DRAIN_STDOUT, "01234567", 8));
    drain_hold(child, DRAIN_STDOUT, 6);
    while (drain_look(child, DRAIN_STDOUT).total < 14 && drain_now() < until)
        drain_pump(child, NULL, 0, until, &round);
    CHECK(kept_is(child, DRAIN_STDOUT, "6789abcd", 8));
    drain_hold(child, DRAIN_STDOUT, UINT64_MAX);
    pump_to_end(child, 20);
    CHECK(kept_is(child, DRAIN_STDOUT, "cdefghij", 8));
    drain_close(child);
}

void test_keeping(void) {
    size_t length;
    char *stream = numbers(20000, &length);
    about("caps of every size keep what they should");
    try_caps("seq 1 20000", stream, length);
    free(stream);
    about("many small writes go around the ring's seam");
    stream = numbers(300, &length);
    try_caps("i=1; while [ $i -le 300 ]; do echo $i; i=$((i + 1)); done", stream, length);
    free(stream);
    about("a flood past the cap is counted to the byte");
    flood(10, 0);
    flood(0, 0);
    flood(0, 1000);
    flood(100, 70000);
    about("what is held is not overwritten, across the ring's seam");
    hold();
    about("the two streams are kept apart");
    struct outcome o = run_line("echo out; echo error >&2", 100, 0);
    CHECK(kept_is(o.child, DRAIN_STDOUT, "out\n", 4));
    CHECK(kept_is(o.child, DRAIN_STDERR, "error\n", 6));
    about("a taken mapping outlives its child");
    struct drain_buffer taken = drain_take(o.child, DRAIN_STDOUT);
    drain_close(o.child);
    CHECK(taken.head_length == 4 && memcmp(taken.base, "out\n", 4) == 0);
    drain_unmap(taken.base, taken.mapped);
}
