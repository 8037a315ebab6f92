// Everything here runs, or prepares what runs, between clone(CLONE_VM | CLONE_VFORK) and exec:
// in the host's memory, while the host's other threads go on. So no allocation, no locks, no
// stdio, and nothing written but the plan and the stack.

#include "exec.h"
#include "marker.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_close_range // the same number everywhere; older headers lack it
#define SYS_close_range 436
#endif

static const char DEFAULT_PATH[] = "/bin:/usr/bin"; // confstr(_CS_PATH) of glibc and musl

const int DRAIN_LIMIT_CPU = RLIMIT_CPU, DRAIN_LIMIT_MEMORY = RLIMIT_AS,
          DRAIN_LIMIT_FILE_SIZE = RLIMIT_FSIZE, DRAIN_LIMIT_OPEN_FILES = RLIMIT_NOFILE,
          DRAIN_LIMIT_PROCESSES = RLIMIT_NPROC;

extern char **environ;

char **drain_environment(void) {
    return environ;
}

int exec_plan_open(struct exec_plan *plan) {
    plan->path = DEFAULT_PATH;
    for (char *const *e = plan->envp; e && *e; e++) {
        if (strncmp(*e, "PATH=", 5) == 0) {
            plan->path = *e + 5;
            break;
        }
    }
    size_t arguments = 0;
    while (plan->spec->argv[arguments]) arguments++;
    plan->candidate = malloc(strlen(plan->path) + strlen(plan->spec->argv[0]) + 2);
    plan->shell_argv = calloc(arguments + 2, sizeof *plan->shell_argv);
    if (!plan->candidate || !plan->shell_argv) {
        exec_plan_close(plan);
        return ENOMEM;
    }
    // The file itself is filled in when it is known.
    plan->shell_argv[0] = "/bin/sh";
    for (size_t i = 1; i < arguments; i++) plan->shell_argv[i + 1] = plan->spec->argv[i];
    return 0;
}

void exec_plan_close(struct exec_plan *plan) {
    free(plan->candidate);
    free(plan->shell_argv);
    plan->candidate = NULL;
    plan->shell_argv = NULL;
}

// Executes one file; a file of no known format is a script for the shell, as POSIX has it for
// execvp. Returns errno.
static int execute(struct exec_plan *plan, const char *file) {
    execve(file, plan->spec->argv, plan->envp);
    if (errno != ENOEXEC) return errno;
    plan->shell_argv[1] = (char *)file;
    execve(plan->shell_argv[0], plan->shell_argv, plan->envp);
    return errno;
}

// What execvp takes to mean "not in this directory".
static bool absent(int error) {
    return error == ENOENT || error == ENOTDIR || error == ESTALE || error == ENODEV ||
           error == ETIMEDOUT;
}

static int search(struct exec_plan *plan) {
    const char *name = plan->spec->argv[0];
    if (*name == '\0') return ENOENT;
    if (strchr(name, '/')) return execute(plan, name);
    size_t length = strlen(name);
    bool denied = false;
    const char *element = plan->path;
    for (;;) {
        size_t size = strcspn(element, ":");
        char *p = plan->candidate;
        memcpy(p, element, size); // an empty element is the working directory
        p += size;
        if (size > 0) *p++ = '/';
        memcpy(p, name, length + 1);
        int error = execute(plan, plan->candidate);
        if (error == EACCES)
            denied = true;
        else if (!absent(error))
            return error;
        if (element[size] == '\0') return denied ? EACCES : ENOENT;
        element += size + 1;
    }
}

// The system calls themselves: in the host's memory, a libc function that somebody has replaced (a
// sanitizer, a preloaded library) would take the child's doings for the host's.

struct kernel_sigaction { // rt_sigaction(2); the same on x86-64 and arm64
    void *handler;
    unsigned long flags;
    void *restorer;
    uint64_t mask;
};

static void default_signals(void) {
    // Handlers cannot run here: they are the host's code, and all signals are blocked. Ignored
    // signals would stay ignored across exec: a SIGPIPE ignored by a host must not be by `yes`.
    const struct kernel_sigaction standard = {.handler = SIG_DFL};
    struct kernel_sigaction now;
    for (int s = 1; s < NSIG; s++) {
        if (syscall(SYS_rt_sigaction, s, NULL, &now, sizeof now.mask) != 0) continue;
        if (now.handler == SIG_DFL) continue;
        syscall(SYS_rt_sigaction, s, &standard, NULL, sizeof now.mask);
    }
}

