// System calls that a seccomp(2) filter refuses, as a container may: an error or a fallback, and
// everything as it was, the signal mask of the thread included.

#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#ifndef CLONE_PIDFD
#define CLONE_PIDFD 0x1000
#endif

struct refusal {
    const char *sentence;
    // As `refuse` has them.
    int call, error, argument;
    uint32_t bits;
    bool equal;
    // What is to come of it: 0 if there is a fallback.
    int expected;
    enum drain_stage stage;
};

static int enact(const struct refusal *r) {
    return refuse(r->call, r->error, r->argument, r->bits, r->equal);
}

static void mask_one(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    sigprocmask(SIG_SETMASK, &set, NULL);
}

// Caps that no other mapping has, for a filter to know them by.
enum { HEAD = 40960, TAIL = 1 };

static void spawn_refused(const void *argument) {
    const struct refusal *r = argument;
    mask_one();
    struct drain_spec spec = spec_of_line("echo out; head -c 3000000 /dev/zero", HEAD, TAIL);
    struct outcome first = run(&spec); // what libc sets up once is there then
    if (first.child) drain_close(first.child);
    struct surroundings before = surroundings();
    CHECK(enact(r) == 0);
    struct outcome o = run(&spec);
    if (o.error != r->expected || o.failure.stage != r->stage)
        printf("error %d, stage %d\n", o.error, (int)o.failure.stage);
    CHECK(o.error == r->expected && o.failure.stage == r->stage);
    CHECK((o.child == NULL) == (o.error != 0));
    if (o.child) {
        CHECK(o.reaped == 0 && o.status.code == 0);
        CHECK(drain_look(o.child, DRAIN_STDOUT).total == 3000004);
        drain_close(o.child);
    }
    CHECK(as_before(before));
}

static const struct refusal SPAWN[] = {
    {"clone fails", SYS_clone, EAGAIN, 0, CLONE_VFORK, false, EAGAIN, DRAIN_STAGE_CLONE},
    {"clone is forbidden", SYS_clone, EPERM, 0, CLONE_VFORK, false, EPERM, DRAIN_STAGE_CLONE},
    {"clone knows no pidfd", SYS_clone, EINVAL, 0, CLONE_PIDFD, false, 0, DRAIN_STAGE_MEMORY},
    {"there are no pipes", SYS_pipe2, EMFILE, 0, 0, false, EMFILE, DRAIN_STAGE_PIPE},
    {"a pipe cannot be set up", SYS_fcntl, ENOMEM, 1, F_SETFL, true, ENOMEM, DRAIN_STAGE_PIPE},
    {"a pipe's size is not told", SYS_fcntl, EPERM, 1, F_GETPIPE_SZ, true, 0, DRAIN_STAGE_MEMORY},
    {"pipes cannot grow", SYS_fcntl, EPERM, 1, F_SETPIPE_SZ, true, 0, DRAIN_STAGE_MEMORY},
    {"there is no memory for the buffers", SYS_mmap, ENOMEM, 1, HEAD + TAIL, true, ENOMEM,
     DRAIN_STAGE_MEMORY},
    {"the signal mask cannot be set", SYS_rt_sigprocmask, EINVAL, 0, SIG_SETMASK, true, EINVAL,
     DRAIN_STAGE_CLONE},
    {"descriptors cannot be moved", SYS_dup3, EBUSY, 0, 0, false, EBUSY, DRAIN_STAGE_DESCRIPTOR},
    {"close_range is missing", SYS_close_range, ENOSYS, 0, 0, false, 0, DRAIN_STAGE_MEMORY},
    {"there is no session to be had", SYS_setsid, EPERM, 0, 0, false, 0, DRAIN_STAGE_MEMORY},
    {"nothing can be executed", SYS_execve, EAGAIN, 0, 0, false, EAGAIN, DRAIN_STAGE_EXEC},
    {"splice is refused", SYS_splice, EINVAL, 0, 0, false, 0, DRAIN_STAGE_MEMORY},
    {"splice is missing", SYS_splice, ENOSYS, 0, 0, false, 0, DRAIN_STAGE_MEMORY},
    {"the host's usage is not told", SYS_getrusage, EFAULT, 0, 0, false, 0, DRAIN_STAGE_MEMORY},
};

