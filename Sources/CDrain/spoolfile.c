// The side of a spool that writes: from the side pipe to parts. Only here may a disk be waited for.

#include "spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    BULK = 1 << 20,      // moved in one step
    SCRATCH = 128 << 10, // where splice is refused
};

struct drain_disk {
    int in, out;     // a pipe that is empty between two steps, owned
    int null;        // /dev/null, owned; -1 if there is none to be had
    size_t capacity; // of the pipe, in bytes
    char scratch[SCRATCH];
};

int drain_disk_open(struct drain_disk **out) {
    int ends[2];
    *out = NULL;
    struct drain_disk *disk = calloc(1, sizeof *disk);
    if (!disk) return ENOMEM;
    int error = drain_pipe_open(ends);
    if (error) {
        free(disk);
        return error;
    }
    disk->out = ends[0];
    disk->in = ends[1];
    int got = -1;
    for (int size = BULK; size > 64 << 10 && got < 0; size /= 2)
        got = fcntl(disk->in, F_SETPIPE_SZ, size);
    if (got < 0) got = fcntl(disk->in, F_GETPIPE_SZ);
    disk->capacity = got > 0 ? (size_t)got : 4096;
    disk->null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    *out = disk;
    return 0;
}

void drain_disk_close(struct drain_disk *disk) {
    close(disk->in);
    close(disk->out);
    if (disk->null >= 0) close(disk->null);
    free(disk);
}

int drain_spool_descriptor(const struct drain_spool *s) {
    return s->out;
}

struct drain_spool_state drain_spool_look(const struct drain_spool *s) {
    return s->state;
}

void drain_spool_name(const struct drain_spool *s, uint64_t offset, char name[DRAIN_SPOOL_NAME]) {
    snprintf(name, DRAIN_SPOOL_NAME, "%s%020llu%s", s->prefix, (unsigned long long)offset,
             s->suffix);
}

static void fail(struct drain_spool *s, int error) {
    if (!s->state.error) s->state.error = error;
    atomic_store_explicit(&s->failed, true, memory_order_relaxed);
}

static struct drain_spool_part *last_part(struct drain_spool *s) {
    return s->state.count > 0 ? &s->state.parts[s->state.count - 1] : NULL;
}

static void close_file(struct drain_spool *s) {
    // Some file systems tell only now that there was no room.
    if (s->file >= 0 && close(s->file) != 0 && errno != EINTR) fail(s, errno);
    s->file = -1;
}

static void drop_oldest(struct drain_spool *s) {
    struct drain_spool_state *state = &s->state;
    s->doomed = state->parts[0].offset;
    s->stale = true;
    s->held -= state->parts[0].bytes;
    if (state->count == 1) close_file(s);
    state->count--;
    memmove(state->parts, state->parts + 1, state->count * sizeof state->parts[0]);
}

static void remove_doomed(struct drain_spool *s) {
    char name[DRAIN_SPOOL_NAME];
    drain_spool_name(s, s->doomed, name);
    s->stale = false;
    // Removed by somebody else it is gone as it should be.
    if (unlinkat(s->directory, name, 0) != 0 && errno != ENOENT) fail(s, errno);
}

