// All processes at one moment, and what tells whose they are.

#ifndef DRAIN_CORE_CENSUS_H
#define DRAIN_CORE_CENSUS_H

#include "CDrain.h"
#include "marker.h"

struct being {
    pid_t pid, group, session;
    struct marks marks;
};

struct drain_census {
    bool allowed, taken, failed;
    struct being *beings; // owned
    size_t count, room;
};

// Whether it can be gone by; it is taken for that, unless it was. NULL is allowed, and cannot.
bool census_ready(struct drain_census *census);

#endif
