#include "census.h"

#include "child.h"
#include "proc.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

int drain_census_open(struct drain_census **out) {
    *out = calloc(1, sizeof **out);
    return *out ? 0 : ENOMEM;
}

void drain_census_close(struct drain_census *census) {
    free(census->beings);
    free(census);
}

void drain_census_allow(struct drain_census *census, bool allowed) {
    census->allowed = allowed;
    census->taken = census->failed = false;
    census->count = 0;
}

void drain_census_use(struct drain_child *child, struct drain_census *census) {
    child->census = census;
}

static bool count_in(pid_t pid, pid_t parent, void *context) {
    (void)parent;
    struct drain_census *census = context;
    struct being being = {pid, getpgid(pid), getsid(pid), {0, 0}};
    if (pid == getpid() || (being.group < 0 && errno == ESRCH)) return true;
    if (census->count == census->room) {
        size_t room = census->room ? census->room * 2 : 512;
        struct being *more = reallocarray(census->beings, room, sizeof *more);
        if (!more) census->failed = true;
        if (!more) return false;
        census->beings = more;
        census->room = room;
    }
    being.marks = marks_of(pid);
    census->beings[census->count++] = being;
    return true;
}

bool census_has(const struct drain_census *census, pid_t pid) {
    // The newest, which are asked for, are nearly always at the end.
    for (size_t i = census->count; i > 0; i--)
        if (census->beings[i - 1].pid == pid) return true;
    return false;
}

static bool count_new(pid_t pid, pid_t parent, void *context) {
    return census_has(context, pid) || count_in(pid, parent, context);
}

bool census_ready(struct drain_census *census) {
    if (!census || !census->allowed) return false;
    if (!census->taken) {
        census->taken = true;
        census->taken_at = drain_now();
        census->newest = proc_newest();
        proc_each(count_in, census);
        // A chain of forks is in no listing.
        proc_each_newest(count_new, census);
    }
    return !census->failed;
}

bool census_each_since(const struct drain_census *census, proc_visit *each, void *context) {
    if (drain_now() - census->taken_at > PROC_SHORT_TIME || census->newest <= 0) return false;
    return proc_each_since(census->newest, each, context);
}