static void unblock_signals(void) {
    const uint64_t none = 0;
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, sizeof none);
}

struct directory_entry { // linux_dirent64, getdents64(2)
    uint64_t inode;
    int64_t offset;
    unsigned short length;
    unsigned char type;
    char name[];
};

// -1 for what is not a number.
static int descriptor_of(const char *name) {
    int fd = 0;
    for (; *name; name++) {
        if (*name < '0' || *name > '9') return -1;
        fd = fd * 10 + (*name - '0');
    }
    return fd;
}

static int close_listed(int list, int first) {
    _Alignas(struct directory_entry) char room[2048];
    for (;;) {
        long got = syscall(SYS_getdents64, list, room, sizeof room);
        if (got <= 0) return got == 0 ? 0 : errno;
        for (long at = 0; at < got;) {
            const struct directory_entry *e = (const void *)(room + at);
            int fd = descriptor_of(e->name);
            // Marked, not closed: closing would move the listing under our feet.
            if (fd >= first) syscall(SYS_fcntl, fd, F_SETFD, FD_CLOEXEC);
            at += e->length;
        }
    }
}

static int close_from(int first) {
    if (syscall(SYS_close_range, (unsigned)first, ~0u, 0u) == 0) return 0;
    int list =
        (int)syscall(SYS_openat, AT_FDCWD, "/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (list >= 0 && close_listed(list, first) == 0) return 0;
    struct rlimit limit;
    if (syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, &limit) != 0) return errno;
    for (rlim_t fd = (rlim_t)first; fd < limit.rlim_max && fd < 1 << 20; fd++)
        syscall(SYS_fcntl, (int)fd, F_SETFD, FD_CLOEXEC);
    return 0;
}

// Makes a descriptor the child's `number`.
static int place(int fd, int number) {
    if (fd == number) return syscall(SYS_fcntl, fd, F_SETFD, 0) == 0 ? 0 : errno;
    return syscall(SYS_dup3, fd, number, 0) >= 0 ? 0 : errno;
}

static int arrange_descriptors(const struct exec_plan *plan) {
    // 0 first: the input may be one of the host's own 0, 1 or 2, the outputs are above or stay
    // where they are. The socket last: its number may be that of one of the others.
    int error = place(plan->input, 0);
    for (int i = 0; i < DRAIN_STREAMS && !error; i++) error = place(plan->output[i], i + 1);
    if (!error && plan->control >= 0) error = place(plan->control, DRAIN_CONTROL_DESCRIPTOR);
    if (error) return error;
    return close_from(plan->control >= 0 ? DRAIN_CONTROL_DESCRIPTOR + 1 : 3);
}

static int apply_limits(struct exec_plan *plan) {
    for (size_t i = 0; i < plan->spec->rlimit_count; i++) {
        const struct drain_rlimit *wish = &plan->spec->rlimits[i];
        struct rlimit limit = {wish->soft, wish->hard};
        if (syscall(SYS_prlimit64, 0, wish->resource, &limit, NULL) != 0) {
            plan->failure.detail = i;
            return errno;
        }
    }
    return 0;
}

static int join_cgroup(const struct exec_plan *plan) {
    if (plan->join < 0) return 0;
    return syscall(SYS_write, plan->join, "0", 1) == 1 ? 0 : errno;
}

int exec_child(void *argument) {
    struct exec_plan *plan = argument;
    struct drain_failure *failure = &plan->failure;
    int error = 0;

    syscall(SYS_setsid); // cannot fail: a new process leads no group
    default_signals();
    const struct drain_means *means = &plan->spec->means;
    marker_put(means->marker ? means->marker : means->badge);

    failure->stage = DRAIN_STAGE_CGROUP;
    error = join_cgroup(plan);
    if (error) goto out;
    failure->stage = DRAIN_STAGE_DIRECTORY;
    if (plan->spec->directory && syscall(SYS_chdir, plan->spec->directory) != 0) {
        error = errno;
        goto out;
    }
    failure->stage = DRAIN_STAGE_DESCRIPTOR;
    error = arrange_descriptors(plan);
    if (error) goto out;
    failure->stage = DRAIN_STAGE_RLIMIT;
    error = apply_limits(plan);
    if (error) goto out;
    failure->stage = DRAIN_STAGE_EXEC;
    unblock_signals();
    error = search(plan);
out:
    failure->error = error;
    syscall(SYS_exit_group, 127);
    __builtin_unreachable();
}
