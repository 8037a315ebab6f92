// A program that misbehaves on request, for the tests and the benchmarks.
//
//     misbehave STEP...
//
// Each step is a verb and its arguments; they are done one after another.
//
// write COUNT BLOCK [stderr]   COUNT bytes in write(2)s of BLOCK bytes, lines of 79 characters
// hex BYTES [stderr]           these bytes, two hex digits each
// tick COUNT MS                COUNT lines, one every so many milliseconds
// alternate COUNT              COUNT lines "out N" and "err N" in turn
// answered COUNT MS            COUNT times, every so many milliseconds, two pages into a pipe made
// to
//                              hold one: the second waits until the first was read. At the end a
//                              line with the median and the 99th percentile of that, in
//                              microseconds
// drained                      wait until nobody has anything left to read in pipes 1 and 2
// hold FIFO                    open FIFO for writing and keep it open: its reader sees an end of
//                              file when nobody who holds it lives
// held FD                      this descriptor is the FIFO
// tell WORD                    a line on the FIFO that is held
// ignore SIGNAL                by number
// mask SIGNAL                  block it, by number
// close FD
// spawn STEP... end            a child does these steps and exits; go on at once
// orphaned                     wait until the process that spawned this one has ended
// session                      setsid(2)
// group                        setpgid(2), a process group of its own
// bare                         no environment, by executing itself for the steps that follow
// become USER                  all user ids, by number
// chain                        fork and end in the parent, again and again, until killed
// litter COUNT                 COUNT orphans that end at once
// input                        read standard input to its end
// pause                        sleep until killed
// burn                         use processor time until killed
// kill SIGNAL                  to itself
// exit CODE
// exec PROGRAM [ARGUMENT]...   become another program
// arguments [ARGUMENT]...      these, in hex, a line each
// environment                  the variables, in hex, a line each
// state                        signals, descriptors and session, a line each
// limits                       the resource limits that drain-run sets, a line each
// sanitized                    "yes" or "no": whether this was built with AddressSanitizer

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

// The FIFO that is held.
static int held = -1;

static void fail(const char *what) {
    dprintf(2, "misbehave: %s: %s\n", what, strerror(errno));
    _exit(99);
}

static void put(int fd, const void *bytes, size_t count) {
    const char *p = bytes;
    while (count > 0) {
        ssize_t n = write(fd, p, count);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) fail("write");
        p += n;
        count -= (size_t)n;
    }
}

// The process that spawned this one, once it was spawned.
static pid_t parent = 0;

static void wait_orphaned(void) {
    // Nothing tells a child of its parent's end: look again and again.
    while (getppid() == parent) usleep(1000);
}

static int is(const char *word, const char *verb) {
    return word && strcmp(word, verb) == 0;
}

static void write_bytes(long long count, long long block, int fd) {
    char *bytes = malloc((size_t)block);
    if (!bytes) fail("malloc");
    for (long long i = 0; i < block; i++) bytes[i] = i % 80 == 79 ? '\n' : (char)('a' + i % 26);
    for (; count > 0; count -= block) put(fd, bytes, (size_t)(count < block ? count : block));
    free(bytes);
}

static void write_hex(const char *digits, int fd) {
    for (; digits[0] && digits[1]; digits += 2) {
        char pair[3] = {digits[0], digits[1], 0};
        unsigned char byte = (unsigned char)strtoul(pair, NULL, 16);
        put(fd, &byte, 1);
    }
}

static void print_hex(const char *text) {
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) dprintf(1, "%02x", *p);
    put(1, "\n", 1);
}

static long long nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static int in_order(const void *left, const void *right) {
    long long a = *(const long long *)left, b = *(const long long *)right;
    return (a > b) - (a < b);
}

