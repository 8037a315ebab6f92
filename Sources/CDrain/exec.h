// The child's side of a spawn: from clone to exec.

#ifndef DRAIN_CORE_EXEC_H
#define DRAIN_CORE_EXEC_H

#include "CDrain.h"

// Prepared by the parent, so that the child need not allocate; `failure` is written by the
// child, which shares the parent's memory until it executes.
struct exec_plan {
    const struct drain_spec *spec;
    char *const *envp;
    const char *path;             // PATH to search, borrowed from envp; NULL for the default
    int input;                    // becomes 0
    int output[DRAIN_STREAMS];    // become 1 and 2; all above 2
    int control;                  // becomes DRAIN_CONTROL_DESCRIPTOR; -1 for none
    int join;                     // cgroup.procs of a cgroup the child is not in yet; -1 for none
    char *candidate;              // owned: room for any element of `path` and the name
    char **shell_argv;            // owned: /bin/sh, the file, the arguments
    struct drain_failure failure; // error is 0 while nothing failed
};

// Allocates what the search needs. 0 or ENOMEM.
int exec_plan_open(struct exec_plan *plan);
void exec_plan_close(struct exec_plan *plan);

// Runs in the child, on its own stack, with every signal blocked. Returns only on failure.
int exec_child(void *plan);

#endif
