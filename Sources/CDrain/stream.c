#include "stream.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum {
    USUAL_PIPE = 64 << 10, // what pipe2 gives, and one made smaller grows to first
    BULK_PIPE = 1 << 20,   // of 64 KiB to 4 MiB, the size from which more brings nothing
    SCRATCH = 64 << 10,    // read at a time where splice is refused
    WORTHWHILE = 16 << 10, // a find that is worth waking up for
    TRICKLE = 2 << 10,     // a piece of which the next is better not waited for
    FEW_LOOKS = 4,         // small finds in a row before we look away
    ANSWER = 512,          // so little in a whole rest is somebody's who waits for an answer
};

static const int64_t REST_FIRST = 125 * 1000;
static const int64_t REST_MOST = 1000 * 1000;
static const int64_t REST_UNSEEN = 4 * 1000 * 1000; // from what is thrown away

void stream_close(struct stream *s) {
    // A process just being made holds a copy until it executes, and closing alone would leave ours
    // in the epoll until then.
    if (s->fd >= 0 && s->watcher >= 0) epoll_ctl(s->watcher, EPOLL_CTL_DEL, s->fd, NULL);
    if (s->fd >= 0) close(s->fd);
    s->fd = -1;
    if (s->growth) *s->growth += s->enlarged;
    s->enlarged = 0;
    if (s->spool) drain_spool_end(s->spool);
}

void sink_close(struct sink *sink) {
    if (sink->fd >= 0) close(sink->fd);
    sink->fd = -1;
}

static bool sink_usable(struct sink *sink) {
    if (sink->fd != -1) return sink->fd >= 0;
    sink->fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    struct stat st;
    // In a container whose /dev/null is a plain file, gigabytes would fill the disk.
    bool null = sink->fd >= 0 && fstat(sink->fd, &st) == 0 && S_ISCHR(st.st_mode) &&
                st.st_rdev == makedev(1, 3);
    if (!null) {
        sink_close(sink);
        sink->fd = -2;
    }
    return null;
}

// Bytes that a pipe got more, of those that may yet be had; 0 if it was refused.
static size_t enlarge_pipe(struct stream *s, int fd, size_t capacity, size_t size) {
    if (s->growth && *s->growth < size - capacity) return 0;
    int got = fcntl(fd, F_SETPIPE_SZ, (int)size);
    if (got <= 0 || (size_t)got <= capacity) return 0;
    size_t more = (size_t)got - capacity;
    if (s->growth) {
        *s->growth -= more;
        s->enlarged += more;
    }
    return more;
}

static bool enlarge(struct stream *s, size_t size) {
    size_t more = enlarge_pipe(s, s->fd, s->capacity, size);
    s->capacity += more;
    struct drain_spool *spool = s->spool;
    if (more > 0 && spool && spool->in >= 0 && spool->capacity < size)
        spool->capacity += enlarge_pipe(s, spool->in, spool->capacity, size);
    return more > 0;
}

static void grow(struct stream *s) {
    if (s->capacity < USUAL_PIPE && enlarge(s, USUAL_PIPE)) return;
    s->grown = true;
    // A user past pipe-user-pages-soft gets EPERM for any growth; pipe-max-size may be lower.
    for (size_t size = BULK_PIPE; size > s->capacity; size /= 2)
        if (enlarge(s, size)) return;
}

// Bytes that the ring may take without overwriting what is held.
static size_t ring_room(const struct stream *s) {
    if (s->hold == UINT64_MAX) return s->buffer.tail_size;
    uint64_t kept_from = s->total - s->buffer.tail_length;
    uint64_t oldest = s->hold > kept_from ? s->hold : kept_from;
    uint64_t used = s->total > oldest ? s->total - oldest : 0;
    return used >= s->buffer.tail_size ? 0 : s->buffer.tail_size - (size_t)used;
}

bool stream_held(const struct stream *s) {
    return s->fd >= 0 && s->spool && spool_holds(s->spool);
}

bool stream_wanted(const struct stream *s) {
    if (s->fd < 0 || tap_blocks(&s->tap) || stream_held(s)) return false;
    if (s->buffer.head_length < s->buffer.head_size) return true;
    return s->buffer.tail_size == 0 || ring_room(s) > 0;
}

// One step: a positive count, 0 at the end of the stream, -1 with errno.
static ssize_t keep_some(struct stream *s, struct iovec runs[3], int count, size_t most) {
    for (int i = 0; i < count; i++) {
        if (runs[i].iov_len > most) runs[i].iov_len = most;
        most -= runs[i].iov_len;
    }
    ssize_t n = readv(s->fd, runs, count);
    if (n > 0) buffer_filled(&s->buffer, (size_t)n);
    return n;
}

