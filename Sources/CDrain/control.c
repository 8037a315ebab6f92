// Words between a host and the drain-run that supervises for it, over one SOCK_SEQPACKET socket: a
// word is whole or not there, and the end of either side is seen by the other as an end of file.

#include "control.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

int drain_control_send(int fd, const struct drain_word *word) {
    for (;;) {
        if (send(fd, word, sizeof *word, MSG_NOSIGNAL) == (ssize_t)sizeof *word) return 0;
        if (errno != EINTR) return errno;
    }
}

int drain_control_receive(int fd, struct drain_word *word) {
    for (;;) {
        ssize_t n = recv(fd, word, sizeof *word, MSG_DONTWAIT);
        if (n == (ssize_t)sizeof *word) return word->version == DRAIN_CONTROL_VERSION ? 0 : EPROTO;
        if (n >= 0) return n == 0 ? EPIPE : EPROTO;
        if (errno != EINTR) return errno;
    }
}

int control_pair(int ends[2]) {
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0 ? 0 : errno;
}

int control_await(struct drain_child *child, enum drain_word_kind kind, struct drain_word *word,
                  int64_t until) {
    for (;;) {
        int error = drain_control_receive(child->control, word);
        if (!error && (enum drain_word_kind)word->kind == kind) return 0;
        if (!error && word->kind == DRAIN_WORD_EXITED) child->exited = true;
        if (!error) continue;
        if (error != EAGAIN) return error;
        int64_t gap = until - drain_now();
        if (gap <= 0) return ETIMEDOUT;
        struct pollfd control = {child->control, POLLIN, 0};
        poll(&control, 1, (int)(gap / 1000000) + 1);
    }
}

int control_ask(struct drain_child *child, enum drain_word_kind kind, int value,
                enum drain_word_kind answer, struct drain_word *word) {
    // What is asked takes a moment; a hunt at the end has ten seconds.
    const int64_t patience = (int64_t)15 * 1000 * 1000 * 1000;
    memset(word, 0, sizeof *word);
    word->version = DRAIN_CONTROL_VERSION;
    word->kind = kind;
    word->value = value;
    int error = drain_control_send(child->control, word);
    return error ? error : control_await(child, answer, word, drain_now() + patience);
}

void control_hear(struct drain_child *child) {
    struct drain_word word;
    int error = drain_control_receive(child->control, &word);
    // Without a supervisor there is nothing more to learn.
    if (error != EAGAIN && (error || word.kind == DRAIN_WORD_EXITED)) child->exited = true;
}
