// NDJSON as it comes, and those of its lines that are kept.

#ifndef DRAIN_CORE_EVENTS_H
#define DRAIN_CORE_EVENTS_H

#include "scan.h"

enum { EVENTS_WINDOW = 256 << 10 };

struct drain_events {
    struct scan scan;
    size_t most;
    uint8_t *base; // the mapping, owned: the window, then the log
    size_t mapped;
    uint8_t *window; // EVENTS_WINDOW bytes for whoever reads a stream

    // The log: kept lines in start..<end, then the line that is not over yet. What is before
    // `start` is free.
    uint8_t *log;
    size_t log_size;
    size_t start;
    size_t end;
    size_t held;     // bytes of the unfinished line, from `end` on; 0 once it cannot be kept
    size_t released; // a whole number of pages; what is before it was given back

    size_t kept_bytes; // without the newline that a last line did not have
    size_t kept;
    uint64_t seen;
    uint64_t dropped;
    uint64_t invalid;
    struct drain_type types[]; // owned, with their bytes and the scanner's room for a name behind
};

#endif