static ssize_t drop_some(struct stream *s, struct sink *sink, size_t most) {
    if (sink_usable(sink)) {
        ssize_t n = splice(s->fd, NULL, sink->fd, NULL, most, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
        if (n >= 0 || errno == EAGAIN || errno == EINTR) return n;
        sink_close(sink);
        sink->fd = -2;
    }
    char scratch[SCRATCH];
    return read(s->fd, scratch, most < sizeof scratch ? most : sizeof scratch);
}

// In a ring, bytes that will be overwritten before anybody can see them need not be copied.
static size_t hopeless(const struct stream *s) {
    if (s->buffer.tail_size == 0 || s->hold != UINT64_MAX) return 0;
    int waiting = 0;
    if (s->buffer.tail_size >= s->capacity || ioctl(s->fd, FIONREAD, &waiting) != 0) return 0;
    size_t ahead = waiting > 0 ? (size_t)waiting : 0;
    size_t fits = s->buffer.tail_size + WORTHWHILE;
    return ahead > fits ? ahead - s->buffer.tail_size : 0;
}

// Drops `excess` bytes and fills the ring anew in one go: between the two it holds nothing, and
// the caller may stop after any step.
static ssize_t skip_ahead(struct stream *s, struct sink *sink, size_t excess) {
    ssize_t dropped = drop_some(s, sink, excess);
    if (dropped <= 0) return dropped;
    buffer_gap(&s->buffer);
    struct iovec runs[3];
    int count = buffer_space(&s->buffer, s->buffer.tail_size, runs);
    ssize_t kept = keep_some(s, runs, count, SIZE_MAX);
    return kept > 0 ? dropped + kept : dropped;
}

// Nothing can go past whoever reads events: it is read once, and copied where it is kept.
static ssize_t show_some(struct stream *s, size_t most) {
    size_t room = most < EVENTS_WINDOW ? most : EVENTS_WINDOW;
    if (s->buffer.tail_size > 0 && s->hold != UINT64_MAX) {
        size_t free = s->buffer.head_size - s->buffer.head_length + ring_room(s);
        if (room > free) room = free;
    }
    ssize_t n = read(s->fd, s->events->window, room);
    if (n <= 0) return n;
    drain_events_take(s->events, s->events->window, (size_t)n);
    buffer_append(&s->buffer, s->events->window, (size_t)n);
    return n;
}

static bool head_full(const struct stream *s) {
    return s->buffer.head_length == s->buffer.head_size;
}

// Read once, into the ring of whoever reads along, and copied from there to where it is kept.
// Nobody protects bytes of such a stream by `hold`.
static ssize_t share_some(struct stream *s, struct iovec runs[2], int count) {
    ssize_t n = readv(s->fd, runs, count);
    size_t left = n > 0 ? (size_t)n : 0;
    tap_filled(&s->tap, left);
    for (int i = 0; left > 0; i++) {
        size_t part = runs[i].iov_len < left ? runs[i].iov_len : left;
        if (s->events) drain_events_take(s->events, runs[i].iov_base, part);
        buffer_append(&s->buffer, runs[i].iov_base, part);
        left -= part;
    }
    return n;
}

// Shows, keeps or drops what comes next.
static ssize_t pass_some(struct stream *s, struct sink *sink, size_t most) {
    struct iovec runs[3];
    int count = tap_space(&s->tap, most, runs);
    if (count > 0) return share_some(s, runs, count);
    if (s->events) return show_some(s, most);
    if (head_full(s) && s->buffer.tail_size == 0) return drop_some(s, sink, most);
    count = buffer_space(&s->buffer, ring_room(s), runs);
    return keep_some(s, runs, count, most);
}

// Whether somebody sees all that comes next.
static bool is_shown(const struct stream *s) {
    return s->events || tap_room(&s->tap) > 0;
}

// How much `pass_some` may do with what comes next.
static size_t passable(const struct stream *s) {
    const struct buffer *b = &s->buffer;
    if (tap_room(&s->tap) > 0) return tap_room(&s->tap);
    if (s->events && (b->tail_size == 0 || s->hold == UINT64_MAX)) return EVENTS_WINDOW;
    return b->head_size - b->head_length + ring_room(s);
}

// For the spool and for whoever else wants it, where the kernel does not copy it for us.
static ssize_t spool_by_hand(struct stream *s, size_t most) {
    uint8_t piece[SPOOL_PIECE];
    struct iovec runs[2];
    // Only a ring of somebody who is to see it bounds it: what is kept takes any, and drops some.
    bool held = s->hold != UINT64_MAX && s->buffer.tail_size > 0;
    size_t room = tap_room(&s->tap);
    if (room == 0) room = held ? passable(s) : sizeof piece;
    ssize_t n = spool_read(s->spool, s->fd, piece, room < most ? room : most);
    if (n <= 0) return n;
    size_t shown = 0;
    int count = tap_space(&s->tap, (size_t)n, runs);
    for (int i = 0; i < count; i++) {
        memcpy(runs[i].iov_base, piece + shown, runs[i].iov_len);
        shown += runs[i].iov_len;
    }
    tap_filled(&s->tap, shown);
    if (s->events) drain_events_take(s->events, piece, (size_t)n);
    buffer_append(&s->buffer, piece, (size_t)n);
    return n;
}

// What nobody here will see goes to the spool as it is; of the rest, which was copied there before,
// as much is read as was copied.
static ssize_t spool_some(struct stream *s, struct sink *sink, size_t most) {
    size_t unseen = 0;
    if (s->spool->copied == 0 && s->spool->by_hand) return spool_by_hand(s, most);
    if (!is_shown(s) && head_full(s)) unseen = s->buffer.tail_size == 0 ? most : hopeless(s);
    if (s->spool->copied == 0 && unseen > 0) {
        ssize_t moved = spool_take(s->spool, s->fd, unseen < most ? unseen : most, false);
        if (moved > 0) buffer_gap(&s->buffer);
        return moved;
    }
    if (s->spool->copied == 0) {
        size_t room = passable(s);
        ssize_t copied = spool_take(s->spool, s->fd, room < most ? room : most, true);
        if (copied <= 0) return copied;
    }
    if (most > s->spool->copied) most = (size_t)s->spool->copied;
    ssize_t n = pass_some(s, sink, most);
    if (n > 0) s->spool->copied -= (uint64_t)n;
    return n;
}

static ssize_t move_some(struct stream *s, struct sink *sink, size_t most) {
    if (s->spool && (s->spool->copied > 0 || spool_takes(s->spool)))
        return spool_some(s, sink, most);
    size_t excess = !is_shown(s) && head_full(s) ? hopeless(s) : 0;
    return excess > 0 ? skip_ahead(s, sink, excess) : pass_some(s, sink, most);
}

static ssize_t step(struct stream *s, struct sink *sink, size_t most) {
    uint64_t before = s->tap.filled;
    ssize_t n = move_some(s, sink, most);
    if (n > 0) tap_dropped(&s->tap, (size_t)n - (size_t)(s->tap.filled - before));
    return n;
}

size_t stream_move(struct stream *s, struct sink *sink, size_t budget, bool dry) {
    size_t moved = 0;
    while (moved < budget && stream_wanted(s)) {
        ssize_t n = step(s, sink, budget - moved);
        if (n > 0) {
            moved += (size_t)n;
            s->total += (uint64_t)n;
            // A writer of small pieces is always a piece ahead: following it piece by piece would
            // cost both more than all the rest, and after a rest the next one comes soon enough.
            // What is a multiple of a piece may have been all there was room for.
            size_t little = s->rest > 0 ? s->capacity / 4 : TRICKLE;
            ssize_t piece = s->spool && s->spool->by_hand ? SPOOL_PIECE : SCRATCH;
            if (!dry && (size_t)n < little && n % piece != 0) break;
            continue;
        }
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno == EAGAIN) break;
        // A pipe has no other errors; if one came, the stream ends here and says so by its eof.
        s->eof = n == 0;
        stream_close(s);
    }
    if (s->fd >= 0 && !s->grown && moved >= s->capacity / 4 * 3) grow(s);
    return moved;
}

