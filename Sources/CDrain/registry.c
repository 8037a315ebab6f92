// What an owner that was killed has left of a run, known from what was written down before.
//
// The number of a process group or session is not given to a new process while a member lives. So
// when the leader's number belongs to another process by now, known by its start time, there was a
// moment without members, and whoever is in the group or session today is a stranger.
//
// When nobody has the number, the members may be the leader's, or those of a stranger who took it
// after everybody had ended and is gone as well. The kernel gives numbers out in a circle: before
// one comes again, about pid_max processes and threads must have been made, and /proc/stat counts
// them. Where so many were made, only the marker tells.

#include "cgroup.h"
#include "marker.h"
#include "proc.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

bool drain_lives(pid_t pid, uint64_t start_time) {
    if (pid <= 0) return false;
    struct pollfd end = {.fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN};
    // A process whose first thread alone has ended looks like a zombie in /proc: the pidfd knows
    // better.
    bool lives = drain_start_time(pid) == start_time &&
                 (end.fd < 0 ? errno != ESRCH : poll(&end, 1, 0) == 0);
    if (end.fd >= 0) close(end.fd);
    return lives;
}

uint64_t drain_forks(void) {
    unsigned long long count = 0;
    char *line = NULL;
    size_t room = 0;
    FILE *stat = fopen("/proc/stat", "re");
    while (stat && getline(&line, &room, stat) > 0)
        if (sscanf(line, "processes %llu", &count) == 1) break;
    free(line);
    if (stat) fclose(stat);
    return count;
}

// Whether a number that was in use when `forks` was counted may have been given out again since.
static bool may_be_reused(uint64_t forks) {
    char text[32];
    uint64_t now = drain_forks();
    if (!forks || now < forks || proc_file("/proc/sys/kernel/pid_max", text, sizeof text) <= 0)
        return true;
    // Half of them: a fork that fails uses up a number and is not counted.
    return now - forks >= strtoull(text, NULL, 10) / 2;
}

struct drain_quarry drain_orphaned(const struct drain_record *record) {
    struct drain_quarry quarry = {.marker = record->marker};
    pid_t leader = record->leader;
    if (leader <= 1 || !record->leader_start) return quarry;
    uint64_t start = drain_start_time(leader);
    bool gone = !start && kill(leader, 0) != 0 && errno == ESRCH;
    if (gone ? !may_be_reused(record->forks) : start == record->leader_start) {
        quarry.group = quarry.session = leader;
        quarry.since = record->leader_start;
    }
    return quarry;
}

bool drain_is_quarry(const struct drain_quarry *q) {
    for (pid_t pid = getpid(); pid > 0; pid = proc_parent(pid)) {
        if (q->group > 0 && getpgid(pid) == q->group) return true;
        if (q->session > 0 && getsid(pid) == q->session) return true;
        if (marker_borne(pid, q->marker)) return true;
    }
    return false;
}
