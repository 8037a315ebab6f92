#include "spool.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// So many parts are a whole spool that keeps the end: the more, the nearer to its cap it stays.
enum { PIECES = 16 };

static int open_side_pipe(struct drain_spool *s, size_t size) {
    int ends[2];
    int error = drain_pipe_open(ends);
    s->out = ends[0];
    s->in = ends[1];
    // A refusal leaves it as it is.
    int capacity = error || !size ? -1 : fcntl(s->in, F_SETPIPE_SZ, (int)size);
    if (!error && capacity < 0) capacity = fcntl(s->in, F_GETPIPE_SZ);
    s->capacity = capacity > 0 ? (size_t)capacity : 65536;
    return error;
}

int drain_spool_open(const struct drain_spool_plan *plan, struct drain_spool **out) {
    *out = NULL;
    if (strlen(plan->prefix) >= sizeof((struct drain_spool *)0)->prefix) return ENAMETOOLONG;
    if (strlen(plan->suffix) >= sizeof((struct drain_spool *)0)->suffix) return ENAMETOOLONG;
    struct drain_spool *s = calloc(1, sizeof *s);
    if (!s) return ENOMEM;
    strcpy(s->prefix, plan->prefix);
    strcpy(s->suffix, plan->suffix);
    s->directory = plan->directory;
    s->most = plan->most;
    s->filtered = plan->filtered;
    s->keeps_end = plan->keeps_end && !plan->filtered;
    s->piece = UINT64_MAX;
    if (s->keeps_end) s->piece = s->most < PIECES ? 1 : s->most / PIECES;
    s->left = s->keeps_end && s->most > 0 ? UINT64_MAX : s->most;
    s->patience = plan->patience;
    s->in = s->out = s->file = -1;
    int error = open_side_pipe(s, plan->pipe_size);
    // The program's own reading is to wait for what comes.
    if (!error && s->filtered && fcntl(s->out, F_SETFL, 0) != 0) error = errno;
    if (error) {
        drain_spool_close(s);
        return error;
    }
    if (s->left == 0) drain_spool_end(s);
    *out = s;
    return 0;
}

void drain_spool_close(struct drain_spool *s) {
    if (!s) return;
    // The reading end last: writing to a pipe without one would raise SIGPIPE.
    if (s->in >= 0) close(s->in);
    if (s->out >= 0) close(s->out);
    if (s->file >= 0) close(s->file);
    free(s);
}

void drain_spool_end(struct drain_spool *s) {
    if (s->in < 0) return;
    // A process just being made may hold a copy of the pipe's end for a while, so that its end is
    // told in another way as well.
    atomic_store_explicit(&s->ended, true, memory_order_release);
    close(s->in);
    s->in = -1;
    s->full_since = 0;
}

static void give_up(struct drain_spool *s, int error) {
    s->refusal = error;
    drain_spool_end(s);
}

bool spool_takes(struct drain_spool *s) {
    if (s->in < 0) return false;
    if (!atomic_load_explicit(&s->failed, memory_order_relaxed)) return true;
    drain_spool_end(s);
    return false;
}

bool spool_holds(struct drain_spool *s) {
    if (s->full_since == 0 || !spool_takes(s)) return false;
    struct pollfd room = {s->in, POLLOUT, 0};
    if (poll(&room, 1, 0) != 0) return false;
    // As a difference, since patience may be for ever.
    if (drain_now() - s->full_since < s->patience) return true;
    s->slow = true;
    give_up(s, ETIMEDOUT);
    return false;
}

// Why a pipe gave nothing to the other: it is empty, has ended, or the other one is full.
static ssize_t find_reason(struct drain_spool *s, int from) {
    struct pollfd both[2] = {{from, POLLIN, 0}, {s->in, POLLOUT, 0}};
    ssize_t n = -1;
    poll(both, 2, 0);
    if (!(both[0].revents & POLLIN))
        n = both[0].revents & POLLHUP ? 0 : -1;
    else if (!(both[1].revents & POLLOUT) && s->full_since == 0)
        s->full_since = drain_now();
    errno = EAGAIN;
    return n;
}

static void count_taken(struct drain_spool *s, size_t count) {
    s->full_since = 0;
    s->taken += count;
    if (s->left != UINT64_MAX) s->left -= count;
    if (s->left == 0) drain_spool_end(s);
}

ssize_t spool_take(struct drain_spool *s, int from, size_t most, bool copy) {
    if (most > s->left) most = (size_t)s->left;
    ssize_t n = copy ? tee(from, s->in, most, SPLICE_F_NONBLOCK)
                     : splice(from, NULL, s->in, NULL, most, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    if (n < 0 && errno == EAGAIN) return find_reason(s, from);
    if (n < 0 && errno != EINTR) {
        // A filter of system calls, as a rule, which allows what is older. By hand it is slower,
        // and right whatever the reason was.
        s->by_hand = true;
        errno = EINTR;
    }
    if (n <= 0) return n;
    if (copy) s->copied = (uint64_t)n;
    count_taken(s, (size_t)n);
    return n;
}

ssize_t spool_read(struct drain_spool *s, int from, uint8_t piece[SPOOL_PIECE], size_t most) {
    struct pollfd room = {s->in, POLLOUT, 0};
    if (most > SPOOL_PIECE) most = SPOOL_PIECE;
    if (most > s->left) most = (size_t)s->left;
    if (poll(&room, 1, 0) != 1) return find_reason(s, from);
    ssize_t n = read(from, piece, most), done = -1;
    if (n <= 0) return n;
    do done = write(s->in, piece, (size_t)n);
    while (done < 0 && errno == EINTR);
    // What was read is the stream's, whether the spool has it or not.
    if (done == n)
        count_taken(s, (size_t)n);
    else
        give_up(s, done < 0 ? errno : EIO);
    return n;
}
