#include "events.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum {
    SLACK = 1 << 20, // memory that is not worth giving back
    PAGE = 64 << 10, // the largest page there is; base is aligned to the real one at least
};

// More than any machine has memory for; address space is there for three times as much.
static const size_t MOST = (size_t)1 << 43;

static size_t page_floor(size_t at) {
    return at / PAGE * PAGE;
}

static size_t page_ceiling(size_t at) {
    return page_floor(at + PAGE - 1);
}

// 1. Opening and closing --------------------------------------------------------------------

// Room for the lines that are kept, one that may be, and a newline; and half as much again, so that
// lines need not be moved often.
static int map_log(struct drain_events *e, size_t most) {
    if (most > MOST) most = MOST;
    size_t size = EVENTS_WINDOW + 3 * most + SLACK;
    void *base = mmap(NULL, size, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED) return errno;
    e->base = base;
    e->mapped = size;
    e->window = e->base;
    e->log = e->base + EVENTS_WINDOW;
    e->log_size = size - EVENTS_WINDOW;
    e->most = most;
    return 0;
}

// Copies the types, and their bytes behind them, and leaves room for a name behind these.
static void copy_types(struct drain_events *e, const struct drain_type *types, size_t count,
                       size_t name_size) {
    uint8_t *bytes = (uint8_t *)&e->types[count];
    for (size_t i = 0; i < count; i++) {
        if (types[i].count > 0) memcpy(bytes, types[i].bytes, types[i].count);
        e->types[i] = (struct drain_type){bytes, types[i].count};
        bytes += types[i].count;
    }
    e->scan.types = e->types;
    e->scan.type_count = count;
    e->scan.name = bytes;
    e->scan.name_size = name_size;
}

int drain_events_open(const struct drain_type *types, size_t count, size_t most,
                      struct drain_events **events) {
    size_t longest = SCAN_NAME_LEAST;
    size_t size = sizeof **events + count * sizeof *types;
    for (size_t i = 0; i < count; i++) {
        size += types[i].count;
        if (types[i].count >= longest) longest = types[i].count + 1;
    }
    *events = NULL;
    struct drain_events *e = calloc(1, size + longest);
    if (!e) return ENOMEM;
    int error = map_log(e, most);
    if (error) {
        free(e);
        return error;
    }
    copy_types(e, types, count, longest);
    *events = e;
    return 0;
}

void drain_events_close(struct drain_events *e) {
    if (!e) return;
    munmap(e->base, e->mapped);
    free(e);
}

// 2. The log --------------------------------------------------------------------------------

static void release(struct drain_events *e, size_t from, size_t to) {
    from = page_ceiling(from);
    to = page_floor(to);
    if (from < to) madvise(e->log + from, to - from, MADV_DONTNEED);
}

// Moves what is in the log to its start, piece by piece, so that it never takes much more memory
// than it has bytes.
static void move_down(struct drain_events *e) {
    size_t length = e->end + e->held - e->start;
    size_t freed = page_ceiling(e->start);
    for (size_t done = 0; done < length;) {
        size_t part = length - done < SLACK ? length - done : SLACK;
        memmove(e->log + done, e->log + e->start + done, part);
        done += part;
        size_t above = page_ceiling(done);
        if (freed < above) freed = above;
        release(e, freed, e->start + done);
        if (freed < page_floor(e->start + done)) freed = page_floor(e->start + done);
    }
    e->end -= e->start;
    e->start = 0;
    e->released = 0;
}

// A line that cannot be kept, or is not wanted.
static void let_go(struct drain_events *e) {
    if (e->held > SLACK) release(e, e->end + SLACK, e->end + e->held);
    e->held = 0;
}

static void append(struct drain_events *e, const uint8_t *bytes, size_t count) {
    if (e->log_size - e->end - e->held < count + 1) move_down(e);
    memcpy(e->log + e->end + e->held, bytes, count);
    e->held += count;
}

// Memory of what has gone from the log, when it is worth it.
static void give_back(struct drain_events *e) {
    if (e->start < e->released + SLACK) return;
    release(e, e->released, e->start);
    e->released = page_floor(e->start);
}

static void make_room(struct drain_events *e) {
    while (e->kept_bytes > e->most) {
        const uint8_t *oldest = e->log + e->start;
        const uint8_t *newline = memchr(oldest, '\n', e->end - e->start);
        size_t length = (size_t)(newline - oldest) + 1;
        e->start += length;
        e->kept_bytes -= length;
        e->kept--;
        e->dropped++;
    }
    give_back(e);
}

static void keep(struct drain_events *e) {
    e->end += e->held;
    e->kept_bytes += e->held;
    e->kept++;
    e->held = 0;
    if (e->log[e->end - 1] != '\n') e->log[e->end++] = '\n';
    make_room(e);
}

// 3. Lines ----------------------------------------------------------------------------------

static bool fits(const struct drain_events *e) {
    return e->scan.length <= e->most;
}

static void end_line(struct drain_events *e, enum scan_verdict verdict) {
    if (verdict != SCAN_BLANK) e->seen++;
    if (verdict == SCAN_INVALID) e->invalid++;
    if (verdict == SCAN_WANTED && fits(e)) {
        keep(e);
        return;
    }
    let_go(e);
    if ((verdict == SCAN_WANTED || verdict == SCAN_INVALID) && !fits(e)) e->dropped++;
}

static bool worth_holding(const struct drain_events *e, enum scan_verdict verdict) {
    if (!fits(e) || e->scan.state == SCAN_INVALID_LINE) return false;
    return verdict == SCAN_UNFINISHED || verdict == SCAN_WANTED;
}

// To the end of the line, if it is there. Returns how many bytes that were.
static size_t take_line(struct drain_events *e, const uint8_t *bytes, size_t count) {
    enum scan_verdict verdict;
    uint64_t before = e->scan.ended ? 0 : e->scan.length;
    size_t taken = scan_line(&e->scan, bytes, count, &verdict);
    // Less than `taken` where a byte-order mark was.
    size_t of_line = (size_t)(e->scan.length - before);
    if (worth_holding(e, verdict))
        append(e, bytes + taken - of_line, of_line);
    else if (verdict == SCAN_UNFINISHED)
        let_go(e);
    if (verdict != SCAN_UNFINISHED) end_line(e, verdict);
    return taken;
}

void drain_events_take(struct drain_events *e, const uint8_t *bytes, size_t count) {
    while (count > 0) {
        size_t taken = take_line(e, bytes, count);
        bytes += taken;
        count -= taken;
    }
}

size_t drain_events_take_one(struct drain_events *e, const uint8_t *bytes, size_t count) {
    size_t taken = 0;
    while (taken < count && e->kept == 0) taken += take_line(e, bytes + taken, count - taken);
    return taken;
}

void drain_events_forget(struct drain_events *e) {
    e->start = e->end;
    e->kept = 0;
    e->kept_bytes = 0;
    give_back(e);
}

void drain_events_finish(struct drain_events *e) {
    end_line(e, scan_finish(&e->scan));
    madvise(e->window, EVENTS_WINDOW, MADV_DONTNEED);
}

struct drain_event_log drain_events_look(const struct drain_events *e) {
    return (struct drain_event_log){
        .lines = e->log + e->start,
        .length = e->end - e->start,
        .kept = e->kept,
        .seen = e->seen,
        .dropped = e->dropped,
        .invalid = e->invalid,
    };
}
