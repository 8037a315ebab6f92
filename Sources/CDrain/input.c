#include "input.h"

#include "child.h"
#include "descriptor.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { BULK_PIPE = 1 << 20 }; // as for what is read

int input_open(struct input *input, size_t pipe_size, int *reading) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return errno;
    int error = above_stdio(&ends[0]);
    if (!error) error = above_stdio(&ends[1]);
    // Non-blocking on our side only: each end of a pipe has file status flags of its own.
    if (!error && fcntl(ends[1], F_SETFL, O_NONBLOCK) != 0) error = errno;
    // A refusal leaves it as it is.
    if (!error && pipe_size) fcntl(ends[1], F_SETPIPE_SZ, (int)pipe_size);
    *reading = ends[0];
    input->fd = ends[1];
    return error;
}

// A writer that fills a pipe is likely to have more.
static void grow(struct input *input) {
    if (input->grown) return;
    input->grown = true;
    int now = fcntl(input->fd, F_GETPIPE_SZ);
    size_t capacity = now > 0 ? (size_t)now : BULK_PIPE;
    for (size_t size = BULK_PIPE; size > capacity; size /= 2) {
        if (input->growth && *input->growth < size - capacity) continue;
        int got = fcntl(input->fd, F_SETPIPE_SZ, (int)size);
        if (got <= 0) continue;
        input->enlarged = (size_t)got - capacity;
        if (input->growth) *input->growth -= input->enlarged;
        return;
    }
}

int input_await(struct input *input, int watcher, size_t *growth, void *name) {
    struct epoll_event event = {.events = EPOLLOUT | EPOLLONESHOT, .data.ptr = name};
    if (input->fd < 0) return EBADF;
    int verb = input->watcher < 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    input->growth = growth;
    grow(input);
    if (epoll_ctl(watcher, verb, input->fd, &event) != 0) return errno;
    input->watcher = watcher;
    return 0;
}

void input_leave(struct input *input) {
    // A process just being made holds a copy until it executes, and closing alone would leave ours
    // in the epoll until then.
    if (input->watcher >= 0) epoll_ctl(input->watcher, EPOLL_CTL_DEL, input->fd, NULL);
    input->watcher = -1;
    if (input->growth) *input->growth += input->enlarged;
    input->growth = NULL;
    input->enlarged = 0;
}

void input_close(struct input *input) {
    if (input->fd < 0) return;
    input_leave(input);
    close(input->fd);
    input->fd = -1;
}

int drain_input(const struct drain_child *child) {
    return child->input.fd;
}

void drain_input_close(struct drain_child *child) {
    input_close(&child->input);
}
