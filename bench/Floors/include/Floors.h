// What plain C does for the same work: the floors that the library is measured against.

#ifndef FLOORS_H
#define FLOORS_H

#include <stddef.h>
#include <stdint.h>

// Runs a command with a pipe for each stream: the first `cap` bytes of standard output are read
// into `room`, the rest is spliced away. Standard error is thrown away. Returns 0 or an errno
// value; ECHILD where the command failed.
int floor_run(char *const argv[], char *room, size_t cap, uint64_t *seen);

// The same with all of standard output in a new file, by splice through a pipe that nobody else
// waits for.
int floor_save(char *const argv[], const char *path, uint64_t *seen);

// `count` of the command at once under one poll(2) loop, what they print read into one reused
// buffer.
int floor_many(char *const argv[], int count, uint64_t *seen);

// Writes to every page, so that the process has it all.
void floor_touch(char *memory, size_t size);

#endif
