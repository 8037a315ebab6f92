// Exit, signals, the group, and who holds the pipes.

#include "check.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void statuses(void) {
    about("exit codes and signals come through");
    const int codes[] = {0, 1, 127, 255};
    char line[64];
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        snprintf(line, sizeof line, "exit %d", codes[i]);
        struct outcome o = run_line(line, 10, 0);
        CHECK(o.error == 0 && o.status.code == codes[i] && o.status.signal == 0);
        if (o.child) drain_close(o.child);
    }
    const int signals[] = {SIGKILL, SIGTERM, SIGXCPU};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        snprintf(line, sizeof line, "kill -%d $$", signals[i]);
        struct outcome o = run_line(line, 10, 0);
        CHECK(o.error == 0 && o.status.code == -1 && o.status.signal == signals[i]);
        if (o.child) drain_close(o.child);
    }
}

// A running command that has said "ready".
static struct drain_child *ready(const char *line) {
    struct drain_spec spec = spec_of_line(line, 1000, 0);
    struct drain_child *child = NULL;
    struct drain_failure failure;
    struct drain_round round;
    int64_t until = drain_now() + INT64_C(20000000000);
    if (drain_spawn(&spec, &child, &failure) != 0) return NULL;
    while (drain_look(child, DRAIN_STDOUT).total < 6 && drain_now() < until)
        drain_pump(child, NULL, 0, until, &round);
    CHECK(kept_is(child, DRAIN_STDOUT, "ready\n", 6));
    return child;
}

static void groups(void) {
    about("a signal reaches the whole group, the stopped too");
    struct surroundings before = surroundings();
    struct drain_child *child = ready("sleep 600 & kill -STOP $!; echo ready; wait");
    struct drain_status status;
    pid_t pids[4];
    struct drain_holder holders[4];
    CHECK(drain_reap(child, &status) == EAGAIN);
    CHECK(drain_others(child, pids, 4) == 1);
    CHECK(drain_holders(child, holders, 4) == 2);
    CHECK(drain_signal(child, SIGTERM) == 0);
    pump_to_end(child, 20);
    CHECK(drain_look(child, DRAIN_STDOUT).eof);
    // Whoever ends closes its files a moment before it counts as dead.
    int64_t until = drain_now() + INT64_C(20000000000);
    while (drain_others(child, NULL, 0) > 0 && drain_now() < until) usleep(1000);
    CHECK(drain_others(child, NULL, 0) == 0);
    CHECK(drain_reap(child, &status) == 0 && status.signal == SIGTERM);
    CHECK(drain_reap(child, &status) == ECHILD);
    CHECK(drain_signal(child, SIGTERM) == ESRCH);
    drain_close(child);
    CHECK(as_before(before));

    about("closing ends what runs");
    child = ready("sleep 600 & echo ready; wait");
    pid_t leader = drain_pid(child);
    CHECK(kill(-leader, 0) == 0);
    drain_close(child);
    until = drain_now() + INT64_C(20000000000);
    while (kill(-leader, 0) == 0 && drain_now() < until)
        usleep(1000); // dead, not yet reaped by init
    CHECK(kill(-leader, 0) != 0);
    CHECK(as_before(before));
}

static void who_holds(void) {
    about("who holds a pipe after the command's exit is named");
    struct surroundings before = surroundings();
    struct drain_child *child = ready("sleep 601 & echo ready");
    struct drain_round round = {0};
    int64_t until = drain_now() + INT64_C(20000000000);
    while (!round.exited && drain_now() < until) drain_pump(child, NULL, 0, until, &round);
    CHECK(round.exited && !round.closed);
    struct drain_holder holders[4];
    // It may be the shell still that is to become it.
    size_t count = 0;
    do count = drain_holders(child, holders, 4);
    while (!(count == 1 && strcmp(holders[0].command, "sleep 601") == 0) && drain_now() < until);
    CHECK(count == 1 && strcmp(holders[0].command, "sleep 601") == 0);
    drain_give_up(child);
    CHECK(!drain_look(child, DRAIN_STDOUT).eof);
    CHECK(drain_signal(child, SIGKILL) == 0);
    drain_close(child);
    CHECK(as_before(before));
}

static void wakes(void) {
    about("a watch that is ready ends the wait");
    struct drain_child *child = ready("echo ready; sleep 600");
    int wake = drain_wake_open();
    CHECK(wake >= 0);
    drain_wake(wake);
    struct drain_watch watch = {.fd = wake, .read = true};
    struct drain_round round;
    CHECK(drain_pump(child, &watch, 1, DRAIN_NEVER, &round) == 0 && watch.ready && !round.exited);
    struct drain_watch many[DRAIN_WATCHES + 1] = {{0}};
    CHECK(drain_pump(child, many, DRAIN_WATCHES + 1, DRAIN_NEVER, &round) == EINVAL);
    close(wake);
    drain_close(child);
}

static void status_taken(const void *unused) {
    (void)unused;
    signal(SIGCHLD, SIG_IGN);
    struct outcome o = run_line("echo out; exit 3", 100, 0);
    CHECK(o.error == 0 && o.reaped == ECHILD && kept_is(o.child, DRAIN_STDOUT, "out\n", 4));
    if (o.child) drain_close(o.child);
    // The kernel reaps them all.
    CHECK(waitpid(-1, NULL, 0) < 0);
}

void test_ending(void) {
    statuses();
    groups();
    who_holds();
    wakes();
    about("a host that ignores SIGCHLD");
    apart(status_taken, NULL);
}
