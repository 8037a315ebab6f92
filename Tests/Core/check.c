#include "check.h"

#include <dirent.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

bool instrumented = false;
static const char *subject = "";
static struct { int passed, failed; } * counts;

void check(bool truth, const char *words, const char *file, int line) {
    if (truth) {
        counts->passed++;
        return;
    }
    counts->failed++;
    printf("%s:%d: %s: not so: %s\n", file, line, subject, words);
}

void about(const char *sentence) {
    subject = sentence;
}

void not_here(const char *what, const char *why) {
    printf("not tried here: %s: %s\n", what, why);
}

void apart(void (*body)(const void *), const void *argument) {
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        body(argument);
        fflush(stdout);
        _exit(0);
    }
    int status = -1;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int refuse(int call, int error, int argument, uint32_t bits, bool equal) {
    uint32_t at = (uint32_t)(offsetof(struct seccomp_data, args) + 8 * (size_t)argument);
    uint32_t look = equal ? UINT32_MAX : bits;
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)call, 0, 4),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, at),
        BPF_STMT(BPF_ALU | BPF_AND | BPF_K, look),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, bits, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof code / sizeof *code, code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return errno;
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0 ? 0 : errno;
}

static bool filters_work(void) {
    pid_t pid = fork();
    if (pid == 0) _exit(refuse(-1, EPERM, 0, 0, false) == 0 ? 0 : 1);
    siginfo_t info = {0};
    while (waitid(P_PID, (id_t)pid, &info, WEXITED) != 0 && errno == EINTR) {
    }
    return info.si_status == 0;
}

bool can_refuse(const char *what) {
    if (instrumented)
        not_here(what, "valgrind makes the same for itself");
    else if (!filters_work())
        not_here(what, "no seccomp filters, as under qemu-user");
    else
        return true;
    return false;
}

static int tell(void *shared) {
    *(volatile int *)shared = 1;
    syscall(SYS_exit, 0);
    return 0;
}

bool vfork_shares_memory(void) {
    static char stack[16384] __attribute__((aligned(16)));
    static int told;
    told = 0;
    pid_t pid = clone(tell, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD, &told);
    if (pid > 0) waitpid(pid, NULL, 0);
    return told == 1;
}

struct drain_spec spec_of(const char *const *argv, size_t head, size_t tail) {
    return (struct drain_spec){
        .argv = (char *const *)argv,
        .input = -1,
        .keep = {{head, tail}, {head, tail}},
    };
}

struct drain_spec spec_of_line(const char *line, size_t head, size_t tail) {
    static const char *argv[4];
    argv[0] = "/bin/sh";
    argv[1] = "-c";
    argv[2] = line;
    return spec_of(argv, head, tail);
}

void pump_to_end(struct drain_child *child, int limit) {
    int64_t until = drain_now() + limit * INT64_C(1000000000);
    struct drain_round round = {0};
    while (!(round.exited && round.closed) && drain_now() < until)
        if (drain_pump(child, NULL, 0, until, &round) != 0) break;
}

struct outcome run(const struct drain_spec *spec) {
    struct outcome o = {0};
    o.error = drain_spawn(spec, &o.child, &o.failure);
    if (o.error) return o;
    pump_to_end(o.child, 60);
    o.reaped = drain_reap(o.child, &o.status);
    return o;
}

struct outcome run_line(const char *line, size_t head, size_t tail) {
    struct drain_spec spec = spec_of_line(line, head, tail);
    return run(&spec);
}

char *kept(const struct drain_child *child, int which, size_t *length) {
    struct drain_buffer b = drain_look(child, which);
    *length = b.head_length + b.tail_length;
    char *bytes = malloc(*length + 1);
    if (b.head_length > 0) memcpy(bytes, b.base, b.head_length);
    for (size_t i = 0; i < b.tail_length; i++)
        bytes[b.head_length + i] = (char)b.base[b.head_size + (b.tail_start + i) % b.tail_size];
    bytes[*length] = '\0';
    return bytes;
}

bool kept_is(const struct drain_child *child, int which, const char *bytes, size_t length) {
    size_t count;
    char *found = kept(child, which, &count);
    bool same = count == length && memcmp(found, bytes, length) == 0;
    free(found);
    return same;
}

static int entries(const char *path) {
    DIR *list = opendir(path);
    int count = 0;
    while (list && readdir(list)) count++;
    if (list) closedir(list);
    return count;
}

// Bytes that are mapped by those who are compiled with .ci/core's macros: their mmap(2) and
// munmap(2) are these two. What libc's malloc maps, as it likes, is not among them.
static atomic_size_t mapped;

#undef mmap
#undef munmap
void *mmap(void *at, size_t length, int protection, int flags, int fd, off_t offset);
int munmap(void *base, size_t length);

void *counted_mmap(void *at, size_t length, int protection, int flags, int fd, off_t offset) {
    void *base = mmap(at, length, protection, flags, fd, offset);
    if (base != MAP_FAILED) mapped += length;
    return base;
}

int counted_munmap(void *base, size_t length) {
    int result = munmap(base, length);
    if (result == 0) mapped -= length;
    return result;
}

struct surroundings surroundings(void) {
    struct surroundings now = {.descriptors = entries("/proc/self/fd"), .mapped = mapped};
    siginfo_t info;
    now.childless = waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 && errno == ECHILD;
    syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &now.mask, sizeof now.mask);
    return now;
}

bool as_before(struct surroundings before) {
    struct surroundings now = surroundings();
    bool same = now.descriptors == before.descriptors && now.mapped == before.mapped &&
                now.childless == before.childless && now.mask == before.mask;
    if (!same)
        printf("descriptors %d -> %d, mapped %zu -> %zu, childless %d -> %d, mask %llx -> %llx\n",
               before.descriptors, now.descriptors, before.mapped, now.mapped, before.childless,
               now.childless, (unsigned long long)before.mask, (unsigned long long)now.mask);
    return same;
}

// With the word "instrumented": under valgrind, which makes calls and mappings of its own.
int main(int argc, char **argv) {
    instrumented = argc > 1 && strcmp(argv[1], "instrumented") == 0;
    counts = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (counts == MAP_FAILED) return 2;
    setenv("LC_ALL", "C", 1);
    test_keeping();
    test_spawning();
    test_ending();
    test_refusals();
    test_talking();
    test_spooling();
    test_crowd();
    printf("%d passed, %d failed\n", counts->passed, counts->failed);
    return counts->failed > 0;
}
