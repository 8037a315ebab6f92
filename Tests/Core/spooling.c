// Streams on their way to files, both sides of it on one thread.

#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

// Lines that say where they stand, more than the pipes hold.
enum { LINES = 60000, WIDTH = 8, LENGTH = LINES * WIDTH, MOST_REFUSED = 2 };
static const char LINE[] = "seq -f %07.0f 0 59999";

struct setting {
    const char *sentence;
    size_t head, tail;
    uint64_t most;
    bool keeps_end, read_along;
    int refused[MOST_REFUSED]; // system calls; 0 for none
    int error;                 // what they give
};

static bool says(const char *bytes, uint64_t offset, size_t count) {
    char line[16];
    for (size_t i = 0; i < count; i++) {
        uint64_t at = offset + i;
        if (i == 0 || at % WIDTH == 0) snprintf(line, sizeof line, "%07d\n", (int)(at / WIDTH));
        if (bytes[i] != line[at % WIDTH]) return false;
    }
    return true;
}

// The parts are there, join, and have what the stream had there. Gives how many bytes they hold.
static uint64_t check_parts(int directory, const struct drain_spool *spool) {
    struct drain_spool_state state = drain_spool_look(spool);
    uint64_t sum = 0;
    for (size_t i = 0; i < state.count; i++) {
        char name[DRAIN_SPOOL_NAME];
        const struct drain_spool_part *part = &state.parts[i];
        drain_spool_name(spool, part->offset, name);
        struct stat st = {0};
        int file = openat(directory, name, O_RDONLY | O_CLOEXEC);
        CHECK(file >= 0 && fstat(file, &st) == 0);
        CHECK((uint64_t)st.st_size == part->bytes && (st.st_mode & 07777) == 0600);
        CHECK(i == 0 || part->offset == part[-1].offset + part[-1].bytes);
        char *bytes = malloc(part->bytes + 1);
        CHECK(read(file, bytes, part->bytes + 1) == (ssize_t)part->bytes);
        CHECK(says(bytes, part->offset, part->bytes));
        free(bytes);
        if (file >= 0) close(file);
        unlinkat(directory, name, 0);
        sum += part->bytes;
    }
    return sum;
}

// A command, and both sides of its spools.
struct work {
    struct drain_child *child;
    struct drain_spool *spools[2];
    struct drain_disk *disk;
};

static bool begin(struct work *w, struct drain_spec spec, int directory, uint64_t most,
                  bool keeps_end) {
    struct drain_spool_plan plan = {.directory = directory,
                                    .prefix = "a.",
                                    .suffix = "",
                                    .most = most,
                                    .keeps_end = keeps_end,
                                    .patience = DRAIN_NEVER};
    struct drain_failure failure;
    CHECK(drain_disk_open(&w->disk) == 0);
    CHECK(drain_spool_open(&plan, &w->spools[0]) == 0);
    plan.prefix = "b.";
    CHECK(drain_spool_open(&plan, &w->spools[1]) == 0);
    for (int i = 0; i < 2; i++) spec.spools[i] = w->spools[i];
    int error = drain_spawn(&spec, &w->child, &failure);
    CHECK(error == 0);
    return error == 0;
}

static void end(struct work *w) {
    if (w->child) drain_close(w->child);
    for (int i = 0; i < 2; i++) drain_spool_close(w->spools[i]);
    drain_disk_close(w->disk);
}

// Returns in how many rounds something was moved, once standard output had carried `from` bytes.
static unsigned pump(struct work *w, uint64_t from) {
    struct drain_child *child = w->child;
    enum drain_spool_progress last[2] = {DRAIN_SPOOL_IDLE, DRAIN_SPOOL_IDLE};
    struct drain_round round = {0};
    int64_t until = drain_now() + INT64_C(60) * 1000000000;
    bool over = false;
    unsigned rounds = 0;
    while (!over && drain_now() < until) {
        int64_t soon = drain_now() + 1000000;
        if (!(round.exited && round.closed)) drain_pump(child, NULL, 0, soon, &round);
        bool counts = drain_look(child, DRAIN_STDOUT).total > from;
        if (counts && round.moved[0] + round.moved[1] > 0) rounds++;
        round.moved[0] = round.moved[1] = 0;
        for (int i = 0; i < 2; i++) last[i] = drain_spool_step(w->spools[i], w->disk);
        // All that was put in is taken at once.
        struct drain_tap tap = drain_tap_look(child, DRAIN_STDOUT);
        if (!round.closed) drain_tap_allow(child, DRAIN_STDOUT, tap.filled + 4096);
        over = round.exited && round.closed && last[0] == DRAIN_SPOOL_DONE &&
               last[1] == DRAIN_SPOOL_DONE;
    }
    CHECK(over);
    return rounds;
}

static bool kept_rightly(const struct drain_child *child, const struct setting *s) {
    size_t count, head = s->head < LENGTH ? s->head : LENGTH;
    char *bytes = kept(child, DRAIN_STDOUT, &count);
    bool right = count == head + s->tail && says(bytes, 0, head) &&
                 says(bytes + head, LENGTH - s->tail, s->tail);
    free(bytes);
    return right;
}

