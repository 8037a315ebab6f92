// The writing end of a child's standard input.

#ifndef DRAIN_CORE_INPUT_H
#define DRAIN_CORE_INPUT_H

#include <stdbool.h>
#include <stddef.h>

struct input {
    int fd;          // non-blocking, owned; -1 where there is none, or once it is closed
    int watcher;     // epoll that has it, borrowed; -1 for none
    bool grown;      // the pipe was enlarged, or that was refused
    size_t *growth;  // bytes that pipes may yet be enlarged by, borrowed; NULL for any
    size_t enlarged; // bytes taken of it, given back when the pipe is closed
};

// Makes the pipe; the reading end is the caller's. 0 or an errno value.
int input_open(struct input *input, size_t pipe_size, int *reading);

// Tells of room once, by `name`, on an epoll.
int input_await(struct input *input, int watcher, size_t *growth, void *name);

// Whoever watched it does so no more.
void input_leave(struct input *input);

void input_close(struct input *input);

#endif
