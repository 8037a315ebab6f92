// What a child's tree is, to the sweep.

#ifndef DRAIN_CORE_SWEEP_H
#define DRAIN_CORE_SWEEP_H

#include "CDrain.h"
#include "proc.h"

// Those of the quarry among the processes that were made last, now or in the next moments: a chain
// of forks, which is in no listing. Signalled with their process groups; not at all for signal 0.
size_t sweep_newest(const struct drain_quarry *quarry, int signal);

// As `drain_sweep`, by a census; a signal goes to those who were born since as well. False where
// that does not answer: it cannot be gone by, or, without a signal, somebody of whom it knew has
// ended since and may have left others.
bool sweep_census(const struct drain_quarry *quarry, struct drain_census *census, int signal,
                  pid_t *pids, size_t room, size_t *count);

struct drain_quarry quarry_of(const struct drain_child *child);

#endif
