// What the tests of the core share: checks that are counted, runs to the end, and what a process
// has of what a run could leave behind.

#ifndef DRAIN_TESTS_CHECK_H
#define DRAIN_TESTS_CHECK_H

#include "CDrain.h"

#include <stdbool.h>

// One line for each that fails; goes on either way.
#define CHECK(truth) check((truth), #truth, __FILE__, __LINE__)
void check(bool truth, const char *words, const char *file, int line);

// What the checks that follow are about.
void about(const char *sentence);

// Something that this machine cannot do, said in the output.
void not_here(const char *what, const char *why);

// Runs in a process of its own, for what cannot be undone. Its checks are counted here.
void apart(void (*body)(const void *), const void *argument);

// Whether valgrind runs us, whose own calls a filter would refuse as well.
extern bool instrumented;

// Makes a system call fail with `error` from now on where the low half of argument `argument` has
// all of `bits` (any, for 0) or, if `equal`, is just that: a seccomp(2) filter, for `apart`. 0 or
// an errno value.
int refuse(int call, int error, int argument, uint32_t bits, bool equal);

// Whether there are such filters here; if not, the output says so of `what`.
bool can_refuse(const char *what);

// Where vfork is a fork, as under qemu-user, what fails between clone and exec cannot be told.
bool vfork_shares_memory(void);

struct outcome {
    int error; // of drain_spawn
    struct drain_failure failure;
    struct drain_child *child; // reaped
    int reaped;                // what drain_reap gave
    struct drain_status status;
};

struct drain_spec spec_of(const char *const *argv, size_t head, size_t tail);
struct drain_spec spec_of_line(const char *line, size_t head, size_t tail);

// Until the leader has ended and both streams are closed, or `limit` seconds are over.
void pump_to_end(struct drain_child *child, int limit);
struct outcome run(const struct drain_spec *spec);
struct outcome run_line(const char *line, size_t head, size_t tail);

// The bytes that are kept, put together; to be freed.
char *kept(const struct drain_child *child, int which, size_t *length);
bool kept_is(const struct drain_child *child, int which, const char *bytes, size_t length);

struct surroundings {
    int descriptors;
    size_t mapped; ///< bytes that the core has mapped
    bool childless;
    uint64_t mask;
};
struct surroundings surroundings(void);
bool as_before(struct surroundings before);

void test_keeping(void);
void test_spawning(void);
void test_ending(void);
void test_refusals(void);
void test_talking(void);
void test_spooling(void);
void test_crowd(void);

#endif
