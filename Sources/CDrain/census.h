// All processes at one moment, and what tells whose they are.

#ifndef DRAIN_CORE_CENSUS_H
#define DRAIN_CORE_CENSUS_H

#include "CDrain.h"
#include "marker.h"
#include "proc.h"

struct being {
    pid_t pid, group, session;
    struct marks marks;
};

struct drain_census {
    bool allowed, taken, failed;
    int64_t taken_at;     // when that was begun
    pid_t newest;         // process number by then
    struct being *beings; // owned
    size_t count, room;
};

// Whether it can be gone by; it is taken for that, unless it was. NULL is allowed, and cannot.
bool census_ready(struct drain_census *census);

bool census_has(const struct drain_census *census, pid_t pid);

// Everybody born since it was taken. False where that is not to be known.
bool census_each_since(const struct drain_census *census, proc_visit *each, void *context);

#endif
