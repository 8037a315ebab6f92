// Streams that are read as they come, and standard input that is written to.

#include "check.h"

#include <errno.h>
#include <string.h>

static const int64_t LIMIT = INT64_C(60) * 1000000000;

enum { RING = 4096, LENGTH = 30004 };

static const char LINE[] = "head -c 30000 /dev/zero; echo end";

// Until the leader has ended and the streams are closed. Where there is to be room, all that was
// put in is taken at once.
static bool follow(struct drain_set *set, struct drain_child *child, bool takes) {
    struct drain_seen seen[DRAIN_SEEN];
    struct drain_round round = {0};
    int64_t until = drain_now() + LIMIT;
    while (!(round.exited && round.closed) && drain_now() < until) {
        size_t count;
        bool woken;
        if (drain_set_pump(set, until, seen, &count, &woken) != 0) return false;
        if (count > 0) round = seen[0].round;
        if (!takes) continue;
        drain_tap_allow(child, DRAIN_STDOUT, drain_tap_look(child, DRAIN_STDOUT).filled + RING);
        if (drain_set_resume(set, child) != 0) return false;
    }
    return round.exited && round.closed;
}

static void read_along(bool drops, bool takes) {
    uint8_t ring[RING];
    struct drain_spec spec = spec_of_line(LINE, 100, 4);
    struct drain_child *child;
    struct drain_failure failure;
    struct drain_status status;
    struct drain_set *set;
    if (drain_set_open(&set) != 0) return;
    int error = drain_spawn(&spec, &child, &failure);
    CHECK(error == 0);
    if (!error) {
        drain_tap_open(child, DRAIN_STDOUT, ring, sizeof ring, drops);
        CHECK(drain_set_add(set, child, 7) == 0);
        CHECK(follow(set, child, takes));
        struct drain_tap tap = drain_tap_look(child, DRAIN_STDOUT);
        CHECK(tap.filled + tap.dropped == LENGTH && tap.ended && tap.eof);
        CHECK(takes ? tap.dropped == 0 : tap.filled == RING);
        CHECK(!takes || memcmp(ring + (LENGTH - 4) % RING, "end\n", 4) == 0);
        struct drain_buffer kept = drain_look(child, DRAIN_STDOUT);
        CHECK(kept.total == LENGTH && kept.head_length == 100 && kept.tail_length == 4);
        drain_set_remove(set, child);
        CHECK(drain_reap(child, &status) == 0 && status.code == 0);
        drain_close(child);
    }
    drain_set_close(set);
}

static void held_back(void) {
    uint8_t ring[RING];
    struct drain_spec spec = spec_of_line(LINE, 100, 0);
    struct drain_child *child;
    struct drain_failure failure;
    struct drain_round round = {0};
    int64_t until = drain_now() + LIMIT;
    int error = drain_spawn(&spec, &child, &failure);
    CHECK(error == 0);
    if (error) return;
    drain_tap_open(child, DRAIN_STDOUT, ring, sizeof ring, false);
    while (!round.exited && drain_now() < until) drain_pump(child, NULL, 0, until, &round);
    struct drain_tap tap = drain_tap_look(child, DRAIN_STDOUT);
    CHECK(tap.filled == RING && tap.dropped == 0 && !tap.ended);
    drain_tap_close(child, DRAIN_STDOUT);
    pump_to_end(child, 60);
    CHECK(drain_look(child, DRAIN_STDOUT).total == LENGTH);
    drain_close(child);
}

static void write_along(void) {
    static const char block[1 << 16];
    struct drain_spec spec = spec_of_line("exec cat", 100, 0);
    struct drain_seen seen[DRAIN_SEEN];
    struct drain_child *child;
    struct drain_failure failure;
    struct drain_set *set;
    uint64_t written = 0;
    int64_t until = drain_now() + LIMIT;
    spec.input = DRAIN_INPUT_PIPE;
    if (drain_set_open(&set) != 0) return;
    int error = drain_spawn(&spec, &child, &failure);
    CHECK(error == 0);
    if (!error) {
        CHECK(drain_set_add(set, child, 7) == 0);
        for (int times = 0; times < 20 && drain_now() < until; times++) {
            ssize_t n;
            while ((n = drain_write(drain_input(child), block, sizeof block)) > 0)
                written += (uint64_t)n;
            CHECK(n == -EAGAIN);
            CHECK(drain_set_await_input(set, child) == 0);
            for (bool writable = false; !writable && drain_now() < until;) {
                size_t count;
                bool woken;
                CHECK(drain_set_pump(set, until, seen, &count, &woken) == 0);
                writable = count > 0 && seen[0].round.writable;
            }
        }
        drain_input_close(child);
        CHECK(drain_input(child) == -1 && drain_set_await_input(set, child) == EBADF);
        CHECK(follow(set, child, false));
        CHECK(drain_look(child, DRAIN_STDOUT).total == written);
        drain_set_remove(set, child);
        drain_close(child);
    }
    drain_set_close(set);
}

void test_talking(void) {
    struct surroundings before = surroundings();
    about("a stream that is read along is kept as well");
    read_along(false, true);
    about("what finds no room is dropped and counted");
    read_along(true, false);
    about("what finds no room stays in the pipe until nobody reads along");
    held_back();
    about("standard input is written to as there is room");
    write_along();
    CHECK(as_before(before));
}