// Nobody can tell when these bytes were read, as long as their writer need not wait for it.
static bool unseen(const struct stream *s) {
    const struct buffer *b = &s->buffer;
    return b->head_length == b->head_size && b->tail_size == 0 && !s->events && !s->tap.ring;
}

void stream_pace(struct stream *s, size_t found, int64_t now) {
    int64_t most = unseen(s) ? REST_UNSEEN : REST_MOST;
    // `found` is what came together since the last look. The aim is a pipe between a quarter
    // and three quarters full: fuller, and the writer will have to wait for us; emptier, and
    // we wake it and ourselves for nothing.
    // Nobody writes on who waits for an answer: looking away would only hold that up.
    bool answered = s->rest > 0 && found < ANSWER;
    if (found == 0 || answered || found >= s->capacity / 4 * 3) {
        s->rest = 0;
        s->small_finds = 0;
    } else if (s->rest == 0) {
        s->small_finds = found < WORTHWHILE ? s->small_finds + 1 : 0;
        if (s->small_finds > FEW_LOOKS) s->rest = REST_FIRST;
    } else if (found < s->capacity / 4) {
        s->rest = s->rest * 2 < most ? s->rest * 2 : most;
    }
    s->rest_until = now + s->rest;
}

void stream_attend(struct stream *s) {
    s->rest = s->rest_until = 0;
    s->small_finds = 0;
}
