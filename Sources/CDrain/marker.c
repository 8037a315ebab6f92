// A number that a command and all that comes from it bear: a soft limit of RLIMIT_RTTIME
// (setrlimit(2)) of tens of thousands of years, which binds nobody. It is inherited by fork and
// exec, and unlike a variable or a descriptor it is not lost to a daemon that clears its
// environment and closes everything. The hard limit bears the outermost marker of nested runs.

#include "marker.h"
#include "proc.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

static const uint64_t LOWEST = (uint64_t)1 << 60;
static const uint64_t OUTER = (uint64_t)1
                              << 61; // what a hard limit has more, so as not to be lower

uint64_t drain_marker(void) {
    uint64_t chance = 0;
    if (getrandom(&chance, sizeof chance, GRND_NONBLOCK) < 0)
        chance = (uint64_t)drain_now() << 16 ^ (uint64_t)getpid();
    return LOWEST | (chance & (LOWEST - 1));
}

void marker_put(uint64_t marker) {
    struct rlimit limit;
    if (!marker || syscall(SYS_prlimit64, 0, RLIMIT_RTTIME, NULL, &limit) != 0) return;
    if (limit.rlim_max == RLIM_INFINITY) limit.rlim_max = marker + OUTER;
    limit.rlim_cur = marker;
    syscall(SYS_prlimit64, 0, RLIMIT_RTTIME, &limit, NULL);
}

struct marks marks_of(pid_t pid) {
    struct rlimit limit = {0, 0};
    char limits[4096];
    // The call is a tenth of the price of the file, and refuses processes of other users.
    if (syscall(SYS_prlimit64, pid, RLIMIT_RTTIME, NULL, &limit) != 0) {
        const struct marks none = {0, 0};
        if (errno != EPERM || proc_read(pid, "limits", limits, sizeof limits) <= 0) return none;
        const char *line = strstr(limits, "\nMax realtime timeout");
        unsigned long long soft = 0, hard = 0;
        if (!line || sscanf(line, "\nMax realtime timeout %llu %llu", &soft, &hard) < 1)
            return none;
        limit = (struct rlimit){soft, hard};
    }
    return (struct marks){limit.rlim_cur, limit.rlim_max};
}

bool marks_bear(struct marks marks, uint64_t marker) {
    return marker && (marks.soft == marker || marks.hard == marker + OUTER);
}

bool marker_borne(pid_t pid, uint64_t marker) {
    return marker && marks_bear(marks_of(pid), marker);
}
