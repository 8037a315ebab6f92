// Spawning, and every way in which it can be refused.

#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const TRUE_PROGRAM[] = {"true", NULL};

static void refused(const struct drain_spec *spec, enum drain_stage stage, int error) {
    struct surroundings before = surroundings();
    struct outcome o = run(spec);
    if (o.error != error || o.failure.stage != stage)
        printf("error %d, stage %d\n", o.error, (int)o.failure.stage);
    CHECK(o.error == error && o.failure.error == error && o.failure.stage == stage);
    CHECK(o.child == NULL);
    if (o.child) drain_close(o.child);
    CHECK(as_before(before));
}

static void refused_after_clone(void) {
    about("a program that is missing");
    const char *const missing[] = {"/nowhere/at/all", NULL};
    struct drain_spec spec = spec_of(missing, 100, 100);
    refused(&spec, DRAIN_STAGE_EXEC, ENOENT);
    const char *const unknown[] = {"no-such-program-at-all", NULL};
    spec = spec_of(unknown, 100, 100);
    refused(&spec, DRAIN_STAGE_EXEC, ENOENT);
    about("a file that cannot be executed");
    const char *const plain[] = {"/etc/passwd", NULL};
    spec = spec_of(plain, 100, 100);
    refused(&spec, DRAIN_STAGE_EXEC, EACCES);
    about("a directory that is missing");
    spec = spec_of(TRUE_PROGRAM, 100, 100);
    spec.directory = "/nowhere";
    refused(&spec, DRAIN_STAGE_DIRECTORY, ENOENT);
    about("a limit that is refused, and which");
    const struct drain_rlimit limits[] = {{DRAIN_LIMIT_CPU, 100, 200}, {DRAIN_LIMIT_CPU, 3, 2}};
    spec = spec_of(TRUE_PROGRAM, 100, 100);
    spec.rlimits = limits;
    spec.rlimit_count = 2;
    refused(&spec, DRAIN_STAGE_RLIMIT, EINVAL);
    CHECK(run(&spec).failure.detail == 1);
}

static void refused_before_clone(void) {
    about("a standard input that is not open");
    struct drain_spec spec = spec_of(TRUE_PROGRAM, 100, 100);
    spec.input = 9999;
    refused(&spec, DRAIN_STAGE_INPUT, EBADF);
    about("buffers larger than memory can be addressed");
    spec = spec_of(TRUE_PROGRAM, SIZE_MAX, 2);
    refused(&spec, DRAIN_STAGE_MEMORY, ENOMEM);
    if (instrumented)
        return not_here("a mapping that is too large", "valgrind has another word for it");
    spec = spec_of(TRUE_PROGRAM, SIZE_MAX / 2, 0);
    refused(&spec, DRAIN_STAGE_MEMORY, ENOMEM);
}

static void without_stdio(const void *unused) {
    (void)unused;
    int said = fcntl(1, F_DUPFD_CLOEXEC, 50);
    for (int fd = 0; fd <= 2; fd++) close(fd);
    struct outcome o = run_line("cat; echo out; echo error >&2", 100, 0);
    dup2(said, 1);
    CHECK(o.error == 0 && o.status.code == 0);
    CHECK(kept_is(o.child, DRAIN_STDOUT, "out\n", 4) &&
          kept_is(o.child, DRAIN_STDERR, "error\n", 6));
    drain_close(o.child);
}

static void with_signals_of_its_own(const void *unused) {
    (void)unused;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    struct surroundings before = surroundings();
    struct outcome o = run_line("grep -E '^Sig(Blk|Ign)' /proc/self/status", 1000, 0);
    const char *expected = "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n";
    CHECK(kept_is(o.child, DRAIN_STDOUT, expected, strlen(expected)));
    drain_close(o.child);
    CHECK(as_before(before));
}

static void starts(void) {
    about("a script without a first line is the shell's");
    char path[] = "/tmp/drain-core-XXXXXX";
    int fd = mkstemp(path);
    CHECK(write(fd, "echo $1\n", 8) == 8);
    fchmod(fd, 0755);
    close(fd);
    const char *const script[] = {path, "word", NULL};
    struct drain_spec spec = spec_of(script, 100, 0);
    struct outcome o = run(&spec);
    unlink(path);
    CHECK(o.error == 0 && kept_is(o.child, DRAIN_STDOUT, "word\n", 5));
    if (o.child) drain_close(o.child);

    about("directory, environment and input are what was said");
    char *environment[] = {"PATH=/nowhere:/usr/bin:/bin", "NAME=value", NULL};
    const char *const sh[] = {"sh", "-c", "pwd; echo $NAME; cat; ls /proc/$$/fd; :", NULL};
    spec = spec_of(sh, 1000, 0);
    spec.envp = environment;
    spec.directory = "/usr";
    spec.input = drain_memory_file("input\n", 6);
    CHECK(spec.input >= 0);
    o = run(&spec);
    close(spec.input);
    // No descriptors but 0, 1 and 2. (In a pipeline the shell would have some of its own.)
    CHECK(o.error == 0 && kept_is(o.child, DRAIN_STDOUT, "/usr\nvalue\ninput\n0\n1\n2\n", 23));
    if (o.child) drain_close(o.child);
    about("a host without standard descriptors");
    apart(without_stdio, NULL);
    about("the command's signals are in their first state, the host's are as they were");
    apart(with_signals_of_its_own, NULL);
}

void test_spawning(void) {
    starts();
    refused_before_clone();
    if (vfork_shares_memory())
        refused_after_clone();
    else
        not_here("what fails between clone and exec",
                 "vfork is a fork here, as under qemu-user and valgrind");
}
