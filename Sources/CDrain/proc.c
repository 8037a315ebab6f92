#include "proc.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

ssize_t proc_file(const char *path, char *room, size_t size) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return -1;
    size_t used = 0;
    while (used + 1 < size) {
        ssize_t n = read(fd, room + used, size - 1 - used);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) break;
        used += (size_t)n;
    }
    close(fd);
    room[used] = '\0';
    return (ssize_t)used;
}

ssize_t proc_read(pid_t pid, const char *name, char *room, size_t size) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    return proc_file(path, room, size);
}

char proc_state(pid_t pid) {
    char stat[512];
    if (proc_read(pid, "stat", stat, sizeof stat) <= 0) return 'X';
    // The name in parentheses may hold anything, parentheses too.
    const char *state = strrchr(stat, ')');
    return state && state[1] == ' ' && state[2] ? state[2] : 'X';
}

bool proc_alive(pid_t pid) {
    char state = proc_state(pid);
    return state != 'Z' && state != 'X';
}

pid_t proc_parent(pid_t pid) {
    char stat[512];
    if (proc_read(pid, "stat", stat, sizeof stat) <= 0) return 0;
    const char *state = strrchr(stat, ')');
    return state && state[1] && state[2] ? (pid_t)atoi(state + 3) : 0;
}

uint64_t proc_start_time(pid_t pid) {
    char stat[1024];
    if (proc_read(pid, "stat", stat, sizeof stat) <= 0) return 0;
    char *field = strrchr(stat, ')');
    // The state, behind the name, is the third field; the start time is the 22nd.
    for (int i = 2; field && i < 22; i++) {
        field = strchr(field, ' ');
        if (field) field++;
    }
    return field ? strtoull(field, NULL, 10) : 0;
}

pid_t proc_newest(void) {
    char load[128];
    if (proc_file("/proc/loadavg", load, sizeof load) <= 0) return 0;
    const char *word = strrchr(load, ' ');
    return word ? (pid_t)atoi(word) : 0;
}

bool proc_each_since(pid_t first, proc_visit *each, void *context) {
    enum { MOST = 4096 };
    pid_t last = proc_newest();
    if (last < first || last - first > MOST) return false;
    for (pid_t pid = first + 1; pid <= last; pid++)
        if (!each(pid, 0, context)) break;
    return true;
}

void proc_each_newest(proc_visit *each, void *context) {
    enum { LOOKS = 64 };
    for (int i = 0; i < LOOKS; i++) {
        pid_t newest = proc_newest();
        for (pid_t pid = newest - 1; pid <= newest + 2; pid++)
            if (pid > 1 && !each(pid, 0, context)) return;
    }
}

bool proc_was_told(pid_t pid, pid_t leader, int signal) {
    return signal != SIGKILL && leader > 0 && getpgid(pid) == leader;
}

void proc_each(proc_visit *each, void *context) {
    DIR *proc = opendir("/proc");
    if (!proc) return;
    struct dirent *e;
    while ((e = readdir(proc)))
        if (isdigit((unsigned char)e->d_name[0]) && !each((pid_t)atoi(e->d_name), 0, context))
            break;
    closedir(proc);
}

// The children of one thread, as a text of numbers. False where it cannot be read.
static bool children_of_task(const char *task, pid_t parent, proc_visit *each, void *context) {
    char path[320];
    snprintf(path, sizeof path, "/proc/%d/task/%s/children", (int)parent, task);
    FILE *list = fopen(path, "re");
    if (!list) return false;
    int pid;
    bool more = true;
    while (more && fscanf(list, "%d", &pid) == 1) more = each((pid_t)pid, parent, context);
    fclose(list);
    return true;
}

struct scan {
    pid_t parent;
    proc_visit *each;
    void *context;
};

static bool pass_child(pid_t pid, pid_t unknown, void *context) {
    (void)unknown;
    const struct scan *scan = context;
    return proc_parent(pid) != scan->parent || scan->each(pid, scan->parent, scan->context);
}

// Without that file (CONFIG_PROC_CHILDREN), by asking every process for its parent.
static void children_by_scan(pid_t parent, proc_visit *each, void *context) {
    struct scan scan = {parent, each, context};
    proc_each(pass_child, &scan);
}

void proc_each_child(pid_t parent, proc_visit *each, void *context) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task", (int)parent);
    DIR *tasks = opendir(path);
    if (!tasks) return;
    bool listed = false;
    struct dirent *e;
    while ((e = readdir(tasks)))
        if (isdigit((unsigned char)e->d_name[0]))
            listed |= children_of_task(e->d_name, parent, each, context);
    closedir(tasks);
    if (!listed) children_by_scan(parent, each, context);
}
