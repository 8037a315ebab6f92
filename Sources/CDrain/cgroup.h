// What the rest of the core asks of a temporary cgroup.

#ifndef DRAIN_CORE_CGROUP_H
#define DRAIN_CORE_CGROUP_H

#include "CDrain.h"
#include "proc.h"

// Every process in it and in cgroups below; zombies are not listed there.
void each_of_cgroup(const struct drain_cgroup *cgroup, proc_visit *each, void *context);

#endif