static void time_answers(int count, long pause) {
    static char page[4096];
    long long *waits = calloc((size_t)count, sizeof *waits);
    if (!waits || count < 1) fail("calloc");
    if (fcntl(1, F_SETPIPE_SZ, (int)sizeof page) != sizeof page) fail("F_SETPIPE_SZ");
    memset(page, '.', sizeof page);
    for (int i = 0; i < count; i++) {
        usleep((useconds_t)pause * 1000);
        put(1, page, sizeof page);
        long long start = nanoseconds();
        put(1, page, sizeof page);
        waits[i] = nanoseconds() - start;
    }
    qsort(waits, (size_t)count, sizeof *waits, in_order);
    double usual = (double)waits[count / 2], rare = (double)waits[count * 99LL / 100];
    dprintf(1, "\n%.1f %.1f\n", usual / 1e3, rare / 1e3);
    free(waits);
}

static void wait_drained(void) {
    for (int fd = 1; fd <= 2; fd++) {
        int left = 1;
        // Nothing tells a writer that its pipe is empty: look again and again.
        while (ioctl(fd, FIONREAD, &left) == 0 && left > 0) usleep(1000);
    }
}

static void print_state(void) {
    char line[256];
    FILE *status = fopen("/proc/self/status", "re");
    while (status && fgets(line, sizeof line, status))
        if (strncmp(line, "Sig", 3) == 0) put(1, line, strlen(line));
    if (status) fclose(status);
    dprintf(1, "leader %d\n", getsid(0) == getpid() && getpgrp() == getpid());
    DIR *list = opendir("/proc/self/fd");
    struct dirent *e;
    while (list && (e = readdir(list)))
        if (e->d_name[0] != '.' && atoi(e->d_name) != dirfd(list)) dprintf(1, "fd %s\n", e->d_name);
    if (list) closedir(list);
}

static void print_limit(const char *name, int resource) {
    struct rlimit limit;
    if (getrlimit(resource, &limit) != 0) fail("getrlimit");
    dprintf(1, "%s %lld %lld\n", name, (long long)limit.rlim_cur, (long long)limit.rlim_max);
}

static void print_limits(void) {
    print_limit("cpu", RLIMIT_CPU);
    print_limit("memory", RLIMIT_AS);
    print_limit("file", RLIMIT_FSIZE);
    print_limit("open", RLIMIT_NOFILE);
    print_limit("processes", RLIMIT_NPROC);
}

static const char *sanitized(void) {
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
    return "yes\n";
#endif
#endif
    return "no\n";
}

static void read_input(void) {
    char room[65536];
    ssize_t n;
    while ((n = read(0, room, sizeof room)) > 0 || (n < 0 && errno == EINTR)) {
    }
}

static void mask(int signal) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, signal);
    sigprocmask(SIG_BLOCK, &set, NULL);
}

static void burn(void) {
    for (volatile unsigned long turns = 0;;) turns = turns + 1;
}

static void litter(int count) {
    for (int i = 0; i < count; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            if (fork() == 0) _exit(0);
            _exit(0);
        }
        if (pid > 0) waitpid(pid, NULL, 0);
    }
}

// The FIFO stays held: its descriptor is told to the program that goes on.
static void bare(char **word) {
    char *none[] = {NULL}, self[4096], number[16];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    if (length < 0) fail("/proc/self/exe");
    self[length] = '\0';
    size_t count = 0;
    while (word[count]) count++;
    char **arguments = calloc(count + 4, sizeof *arguments);
    if (!arguments) fail("calloc");
    snprintf(number, sizeof number, "%d", held);
    arguments[0] = self;
    arguments[1] = "held";
    arguments[2] = number;
    memcpy(arguments + 3, word, count * sizeof *word);
    execve(self, arguments, none);
    fail(self);
}

// The word after the `end` that belongs to a `spawn`.
static char **behind_end(char **word) {
    for (int depth = 1; *word; word++) {
        if (is(*word, "spawn")) depth++;
        if (is(*word, "end") && --depth == 0) return word + 1;
    }
    return word;
}