static void make_part(struct drain_spool *s) {
    char name[DRAIN_SPOOL_NAME];
    struct stat st;
    close_file(s);
    drain_spool_name(s, s->received, name);
    s->file =
        openat(s->directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    // The umask may have taken our own rights away, too.
    if (s->file < 0 || fchmod(s->file, 0600) != 0 || fstat(s->file, &st) != 0) {
        fail(s, errno);
        return;
    }
    s->state.parts[s->state.count++] = (struct drain_spool_part){
        .offset = s->received,
        .device = (uint64_t)st.st_dev,
        .inode = (uint64_t)st.st_ino,
    };
}

int drain_spool_make_part(struct drain_spool *s) {
    make_part(s);
    int file = s->file;
    s->file = -1;
    if (!s->state.error) return file;
    if (file >= 0) close(file);
    return -s->state.error;
}

void drain_spool_unfilter(struct drain_spool *s) {
    s->released = true;
    atomic_store_explicit(&s->failed, true, memory_order_relaxed);
}

bool drain_spool_ended(const struct drain_spool *s) {
    return atomic_load_explicit(&s->ended, memory_order_acquire);
}

// Bytes of a pipe to nowhere. What splice gives.
static ssize_t discard(struct drain_disk *disk, int from, size_t count) {
    if (disk->null >= 0) {
        ssize_t n = splice(from, NULL, disk->null, NULL, count, SPLICE_F_NONBLOCK);
        if (n >= 0 || errno == EAGAIN || errno == EINTR) return n;
    }
    return read(from, disk->scratch, count < SCRATCH ? count : SCRATCH);
}

static void count_written(struct drain_spool *s, size_t count) {
    last_part(s)->bytes += count;
    s->held += count;
}

// Whatever a file system left behind what it said it took is none of the stream.
static void cut_off(struct drain_spool *s) {
    if (ftruncate(s->file, (off_t)last_part(s)->bytes) != 0) fail(s, errno);
}

// Some bytes of a pipe to the part, through memory. Returns how many left the pipe: those are
// written to the end, or the spool has failed.
static size_t write_plainly(struct drain_spool *s, struct drain_disk *disk, int from,
                            size_t count) {
    ssize_t got = read(from, disk->scratch, count < SCRATCH ? count : SCRATCH);
    if (got < 0 && errno != EAGAIN && errno != EINTR) fail(s, errno);
    for (ssize_t done = 0; done < got;) {
        ssize_t n = write(s->file, disk->scratch + done, (size_t)(got - done));
        if (n > 0) done += n;
        if (n > 0) count_written(s, (size_t)n);
        if (n > 0 || (n < 0 && errno == EINTR)) continue;
        fail(s, n < 0 ? errno : ENOSPC);
        cut_off(s);
        break;
    }
    return got > 0 ? (size_t)got : 0;
}

// By the file system, which may know no splice, or by whatever filters system calls here.
static bool is_refusal(int error) {
    return error == EINVAL || error == ENOSYS || error == EPERM;
}

// `count` bytes are in the disk's pipe, which is empty afterwards.
static void write_out(struct drain_spool *s, struct drain_disk *disk, size_t count) {
    while (count > 0 && !s->state.error) {
        if (s->plain) {
            count -= write_plainly(s, disk, disk->out, count);
            continue;
        }
        ssize_t n = splice(disk->out, NULL, s->file, NULL, count, SPLICE_F_MOVE);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && is_refusal(errno)) {
            s->plain = true;
        } else if (n <= 0) {
            fail(s, n < 0 ? errno : ENOSPC);
            cut_off(s);
        } else {
            count_written(s, (size_t)n);
            count -= (size_t)n;
        }
    }
    if (count == 0) return;
    int waiting = 0;
    while (ioctl(disk->out, FIONREAD, &waiting) == 0 && waiting > 0 &&
           discard(disk, disk->out, (size_t)waiting) > 0) {
    }
}

// `count` bytes and no more, of those that are in the side pipe.
static void carry(struct drain_spool *s, struct drain_disk *disk, size_t count) {
    if (s->plain) {
        s->received += write_plainly(s, disk, s->out, count);
        return;
    }
    ssize_t n = splice(s->out, NULL, disk->in, NULL, count, SPLICE_F_NONBLOCK);
    if (n > 0) {
        s->received += (uint64_t)n;
        write_out(s, disk, (size_t)n);
    } else if (n < 0 && is_refusal(errno)) {
        s->plain = true;
    } else if (n < 0 && errno != EAGAIN && errno != EINTR) {
        fail(s, errno);
    }
}

static void drop(struct drain_spool *s, struct drain_disk *disk, size_t count) {
    ssize_t n = discard(disk, s->out, count);
    if (n > 0) s->received += (uint64_t)n;
}

// There are so many bytes that the oldest would be removed as soon as they are written.
static void skip(struct drain_spool *s, struct drain_disk *disk, size_t excess) {
    if (s->state.count > 0) {
        drop_oldest(s);
        return;
    }
    drop(s, disk, excess);
}

