#ifndef DRAIN_CORE_MARKER_H
#define DRAIN_CORE_MARKER_H

#include "CDrain.h"

// In the child, between clone and exec: nothing but system calls. What is refused is left.
void marker_put(uint64_t marker);

// The two limits that may bear markers, of a process; none where they are not to be known.
struct marks {
    uint64_t soft, hard;
};
struct marks marks_of(pid_t pid);
bool marks_bear(struct marks marks, uint64_t marker);

bool marker_borne(pid_t pid, uint64_t marker);

#endif
