#include "Floors.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { PIPE = 1 << 20, PIECE = 64 << 10 };

static int start(char *const argv[], pid_t *pid, int reading[2]) {
    int pipes[2][2];
    posix_spawn_file_actions_t actions;
    if (pipe2(pipes[0], O_CLOEXEC) != 0) return errno;
    if (pipe2(pipes[1], O_CLOEXEC) != 0) {
        int error = errno;
        close(pipes[0][0]);
        close(pipes[0][1]);
        return error;
    }
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, pipes[0][1], 1);
    posix_spawn_file_actions_adddup2(&actions, pipes[1][1], 2);
    int error = posix_spawn(pid, argv[0], &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    for (int i = 0; i < 2; i++) {
        close(pipes[i][1]);
        if (error) close(pipes[i][0]);
        reading[i] = pipes[i][0];
    }
    return error;
}

static int finish(pid_t pid) {
    int status;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR) return errno;
    return status == 0 ? 0 : ECHILD;
}

// Where bytes go: the first `cap` into `room`, the rest to `file` through a pipe, or away.
struct target {
    char *room;
    size_t cap;
    int file; // -1 for none
    int null;
    int through[2];
};

// What is in the pipe to the file, so that whoever writes to it goes on meanwhile: a pipe is locked
// while splice(2) copies out of it.
static ssize_t save(int fd, const struct target *to) {
    ssize_t n = splice(fd, NULL, to->through[1], NULL, PIPE, SPLICE_F_MOVE);
    for (ssize_t left = n; left > 0;) {
        ssize_t done = splice(to->through[0], NULL, to->file, NULL, (size_t)left, SPLICE_F_MOVE);
        if (done < 0 && errno == EINTR) continue;
        if (done == 0) errno = EIO;
        if (done <= 0) return -1;
        left -= done;
    }
    return n;
}

// One read or splice; what read(2) returns.
static ssize_t drain(int fd, const struct target *to, uint64_t *seen) {
    ssize_t n;
    if (to->room && *seen < to->cap)
        n = read(fd, to->room + *seen, to->cap - *seen);
    else if (to->file >= 0)
        n = save(fd, to);
    else
        n = splice(fd, NULL, to->null, NULL, PIPE, SPLICE_F_MOVE);
    if (n > 0) *seen += (uint64_t)n;
    return n;
}

// Standard output goes where `to` says, standard error away.
static int serve(char *const argv[], const struct target *to, uint64_t *seen) {
    pid_t pid;
    int reading[2];
    int error = start(argv, &pid, reading);
    if (error) return error;
    const struct target away = {.file = -1, .null = to->null};
    uint64_t ignored = 0;
    int grown = 0, broken = 0;
    struct pollfd polled[2] = {{reading[0], POLLIN, 0}, {reading[1], POLLIN, 0}};
    *seen = 0;
    for (int open = 2; open > 0;) {
        if (poll(polled, 2, -1) < 0) continue;
        for (int i = 0; i < 2; i++) {
            if (polled[i].fd < 0 || !polled[i].revents) continue;
            ssize_t n = drain(polled[i].fd, i ? &away : to, i ? &ignored : seen);
            if (n == PIECE && !grown) grown = fcntl(polled[i].fd, F_SETPIPE_SZ, PIPE) > 0;
            if (n > 0 || (n < 0 && errno == EINTR)) continue;
            if (n < 0) broken = errno;
            close(polled[i].fd);
            polled[i].fd = -1;
            open--;
        }
    }
    error = finish(pid);
    return broken ? broken : error;
}

int floor_run(char *const argv[], char *room, size_t cap, uint64_t *seen) {
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (null < 0) return errno;
    const struct target to = {.room = room, .cap = cap, .file = -1, .null = null};
    int error = serve(argv, &to, seen);
    close(null);
    return error;
}

int floor_save(char *const argv[], const char *path, uint64_t *seen) {
    struct target to = {.through = {-1, -1}};
    int error = pipe2(to.through, O_CLOEXEC) == 0 ? 0 : errno;
    to.null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    to.file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (!error && (to.null < 0 || to.file < 0)) error = errno;
    if (!error) {
        fcntl(to.through[1], F_SETPIPE_SZ, PIPE);
        error = serve(argv, &to, seen);
    }
    const int all[] = {to.through[0], to.through[1], to.null, to.file};
    for (int i = 0; i < 4; i++)
        if (all[i] >= 0) close(all[i]);
    return error;
}

int floor_many(char *const argv[], int count, uint64_t *seen) {
    static char room[PIECE];
    struct pollfd *polled = calloc((size_t)count * 2, sizeof *polled);
    pid_t *pids = calloc((size_t)count, sizeof *pids);
    int error = polled && pids ? 0 : ENOMEM, started = 0;
    *seen = 0;
    for (; started < count && !error; started++) {
        int reading[2];
        error = start(argv, &pids[started], reading);
        if (error) break;
        for (int i = 0; i < 2; i++)
            polled[started * 2 + i] = (struct pollfd){reading[i], POLLIN, 0};
    }
    for (int open = started * 2; open > 0;) {
        if (poll(polled, (nfds_t)started * 2, -1) < 0) continue;
        for (int i = 0; i < started * 2; i++) {
            if (polled[i].fd < 0 || !polled[i].revents) continue;
            ssize_t n = read(polled[i].fd, room, sizeof room);
            if (n > 0) *seen += (uint64_t)n;
            if (n > 0 || (n < 0 && errno == EINTR)) continue;
            close(polled[i].fd);
            polled[i].fd = -1;
            open--;
        }
    }
    for (int i = 0; i < started; i++) {
        int failed = finish(pids[i]);
        if (!error) error = failed;
    }
    free(polled);
    free(pids);
    return error;
}

void floor_touch(char *memory, size_t size) {
    for (size_t i = 0; i < size; i += 4096) ((volatile char *)memory)[i] = 1;
}
