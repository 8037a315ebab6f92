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

// One read or splice; what read(2) returns.
static ssize_t drain(int fd, int null, char *room, size_t cap, uint64_t *seen) {
    ssize_t n;
    if (*seen < cap)
        n = read(fd, room + *seen, cap - *seen);
    else
        n = splice(fd, NULL, null, NULL, PIPE, SPLICE_F_MOVE);
    if (n > 0) *seen += (uint64_t)n;
    return n;
}

int floor_run(char *const argv[], char *room, size_t cap, uint64_t *seen) {
    pid_t pid;
    int reading[2];
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    int error = null < 0 ? errno : start(argv, &pid, reading);
    if (error) goto out;
    uint64_t ignored = 0;
    int grown = 0;
    struct pollfd polled[2] = {{reading[0], POLLIN, 0}, {reading[1], POLLIN, 0}};
    *seen = 0;
    for (int open = 2; open > 0;) {
        if (poll(polled, 2, -1) < 0) continue;
        for (int i = 0; i < 2; i++) {
            if (polled[i].fd < 0 || !polled[i].revents) continue;
            ssize_t n = drain(polled[i].fd, null, room, i ? 0 : cap, i ? &ignored : seen);
            if (n == PIECE && !grown) grown = fcntl(polled[i].fd, F_SETPIPE_SZ, PIPE) > 0;
            if (n > 0 || (n < 0 && errno == EINTR)) continue;
            close(polled[i].fd);
            polled[i].fd = -1;
            open--;
        }
    }
    error = finish(pid);
out:
    if (null >= 0) close(null);
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