// glibc opens with openat(2), musl with open(2) where there is one.
static void refuse_opening(void) {
    CHECK(refuse(SYS_openat, EMFILE, 0, 0, false) == 0);
#ifdef SYS_open
    CHECK(refuse(SYS_open, EMFILE, 0, 0, false) == 0);
#endif
}

static void input_refused(const void *unused) {
    (void)unused;
    struct drain_spec spec = spec_of_line("exit 0", 100, 0);
    int before = dup(0);
    close(before);
    refuse_opening();
    struct outcome o = run(&spec);
    CHECK(o.error == EMFILE && o.failure.stage == DRAIN_STAGE_INPUT && !o.child);
    CHECK(dup(0) == before);
}

static void sink_refused(const void *unused) {
    (void)unused;
    struct drain_spec spec = spec_of_line("sleep 0.1; head -c 3000000 /dev/zero", 100, 0);
    struct drain_child *child;
    struct drain_failure failure;
    if (drain_spawn(&spec, &child, &failure) != 0) return CHECK(!"it runs");
    refuse_opening();
    pump_to_end(child, 60);
    CHECK(drain_look(child, DRAIN_STDOUT).total == 3000000);
    drain_close(child);
}

static void no_pidfd_at_all(const void *unused) {
    (void)unused;
    mask_one();
    struct surroundings before = surroundings();
    CHECK(refuse(SYS_clone, EINVAL, 0, CLONE_PIDFD, false) == 0);
    CHECK(refuse(SYS_pidfd_open, ENOSYS, 0, 0, false) == 0);
    struct drain_spec spec = spec_of_line("exec sleep 600", 100, 0);
    struct outcome o = run(&spec);
    CHECK(o.error == ENOSYS && o.failure.stage == DRAIN_STAGE_CLONE && !o.child);
    CHECK(as_before(before));
}

static void small_descriptors(const void *argument) {
    const struct refusal *r = argument;
    CHECK(enact(r) == 0);
    int fd = r->call == SYS_memfd_create ? drain_memory_file("x", 1) : drain_wake_open();
    CHECK(fd == -r->expected || (r->expected == 0 && fd >= 0));
    if (fd >= 0) close(fd);
}

static const struct refusal SMALL[] = {
    {.sentence = "memfd_create is missing",
     .call = SYS_memfd_create,
     .error = ENOSYS,
     .expected = ENOSYS},
    {"memfd_create does not know a flag", SYS_memfd_create, EINVAL, 1, 8, false, 0, 0},
    {.sentence = "there is no eventfd", .call = SYS_eventfd2, .error = EMFILE, .expected = EMFILE},
};

// The same without a filter: an ordinary user who may have no more processes.
static void quota(const void *unused) {
    (void)unused;
    if (getuid() == 0 && (setgid(54321) != 0 || setuid(54321) != 0)) return;
    const struct rlimit none = {0, 0};
    CHECK(setrlimit(RLIMIT_NPROC, &none) == 0);
    mask_one();
    struct drain_spec spec = spec_of_line("exit 0", 100, 100);
    struct outcome first = run(&spec);
    CHECK(first.error == EAGAIN);
    struct surroundings before = surroundings();
    struct outcome o = run(&spec);
    CHECK(o.error == EAGAIN && o.failure.stage == DRAIN_STAGE_CLONE && !o.child);
    CHECK(as_before(before));
}

void test_refusals(void) {
    about("no more processes for this user");
    apart(quota, NULL);
    if (!can_refuse("calls that are refused")) return;
    for (size_t i = 0; i < sizeof SPAWN / sizeof *SPAWN; i++) {
        about(SPAWN[i].sentence);
        apart(spawn_refused, &SPAWN[i]);
    }
    about("/dev/null cannot be opened");
    apart(input_refused, NULL);
    about("/dev/null cannot be opened for what nobody wants");
    apart(sink_refused, NULL);
    about("neither clone nor pidfd_open gives a pidfd");
    apart(no_pidfd_at_all, NULL);
    for (size_t i = 0; i < sizeof SMALL / sizeof *SMALL; i++) {
        about(SMALL[i].sentence);
        apart(small_descriptors, &SMALL[i]);
    }
}
