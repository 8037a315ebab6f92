// What a child's tree is, to the sweep.

#ifndef DRAIN_CORE_SWEEP_H
#define DRAIN_CORE_SWEEP_H

#include "CDrain.h"
#include "proc.h"

struct drain_quarry quarry_of(const struct drain_child *child);

#endif
