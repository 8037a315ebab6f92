// Reading /proc: a listing of the past. What it says of a process is used to report, to wait and to
// count; a signal goes by it only to what is held by a pidfd or is our own child.

#ifndef DRAIN_CORE_PROC_H
#define DRAIN_CORE_PROC_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

// A whole small file, always terminated. The bytes read, or -1.
ssize_t proc_file(const char *path, char *room, size_t size);

// The same for /proc/PID/NAME.
ssize_t proc_read(pid_t pid, const char *name, char *room, size_t size);

// The letter of /proc/PID/stat; X for one that is not there.
char proc_state(pid_t pid);

// False for the dead, zombies included: they have no part in anything any more.
bool proc_alive(pid_t pid);

// 0 if it is not to be known.
pid_t proc_parent(pid_t pid);

// In clock ticks after boot; 0 if it is not to be known.
uint64_t proc_start_time(pid_t pid);

// The number given out last; 0 if it is not to be known.
pid_t proc_newest(void);

// Whether a signal to the leader's process group has reached it already: many programs take a
// second SIGTERM or SIGINT for an order to stop at once. SIGKILL can come as often as it likes.
bool proc_was_told(pid_t pid, pid_t leader, int signal);

// A visitor of processes; `parent` is 0 where it was not asked for. False ends the walk.
typedef bool proc_visit(pid_t pid, pid_t parent, void *context);

// Every process that there is, or none where /proc cannot be read.
void proc_each(proc_visit *each, void *context);

// In so short a time, in nanoseconds, not even a small pid_max has been gone through once.
static const int64_t PROC_SHORT_TIME = 250 * 1000 * 1000;

// Every number given out after `first` and up to now, whether there is such a process or not. False
// when they are too many to try, or have gone around: for a short time only, in which that is sure
// to be seen.
bool proc_each_since(pid_t first, proc_visit *each, void *context);

// The numbers given out last and those about to be given out, again and again: somebody who forks
// all the time lives in these.
void proc_each_newest(proc_visit *each, void *context);

// Every child of a process, of all its threads.
void proc_each_child(pid_t parent, proc_visit *each, void *context);

#endif
