// The host's side of a supervised child.

#ifndef DRAIN_CORE_CONTROL_H
#define DRAIN_CORE_CONTROL_H

#include "child.h"

int control_pair(int ends[2]);

// Waits for a word of this kind; the leader's exit is noted on the way. 0, ETIMEDOUT, or EPIPE when
// the supervisor is gone.
int control_await(struct drain_child *child, enum drain_word_kind kind, struct drain_word *word,
                  int64_t until);

// A question and its answer.
int control_ask(struct drain_child *child, enum drain_word_kind kind, int value,
                enum drain_word_kind answer, struct drain_word *word);

// The socket is readable: notes the leader's exit.
void control_hear(struct drain_child *child);

#endif