static void spool_one(const struct setting *s, int directory) {
    static uint8_t ring[4096];
    struct work w = {0};
    if (begin(&w, spec_of_line(LINE, s->head, s->tail), directory, s->most, s->keeps_end)) {
        if (s->read_along) drain_tap_open(w.child, DRAIN_STDOUT, ring, sizeof ring, false);
        pump(&w, 0);
        CHECK(drain_look(w.child, DRAIN_STDOUT).total == LENGTH);
        CHECK(kept_rightly(w.child, s));
        if (s->read_along) CHECK(drain_tap_look(w.child, DRAIN_STDOUT).filled == LENGTH);
        for (size_t at = LENGTH - sizeof ring; s->read_along && at < LENGTH; at += WIDTH)
            CHECK(says((char *)ring + at % sizeof ring, at, WIDTH));
        CHECK(drain_spool_look(w.spools[0]).error == 0);
        uint64_t held = check_parts(directory, w.spools[0]);
        // Where the end is kept, up to a sixteenth and what came last is gone early.
        if (s->most >= LENGTH)
            CHECK(held == LENGTH);
        else if (!s->keeps_end)
            CHECK(held == s->most);
        else
            CHECK(held <= s->most && held >= s->most / 2);
    }
    end(&w);
}

static void spool_refused(const void *argument) {
    const struct setting *s = argument;
    char place[] = "/tmp/drain-core-XXXXXX";
    if (!mkdtemp(place)) return CHECK(!"a directory");
    int directory = open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct surroundings before = surroundings();
    for (int i = 0; i < MOST_REFUSED; i++)
        if (s->refused[i]) CHECK(refuse(s->refused[i], s->error, 0, 0, false) == 0);
    spool_one(s, directory);
    CHECK(as_before(before));
    close(directory);
    CHECK(rmdir(place) == 0);
}

// What follows a few small pieces is not taken in small pieces, with a rest after each.
static void paced(const void *unused) {
    (void)unused;
    char place[] = "/tmp/drain-core-XXXXXX";
    if (!mkdtemp(place)) return CHECK(!"a directory");
    int directory = open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    // By the shell itself: a pipe that is found empty in between ends the rests.
    static const char line[] = "i=3000; while [ $i -gt 0 ]; do printf %0600d $i; i=$((i-1)); done; "
                               "printf %020000000d 0";
    struct work w = {0};
    CHECK(refuse(SYS_tee, EPERM, 0, 0, false) == 0 && refuse(SYS_splice, EPERM, 0, 0, false) == 0);
    if (begin(&w, spec_of_line(line, 0, 0), directory, 100, true)) {
        unsigned rounds = pump(&w, 2000000);
        CHECK(drain_look(w.child, DRAIN_STDOUT).total == 21800000 && rounds < 20000000 / 16384);
        struct drain_spool_state state = drain_spool_look(w.spools[0]);
        char name[DRAIN_SPOOL_NAME];
        for (size_t i = 0; i < state.count; i++) {
            drain_spool_name(w.spools[0], state.parts[i].offset, name);
            CHECK(unlinkat(directory, name, 0) == 0);
        }
    }
    end(&w);
    close(directory);
    CHECK(rmdir(place) == 0);
}

static const struct setting SETTINGS[] = {
    {"all on disk, nothing kept", 0, 0, LENGTH, false, false, {0}, 0},
    {"all on disk, some kept", 1000, 77, LENGTH, false, false, {0}, 0},
    {"the beginning on disk", 1000, 77, 100001, false, false, {0}, 0},
    {"the end on disk", 0, 777, 100001, true, false, {0}, 0},
    {"on disk and read along", 1000, 77, LENGTH, false, true, {0}, 0},
};

static const struct setting REFUSED[] = {
    {"tee is forbidden", 1000, 77, LENGTH, false, false, {SYS_tee}, EPERM},
    {"tee is missing", 1000, 0, 100001, false, false, {SYS_tee}, ENOSYS},
    {"tee is missing, all is kept", LENGTH, 0, LENGTH, false, false, {SYS_tee}, ENOSYS},
    {"splice is forbidden", 1000, 77, LENGTH, false, false, {SYS_splice}, EPERM},
    {"splice is missing", 1000, 0, LENGTH, false, false, {SYS_splice}, ENOSYS},
    {"neither", 1000, 77, LENGTH, false, false, {SYS_tee, SYS_splice}, EPERM},
    {"neither, nothing kept", 0, 0, LENGTH, false, false, {SYS_tee, SYS_splice}, ENOSYS},
    {"neither, the end kept", 0, 777, 100001, true, false, {SYS_tee, SYS_splice}, EPERM},
    {"neither, read along", 1000, 77, LENGTH, false, true, {SYS_tee, SYS_splice}, EPERM},
};

void test_spooling(void) {
    for (size_t i = 0; i < sizeof SETTINGS / sizeof *SETTINGS; i++) {
        about(SETTINGS[i].sentence);
        apart(spool_refused, &SETTINGS[i]);
    }
    if (!can_refuse("spools without tee or splice")) return;
    for (size_t i = 0; i < sizeof REFUSED / sizeof *REFUSED; i++) {
        about(REFUSED[i].sentence);
        apart(spool_refused, &REFUSED[i]);
    }
    about("neither, much after little");
    // What it is about depends on who is a moment ahead: one time may show nothing.
    for (int i = 0; i < 6; i++) apart(paced, NULL);
}
