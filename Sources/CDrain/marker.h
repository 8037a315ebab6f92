#ifndef DRAIN_CORE_MARKER_H
#define DRAIN_CORE_MARKER_H

#include "CDrain.h"

// In the child, between clone and exec: nothing but system calls. What is refused is left.
void marker_put(uint64_t marker);

bool marker_borne(pid_t pid, uint64_t marker);

#endif
