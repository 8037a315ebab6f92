// What a supervisor knows of its descendants.

#ifndef DRAIN_CORE_SUPERVISE_H
#define DRAIN_CORE_SUPERVISE_H

#include "CDrain.h"
#include "proc.h"

// None of these look at what `means`, if given, spare.

// Every descendant of this process that can be seen, parents before children.
void each_descendant(const struct drain_means *means, proc_visit *each, void *context);

// A signal, and SIGCONT, to every descendant but `spare`.
void signal_descendants(const struct drain_means *means, pid_t spare, int signal);

// Looks at every child but `spare`, reaps the dead, kills the living if told to. Returns how many
// live.
size_t settle_children(const struct drain_means *means, pid_t spare, bool killing);

// The same again and again, until none lives or the time has come.
size_t hunt_children(const struct drain_means *means, pid_t spare, int64_t until);

#endif
