// Who else belongs to a command: members of its group or descendants, and holders of its pipes.

#include "cgroup.h"
#include "control.h"
#include "proc.h"
#include "supervise.h"
#include "sweep.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct member_search {
    const struct drain_child *child;
    pid_t *pids;
    size_t room, count;
};

static bool count_living(pid_t pid, pid_t parent, void *context) {
    (void)parent;
    struct member_search *s = context;
    if (pid == s->child->pid || !proc_alive(pid)) return true;
    if (s->count < s->room) s->pids[s->count] = pid;
    s->count++;
    return true;
}

struct drain_quarry quarry_of(const struct drain_child *child) {
    uint64_t marker = child->means.marker;
    return (struct drain_quarry){
        // Reaped, it does not keep its number any more for its group and its session.
        .group = child->reaped && marker ? 0 : child->pid,
        .session = child->reaped || !marker ? 0 : child->pid,
        .marker = marker,
        .spare = child->reaped ? 0 : child->pid,
        .after = drain_now() - child->started < PROC_SHORT_TIME ? child->pid : 0,
    };
}

static size_t others_remotely(struct drain_child *child, pid_t *pids, size_t room) {
    struct drain_word word;
    if (control_ask(child, DRAIN_WORD_OTHERS, 0, DRAIN_WORD_OTHERS, &word) != 0) return 0;
    for (size_t i = 0; i < word.count && i < room && i < DRAIN_CONTROL_PIDS; i++)
        pids[i] = word.pids[i];
    return word.count;
}

size_t drain_others(struct drain_child *child, pid_t *pids, size_t room) {
    struct member_search s = {child, pids, pids ? room : 0, 0};
    if (child->control >= 0) return others_remotely(child, pids, s.room);
    if (child->means.supervised) {
        // Once the leader has ended, whoever is left has come to us or descends from one who has.
        if (child->exited &&
            settle_children(&child->means, child->reaped ? 0 : child->pid, false) == 0)
            return 0;
        each_descendant(&child->means, count_living, &s);
        return s.count;
    }
    if (child->means.cgroup) {
        each_of_cgroup(child->means.cgroup, count_living, &s);
        // A chain of forks is in no listing.
        bool hidden = s.count == 0 && child->exited && drain_cgroup_populated(child->means.cgroup);
        return hidden ? 1 : s.count;
    }
    // Whoever belongs to it was born after its leader, so after a short run the few numbers given
    // out since are all there is to ask about: a listing of /proc would cost more than the whole
    // run of a small command.
    struct drain_quarry quarry = quarry_of(child);
    size_t count;
    // Who had nobody left when its leader had ended gets nobody any more.
    if (child->exited && sweep_census(&quarry, child->census, 0, pids, s.room, &count))
        return count;
    count = drain_sweep(&quarry, 0, pids, room);
    return count == 0 && child->signalled ? sweep_newest(&quarry, 0) : count;
}

struct holder_search {
    ino_t pipes[DRAIN_STREAMS];
    dev_t device;
    struct drain_holder *holders;
    size_t room, count;
};

static bool holds_one(const struct holder_search *s, pid_t pid) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    DIR *list = opendir(path);
    if (!list) return false;
    bool found = false;
    struct dirent *e;
    while (!found && (e = readdir(list))) {
        struct stat link, target;
        // The link's own mode says how the descriptor was opened: a reading end is ours.
        if (fstatat(dirfd(list), e->d_name, &target, 0) != 0 || !S_ISFIFO(target.st_mode)) continue;
        if (target.st_dev != s->device || !target.st_ino) continue;
        if (target.st_ino != s->pipes[0] && target.st_ino != s->pipes[1]) continue;
        found = fstatat(dirfd(list), e->d_name, &link, AT_SYMLINK_NOFOLLOW) == 0 &&
                (link.st_mode & S_IWUSR);
    }
    closedir(list);
    return found;
}

static void describe(pid_t pid, struct drain_holder *holder) {
    char name[64];
    holder->pid = pid;
    ssize_t n = proc_read(pid, "cmdline", holder->command, sizeof holder->command);
    while (n > 0 && holder->command[n - 1] == '\0') n--;
    for (ssize_t i = 0; i < n; i++)
        if (holder->command[i] == '\0') holder->command[i] = ' ';
    if (n > 0) return;
    // A process without a command line (a zombie's child, a kernel helper) still has a name.
    n = proc_read(pid, "comm", name, sizeof name);
    if (n > 0 && name[n - 1] == '\n') name[n - 1] = '\0';
    snprintf(holder->command, sizeof holder->command, "[%s]", n > 0 ? name : "unknown");
}

static bool note_holder(pid_t pid, pid_t parent, void *context) {
    (void)parent;
    struct holder_search *s = context;
    if (!holds_one(s, pid)) return true;
    describe(pid, &s->holders[s->count]);
    return ++s->count < s->room;
}

size_t drain_holders(const struct drain_child *child, struct drain_holder *holders, size_t room) {
    struct holder_search s = {.holders = holders, .room = room};
    bool any = false;
    for (int i = 0; i < DRAIN_STREAMS; i++) {
        struct stat st;
        if (child->streams[i].fd < 0 || fstat(child->streams[i].fd, &st) != 0) continue;
        s.pipes[i] = st.st_ino;
        s.device = st.st_dev;
        any = true;
    }
    if (any && room > 0) proc_each(note_holder, &s);
    return s.count;
}

static uint64_t resident_of(pid_t pid) {
    char statm[128];
    unsigned long pages = 0;
    if (proc_read(pid, "statm", statm, sizeof statm) <= 0) return 0;
    const char *second = strchr(statm, ' ');
    if (second) pages = strtoul(second + 1, NULL, 10);
    return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

uint64_t drain_resident(struct drain_child *child) {
    enum { MOST = 256 };
    pid_t others[MOST];
    size_t count = drain_others(child, others, MOST);
    uint64_t sum = child->exited ? 0 : resident_of(child->command);
    for (size_t i = 0; i < count && i < MOST; i++) sum += resident_of(others[i]);
    return sum;
}
