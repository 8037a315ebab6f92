// A temporary cgroup (cgroups(7), version 2) for one command: whoever is born into it stays in it,
// whatever session, group or parent it has, and cgroup.kill reaches all of it at once, forks under
// way included. Only a process that may write to another cgroup's cgroup.procs can leave.

#include "cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

enum {
    CGROUP2_MAGIC = 0x63677270, // statfs(2)
    DEEPEST = 32,               // of cgroups that a command makes below its own
};

// A line of /proc/self/mountinfo has spaces and the like as \ooo.
static void unescape(char *text) {
    char *to = text;
    for (const char *from = text; *from; to++) {
        bool octal = from[0] == '\\' && from[1] && from[2] && from[3];
        if (octal) {
            char digits[4] = {from[1], from[2], from[3], '\0'};
            *to = (char)strtol(digits, NULL, 8);
            from += 4;
        } else {
            *to = *from++;
        }
    }
    *to = '\0';
}

// Where version 2 is mounted: the mount's root inside the hierarchy, and the directory.
static bool find_mount(char *root, char *directory, size_t size) {
    bool found = false;
    char *line = NULL;
    size_t room = 0;
    FILE *list = fopen("/proc/self/mountinfo", "re");
    while (list && !found && getline(&line, &room, list) > 0) {
        char *type = strstr(line, " - cgroup2 "), *save = NULL;
        if (!type) continue;
        *type = '\0';
        char *word = strtok_r(line, " ", &save);
        for (int i = 0; word && i < 3; i++) word = strtok_r(NULL, " ", &save);
        char *mounted = word ? strtok_r(NULL, " ", &save) : NULL;
        if (!mounted || strlen(word) >= size || strlen(mounted) >= size) continue;
        unescape(strcpy(root, word));
        unescape(strcpy(directory, mounted));
        found = true;
    }
    if (list) fclose(list);
    free(line);
    return found;
}

// Our own place in the hierarchy of version 2: the line "0::/PATH".
static bool find_self(char *path, size_t size) {
    char text[8192];
    if (proc_file("/proc/self/cgroup", text, sizeof text) <= 0) return false;
    const char *line = strncmp(text, "0::", 3) == 0 ? text : strstr(text, "\n0::");
    if (!line) return false;
    line = strchr(line, '/');
    size_t length = line ? strcspn(line, "\n") : 0;
    if (length == 0 || length >= size) return false;
    memcpy(path, line, length);
    path[length] = '\0';
    return true;
}

static int open_own(void) {
    char root[1024], directory[1024], self[1024], path[2048];
    if (!find_mount(root, directory, sizeof root) || !find_self(self, sizeof self)) return -ENOENT;
    const char *below = self;
    size_t length = strcmp(root, "/") == 0 ? 0 : strlen(root);
    // A part of the hierarchy may be mounted; what lies outside of it cannot be reached.
    if (strncmp(self, root, length) != 0) return -ENOENT;
    below += length;
    snprintf(path, sizeof path, "%s%s", directory, below);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return -errno;
    struct statfs kind;
    if (fstatfs(fd, &kind) == 0 && kind.f_type == CGROUP2_MAGIC) return fd;
    close(fd);
    return -ENOENT;
}