// Steps that take no argument; NULL if it is none of them.
static char **plain_step(char **word) {
    if (is(*word, "drained")) return wait_drained(), word + 1;
    if (is(*word, "session")) return setsid(), word + 1;
    if (is(*word, "group")) return setpgid(0, 0), word + 1;
    if (is(*word, "bare")) return bare(word + 1), NULL;
    if (is(*word, "chain")) {
        // A process that cannot be made is tried again: the chain ends by being killed only.
        for (;;)
            if (fork() > 0) _exit(0);
    }
    if (is(*word, "orphaned")) return wait_orphaned(), word + 1;
    if (is(*word, "input")) return read_input(), word + 1;
    if (is(*word, "burn")) return burn(), word + 1;
    if (is(*word, "state")) return print_state(), word + 1;
    if (is(*word, "limits")) return print_limits(), word + 1;
    if (is(*word, "sanitized")) return put(1, sanitized(), strlen(sanitized())), word + 1;
    if (is(*word, "pause")) {
        for (;;) pause();
    }
    if (is(*word, "environment")) {
        for (char **e = environ; *e; e++) print_hex(*e);
        return word + 1;
    }
    if (is(*word, "arguments")) {
        while (*++word) print_hex(*word);
        return word;
    }
    return NULL;
}

// Steps with an argument; NULL if it is none of them.
static char **step(char **word) {
    char *argument = word[1];
    if (!argument) return NULL;
    int number = atoi(argument);
    if (is(*word, "tell")) return dprintf(held, "%s\n", argument), word + 2;
    if (is(*word, "become")) {
        uid_t user = (uid_t)number;
        if (setresuid(user, user, user) != 0) fail("setresuid");
        return word + 2;
    }
    if (is(*word, "ignore")) return signal(number, SIG_IGN), word + 2;
    if (is(*word, "mask")) return mask(number), word + 2;
    if (is(*word, "close")) return close(number), word + 2;
    if (is(*word, "kill")) return kill(getpid(), number), word + 2;
    if (is(*word, "exit")) _exit(number);
    if (is(*word, "litter")) return litter(number), word + 2;
    if (is(*word, "exec")) return execvp(argument, word + 1), fail(argument), NULL;
    if (is(*word, "held")) return held = number, word + 2;
    if (is(*word, "hold")) {
        held = open(argument, O_WRONLY);
        if (held < 0) fail(argument);
        return word + 2;
    }
    if (is(*word, "hex")) {
        int error = is(word[2], "stderr");
        return write_hex(argument, error ? 2 : 1), word + 2 + error;
    }
    if (is(*word, "write") && word[2]) {
        int error = is(word[3], "stderr");
        return write_bytes(atoll(argument), atoll(word[2]), error ? 2 : 1), word + 3 + error;
    }
    if (is(*word, "answered") && word[2])
        return time_answers(atoi(word[1]), atol(word[2])), word + 3;
    if (is(*word, "tick") && word[2]) {
        for (int i = 0; i < number; i++) {
            usleep((useconds_t)atoi(word[2]) * 1000);
            put(1, "tick\n", 5);
        }
        return word + 3;
    }
    if (is(*word, "alternate")) {
        for (int i = 1; i <= number; i++) {
            dprintf(1, "out %d\n", i);
            dprintf(2, "err %d\n", i);
        }
        return word + 2;
    }
    if (is(*word, "spawn")) {
        pid_t spawner = getpid(), pid = fork();
        if (pid < 0) fail("fork");
        if (pid == 0) parent = spawner;
        return pid == 0 ? word + 1 : behind_end(word + 1);
    }
    return NULL;
}

// Linked by Swift, even a C program may have its runtime, which catches signals to tell of crashes.
static void catch_nothing(void) {
    for (int s = 1; s < NSIG; s++) {
        struct sigaction now;
        if (sigaction(s, NULL, &now) == 0 && now.sa_handler != SIG_IGN) signal(s, SIG_DFL);
    }
}

int main(int argc, char **argv) {
    (void)argc;
    catch_nothing();
    for (char **word = argv + 1; *word;) {
        if (is(*word, "end")) return 0; // of what was spawned
        char **next = plain_step(word);
        if (!next) next = step(word);
        if (!next) {
            dprintf(2, "misbehave: what is '%s'?\n", *word);
            return 2;
        }
        word = next;
    }
    return 0;
}
