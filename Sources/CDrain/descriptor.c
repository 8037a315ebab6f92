#include "descriptor.h"

#include "CDrain.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

int above_stdio(int *fd) {
    if (*fd > 2) return 0;
    int moved = fcntl(*fd, F_DUPFD_CLOEXEC, 3);
    int error = moved < 0 ? errno : 0;
    close(*fd);
    *fd = moved;
    return error;
}

ssize_t drain_write(int fd, const void *bytes, size_t count) {
    // A library must not change what SIGPIPE does in its host, nor let a write of its own raise it:
    // it is blocked for the thread, and taken back if this write made it.
    sigset_t pipe, before, pending;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    sigpending(&pending);
    bool was_pending = sigismember(&pending, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &pipe, &before);
    ssize_t n;
    do n = write(fd, bytes, count);
    while (n < 0 && errno == EINTR);
    int error = errno;
    struct timespec now = {0, 0};
    if (n < 0 && error == EPIPE && !was_pending)
        while (sigtimedwait(&pipe, NULL, &now) < 0 && errno == EINTR) {
        }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return n < 0 ? -error : n;
}

static int fill(int fd, const char *bytes, size_t count) {
    while (count > 0) {
        ssize_t n = write(fd, bytes, count);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return n < 0 ? errno : ENOSPC;
        bytes += n;
        count -= (size_t)n;
    }
    return lseek(fd, 0, SEEK_SET) < 0 ? errno : 0;
}

int drain_memory_file(const void *bytes, size_t count) {
    int fd = memfd_create("drain-stdin", MFD_CLOEXEC | MFD_NOEXEC_SEAL);
    // Kernels before 6.3 do not know the flag; those with vm.memfd_noexec=2 insist on it.
    if (fd < 0 && errno == EINVAL) fd = memfd_create("drain-stdin", MFD_CLOEXEC);
    if (fd < 0) return -errno;
    int error = fill(fd, bytes, count);
    if (!error) return fd;
    close(fd);
    return -error;
}

int drain_input_open(const char *path, int *fd, bool *named_pipe) {
    struct stat st;
    *named_pipe = false;
    // By its name first: to open a pipe for reading lets its writers go on, who must not find it
    // closed again.
    *fd = open(path, O_PATH | O_CLOEXEC);
    if (*fd < 0) return errno;
    int error = fstat(*fd, &st) != 0 ? errno : 0;
    *named_pipe = !error && S_ISFIFO(st.st_mode);
    if (*named_pipe && faccessat(AT_FDCWD, path, R_OK, AT_EACCESS) != 0) error = errno;
    if (*named_pipe && !error) return 0;
    close(*fd);
    *fd = error ? -1 : open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (!error && *fd < 0) error = errno;
    // The flag is the open file's, and would be the command's.
    int flags = error ? 0 : fcntl(*fd, F_GETFL);
    if (!error && (flags < 0 || fcntl(*fd, F_SETFL, flags & ~O_NONBLOCK) != 0)) {
        error = errno;
        close(*fd);
        *fd = -1;
    }
    return error;
}

int drain_pipe_open(int *ends) {
    int made[2], error = 0;
    ends[0] = ends[1] = -1;
    if (pipe2(made, O_CLOEXEC | O_NONBLOCK) != 0) return errno;
    for (int i = 0; i < 2; i++) {
        // A host that runs without 0, 1 or 2 must not find a pipe of ours there.
        ends[i] = made[i] > 2 ? made[i] : fcntl(made[i], F_DUPFD_CLOEXEC, 3);
        if (ends[i] < 0) error = errno;
        if (made[i] <= 2) close(made[i]);
    }
    for (int i = 0; i < 2 && error; i++) {
        if (ends[i] >= 0) close(ends[i]);
        ends[i] = -1;
    }
    return error;
}

int drain_wake_open(void) {
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return fd < 0 ? -errno : fd;
}

void drain_wake(int fd) {
    const uint64_t one = 1;
    // Whoever is not woken may sleep for ever, so that no is not taken for an answer at once. One
    // that is full stays so, and is readable.
    for (int tries = 0; tries < 8; tries++)
        if (write(fd, &one, sizeof one) > 0) return;
}

bool drain_signal_ignored(int signal) {
    struct sigaction now;
    return sigaction(signal, NULL, &now) == 0 && now.sa_handler == SIG_IGN;
}

int drain_signals_open(const int *signals, size_t count) {
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < count; i++) sigaddset(&set, signals[i]);
    if (pthread_sigmask(SIG_BLOCK, &set, NULL) != 0) return -EINVAL;
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return fd < 0 ? -errno : fd;
}

int drain_signals_take(int fd) {
    struct signalfd_siginfo info;
    return read(fd, &info, sizeof info) == sizeof info ? (int)info.ssi_signo : 0;
}

uint64_t drain_descriptor_limit(void) {
    struct rlimit limit;
    return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : 1024;
}

int64_t drain_descriptor_count(void) {
    struct stat st;
    // Older kernels have a directory of size 0 there.
    return stat("/proc/self/fd", &st) == 0 && st.st_size > 0 ? st.st_size : -1;
}

uint64_t drain_memory_size(void) {
    long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
    return pages > 0 && size > 0 ? (uint64_t)pages * (uint64_t)size : UINT64_MAX;
}

int drain_leave_stdio(void) {
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0) return errno;
    int error = 0;
    for (int fd = 0; fd <= 2 && !error; fd++)
        if (dup2(null, fd) < 0) error = errno;
    if (null > 2) close(null);
    return error;
}