int drain_cgroup_make(struct drain_cgroup *cgroup) {
    uint64_t chance = 0;
    int error = 0;
    cgroup->self = -1;
    cgroup->parent = open_own();
    if (cgroup->parent < 0) return -cgroup->parent;
    if (getrandom(&chance, sizeof chance, GRND_NONBLOCK) < 0) chance = (uint64_t)drain_now();
    snprintf(cgroup->name, sizeof cgroup->name, "drain-%d-%016llx", (int)getpid(),
             (unsigned long long)chance);
    if (mkdirat(cgroup->parent, cgroup->name, 0755) != 0) {
        error = errno;
        goto out;
    }
    cgroup->self = openat(cgroup->parent, cgroup->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    // Linux 5.14 has cgroup.kill.
    if (cgroup->self < 0 || faccessat(cgroup->self, "cgroup.kill", W_OK, 0) != 0) {
        error = errno;
        unlinkat(cgroup->parent, cgroup->name, AT_REMOVEDIR);
    }
out:
    if (error) {
        if (cgroup->self >= 0) close(cgroup->self);
        close(cgroup->parent);
        cgroup->self = cgroup->parent = -1;
    }
    return error;
}

int drain_cgroup_open(const char *path, struct drain_cgroup *cgroup) {
    struct statfs kind;
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : "";
    cgroup->self = cgroup->parent = -1;
    // Nothing but what `drain_cgroup_make` makes is ever killed and removed.
    if (path[0] != '/' || strncmp(name, "drain-", 6) != 0 || strlen(name) >= sizeof cgroup->name)
        return EINVAL;
    strcpy(cgroup->name, name);
    int error = 0;
    cgroup->self = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (cgroup->self < 0) return errno;
    if (fstatfs(cgroup->self, &kind) != 0 || kind.f_type != CGROUP2_MAGIC)
        error = EINVAL;
    else if ((cgroup->parent = openat(cgroup->self, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
        error = errno;
    if (error) close(cgroup->self);
    if (error) cgroup->self = -1;
    return error;
}

bool drain_cgroup_path(const struct drain_cgroup *cgroup, char *path, size_t size) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", cgroup->self);
    ssize_t length = readlink(link, path, size);
    if (length <= 0 || (size_t)length >= size) return false;
    path[length] = '\0';
    return true;
}

bool drain_cgroup_is_own(const struct drain_cgroup *cgroup) {
    char path[8192];
    return find_self(path, sizeof path) && strstr(path, cgroup->name);
}

// Every process in a cgroup and those below it; false to end it.
static bool each_in(int directory, proc_visit *each, void *context, int depth) {
    bool more = true;
    int pid, procs = openat(directory, "cgroup.procs", O_RDONLY | O_CLOEXEC);
    FILE *list = procs >= 0 ? fdopen(procs, "r") : NULL;
    // 0 is a process of a namespace that we do not see into.
    while (list && more && fscanf(list, "%d", &pid) == 1)
        if (pid > 0) more = each((pid_t)pid, 0, context);
    if (list)
        fclose(list);
    else if (procs >= 0)
        close(procs);
    int again =
        more && depth < DEEPEST ? openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    DIR *below = again >= 0 ? fdopendir(again) : NULL;
    struct dirent *e;
    while (below && more && (e = readdir(below))) {
        if (e->d_type != DT_DIR || e->d_name[0] == '.') continue;
        int child = openat(directory, e->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (child < 0) continue;
        more = each_in(child, each, context, depth + 1);
        close(child);
    }
    if (below)
        closedir(below);
    else if (again >= 0)
        close(again);
    return more;
}

void each_of_cgroup(const struct drain_cgroup *cgroup, proc_visit *each, void *context) {
    each_in(cgroup->self, each, context, 0);
}

struct message {
    const struct drain_cgroup *cgroup;
    pid_t spare;
    int signal;
};

static bool send_inside(pid_t pid, pid_t parent, void *context) {
    (void)parent;
    const struct message *m = context;
    char place[8192];
    if (pid == m->spare || proc_was_told(pid, m->spare, m->signal)) return true;
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (fd < 0) return true;
    // Held now; it is who was listed if it still is where nobody else is.
    if (proc_read(pid, "cgroup", place, sizeof place) > 0 && strstr(place, m->cgroup->name)) {
        syscall(SYS_pidfd_send_signal, fd, m->signal, NULL, 0);
        syscall(SYS_pidfd_send_signal, fd, SIGCONT, NULL, 0);
    }
    close(fd);
    return true;
}

int drain_cgroup_signal(const struct drain_cgroup *cgroup, pid_t spare, int signal) {
    if (signal == SIGKILL) {
        int fd = openat(cgroup->self, "cgroup.kill", O_WRONLY | O_CLOEXEC);
        if (fd < 0) return errno;
        int error = write(fd, "1", 1) == 1 ? 0 : errno;
        close(fd);
        return error;
    }
    struct message m = {cgroup, spare, signal};
    each_of_cgroup(cgroup, send_inside, &m);
    return 0;
}

bool drain_cgroup_populated(const struct drain_cgroup *cgroup) {
    char events[256] = "";
    int fd = openat(cgroup->self, "cgroup.events", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    ssize_t n = read(fd, events, sizeof events - 1);
    close(fd);
    return n > 0 && strstr(events, "populated 1");
}

static bool count_one(pid_t pid, pid_t parent, void *context) {
    (void)pid, (void)parent;
    ++*(size_t *)context;
    return true;
}

size_t drain_cgroup_end(const struct drain_cgroup *cgroup, int64_t until) {
    while (drain_cgroup_populated(cgroup)) {
        size_t living = 0;
        drain_cgroup_signal(cgroup, 0, SIGKILL);
        if (drain_now() < until) {
            poll(NULL, 0, 1);
            continue;
        }
        each_of_cgroup(cgroup, count_one, &living);
        return living;
    }
    return 0;
}

static bool move_up(pid_t pid, pid_t parent, void *context) {
    (void)parent;
    const int *procs = context;
    dprintf(*procs, "%d", (int)pid);
    return true;
}

void drain_cgroup_leave(const struct drain_cgroup *cgroup) {
    int procs = openat(cgroup->parent, "cgroup.procs", O_WRONLY | O_CLOEXEC);
    if (procs < 0) return;
    // Children of those who were just moved may have been forked before.
    for (int i = 0; i < 100 && drain_cgroup_populated(cgroup); i++)
        each_of_cgroup(cgroup, move_up, &procs);
    close(procs);
}

// The cgroups that the command made below, deepest first.
static void remove_below(int directory, int depth) {
    int again = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *below = again >= 0 ? fdopendir(again) : NULL;
    struct dirent *e;
    while (below && (e = readdir(below))) {
        if (e->d_type != DT_DIR || e->d_name[0] == '.') continue;
        int child = openat(directory, e->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (child < 0) continue;
        if (depth < DEEPEST) remove_below(child, depth + 1);
        close(child);
        unlinkat(directory, e->d_name, AT_REMOVEDIR);
    }
    if (below)
        closedir(below);
    else if (again >= 0)
        close(again);
}

int drain_cgroup_remove(struct drain_cgroup *cgroup, int64_t until) {
    int error = 0;
    if (cgroup->parent < 0) return 0;
    for (;;) {
        error = unlinkat(cgroup->parent, cgroup->name, AT_REMOVEDIR) == 0 || errno == ENOENT
                    ? 0
                    : errno;
        // EBUSY for a moment after the last process has ended, and while there are cgroups below.
        if (!error || error != EBUSY || drain_now() >= until) break;
        remove_below(cgroup->self, 0);
        poll(NULL, 0, 1);
    }
    close(cgroup->self);
    close(cgroup->parent);
    cgroup->self = cgroup->parent = -1;
    return error;
}