static void move_on(struct drain_spool *s, struct drain_disk *disk, size_t waiting) {
    struct drain_spool_part *part = last_part(s);
    uint64_t room = s->file >= 0 && part ? s->piece - part->bytes : 0;
    uint64_t count = waiting < disk->capacity ? waiting : disk->capacity;
    if (s->keeps_end && waiting > s->most) {
        skip(s, disk, waiting - (size_t)s->most);
        return;
    }
    if (count > (room ? room : s->piece)) count = room ? room : s->piece;
    if (s->keeps_end && s->held + count > s->most) {
        drop_oldest(s);
    } else if (room == 0) {
        make_part(s);
    } else {
        carry(s, disk, (size_t)count);
    }
}

// Whether the part is what its name leads to.
static bool is_there(const struct drain_spool *s, const struct drain_spool_part *part) {
    char name[DRAIN_SPOOL_NAME];
    struct stat st;
    drain_spool_name(s, part->offset, name);
    return fstatat(s->directory, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
           (uint64_t)st.st_dev == part->device && (uint64_t)st.st_ino == part->inode &&
           (uint64_t)st.st_size >= part->bytes;
}

// Somebody may have removed parts: what is told of is what is there in one piece, nearest to the
// end.
static void check_parts(struct drain_spool *s) {
    struct drain_spool_state *state = &s->state;
    size_t end = state->count, first;
    while (end > 0 && !is_there(s, &state->parts[end - 1])) end--;
    for (first = end; first > 0 && is_there(s, &state->parts[first - 1]);) first--;
    if (end - first == state->count) return;
    state->missing = true;
    state->count = end - first;
    memmove(state->parts, state->parts + first, state->count * sizeof state->parts[0]);
    fail(s, ENOENT);
}

static enum drain_spool_progress finish(struct drain_spool *s) {
    if (s->done) return DRAIN_SPOOL_DONE;
    close_file(s);
    if (s->refusal && !s->state.error) {
        fail(s, s->refusal);
        s->state.slow = s->slow;
    }
    s->state.passed = s->taken - s->received;
    // Its reader has ended before it.
    if (s->filtered && s->received > 0) fail(s, EPIPE);
    if (!s->reverted) check_parts(s);
    s->done = true;
    return DRAIN_SPOOL_DONE;
}

enum drain_spool_progress drain_spool_step(struct drain_spool *s, struct drain_disk *disk) {
    bool ended = atomic_load_explicit(&s->ended, memory_order_acquire);
    int waiting = 0;
    if (s->filtered && !s->released) return DRAIN_SPOOL_IDLE;
    if (s->stale) {
        remove_doomed(s);
        return DRAIN_SPOOL_MORE;
    }
    if (s->done || ioctl(s->out, FIONREAD, &waiting) != 0 || waiting <= 0)
        return ended ? finish(s) : DRAIN_SPOOL_IDLE;
    if (!atomic_load_explicit(&s->failed, memory_order_relaxed))
        move_on(s, disk, (size_t)waiting);
    else
        drop(s, disk, (size_t)waiting);
    return DRAIN_SPOOL_MORE;
}

static const struct drain_spool_part *find_part(const struct drain_spool_state *state,
                                                uint64_t offset) {
    for (size_t i = 0; i < state->count; i++)
        if (state->parts[i].offset == offset) return &state->parts[i];
    return NULL;
}

void drain_spool_revert(struct drain_spool *s, const struct drain_spool_state *state) {
    char name[DRAIN_SPOOL_NAME];
    fail(s, ECANCELED);
    s->reverted = true;
    close_file(s);
    for (size_t i = 0; i < s->state.count; i++) {
        const struct drain_spool_part *now = &s->state.parts[i];
        const struct drain_spool_part *then = find_part(state, now->offset);
        if ((then && then->bytes == now->bytes) || !is_there(s, now)) continue;
        drain_spool_name(s, now->offset, name);
        int file = then ? openat(s->directory, name, O_WRONLY | O_NOFOLLOW | O_CLOEXEC) : -1;
        if (!then) unlinkat(s->directory, name, 0);
        // What cannot be cut off is behind what was told of, and nobody reads it.
        if (file >= 0 && ftruncate(file, (off_t)then->bytes) != 0) s->state.error = errno;
        if (file >= 0) close(file);
    }
    s->state = *state;
}
