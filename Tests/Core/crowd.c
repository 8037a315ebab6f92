// Many children that are asked about at once, by one look at all processes.

#include "check.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const int64_t LIMIT = INT64_C(20) * 1000000000;

// A command that has ended, and is not reaped, with what it left running.
static struct drain_child *left_by(const char *line) {
    struct drain_spec spec = spec_of_line(line, 1000, 0);
    struct drain_child *child = NULL;
    struct drain_failure failure;
    struct drain_round round = {0};
    int64_t until = drain_now() + LIMIT;
    if (drain_spawn(&spec, &child, &failure) != 0) return NULL;
    while (!round.exited && drain_now() < until) drain_pump(child, NULL, 0, until, &round);
    CHECK(round.exited);
    return child;
}

static char state_of(pid_t pid) {
    char path[64], text[512] = "";
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    size_t n = file ? fread(text, 1, sizeof text - 1, file) : 0;
    if (file) fclose(file);
    const char *end = n > 0 ? strrchr(text, ')') : NULL;
    return end && end[1] ? end[2] : 'X';
}

static bool await_state(pid_t pid, const char *states) {
    int64_t until = drain_now() + LIMIT;
    while (!strchr(states, state_of(pid)) && drain_now() < until) usleep(1000);
    return strchr(states, state_of(pid)) != NULL;
}

static void ask(void) {
    about("a crowd is asked about by one look, and what that does not know is looked up");
    struct surroundings before = surroundings();
    struct drain_census *census;
    struct drain_child *children[] = {
        left_by("sleep 600 & exit 3"),
        left_by("exit 3"),
        // Goes on to leave another in its place when it is continued.
        left_by("sh -c 'kill -STOP $$; sleep 600 & exit 0' & exit 3"),
    };
    pid_t pids[4] = {0};
    struct drain_status status;
    CHECK(drain_census_open(&census) == 0);
    // After so long a time a child is not looked for among a few numbers.
    usleep(300000);
    for (int i = 0; i < 3; i++) drain_census_use(children[i], census);
    CHECK(drain_others(children[2], pids, 4) == 1 && await_state(pids[0], "T"));
    pid_t stopped = pids[0];

    drain_census_allow(census, true);
    CHECK(drain_others(children[0], pids, 4) == 1 && getpgid(pids[0]) == drain_pid(children[0]));
    CHECK(drain_others(children[1], pids, 4) == 0);
    CHECK(drain_others(children[2], pids, 4) == 1 && pids[0] == stopped);
    // Born behind the census's back: who should have had others is looked for again.
    kill(stopped, SIGCONT);
    CHECK(await_state(stopped, "ZX"));
    CHECK(drain_others(children[2], pids, 4) == 1 && pids[0] != stopped);
    pid_t heir = pids[0];
    CHECK(drain_signal(children[2], SIGTERM) == 0 && await_state(heir, "ZX"));
    CHECK(drain_others(children[2], pids, 4) == 0);
    drain_census_allow(census, false);
    CHECK(drain_others(children[0], NULL, 0) == 1 && drain_others(children[1], NULL, 0) == 0);

    // A new look, with a child of before that has nobody any more.
    drain_census_allow(census, true);
    CHECK(drain_signal(children[0], SIGKILL) == 0);
    CHECK(await_state(drain_pid(children[0]), "ZX"));
    int64_t until = drain_now() + LIMIT;
    while (drain_others(children[0], NULL, 0) > 0 && drain_now() < until) usleep(1000);
    CHECK(drain_others(children[0], NULL, 0) == 0 && drain_others(children[2], NULL, 0) == 0);
    drain_census_allow(census, false);

    for (int i = 0; i < 3; i++) {
        drain_census_use(children[i], NULL);
        CHECK(drain_reap(children[i], &status) == 0 && status.code == 3);
        drain_close(children[i]);
    }
    drain_census_close(census);
    CHECK(as_before(before));
}

void test_crowd(void) {
    ask();
}
