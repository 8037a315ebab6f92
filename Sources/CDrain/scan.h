// NDJSON, line by line and in any pieces: which lines are JSON objects, and of which of them the
// type is wanted. Pure: no memory of its own, no system calls.
//
// A line is an object if it is one by RFC 8259, nested at most SCAN_DEPTH deep. Two things that
// the RFC leaves open: a lone surrogate escape is allowed, and so are bytes in a string that are
// not UTF-8. A newline always ends the line. A byte-order mark is skipped where the stream starts.

#ifndef DRAIN_CORE_SCAN_H
#define DRAIN_CORE_SCAN_H

#include "CDrain.h"

enum { SCAN_DEPTH = 512, SCAN_NAME_LEAST = 64 };

enum scan_verdict {
    SCAN_UNFINISHED, // the line goes on
    SCAN_BLANK,      // nothing but white space
    SCAN_INVALID,    // not a JSON object
    SCAN_UNWANTED,   // an object of another type
    SCAN_WANTED,     // an object of a type that is wanted
};

enum scan_state {
    SCAN_START,         // nothing but white space so far
    SCAN_FIRST_KEY,     // behind the { of an object
    SCAN_KEY,           // behind a comma of an object
    SCAN_COLON,         // behind a key
    SCAN_FIRST_VALUE,   // behind the [ of an array
    SCAN_VALUE,         // behind a colon, or a comma of an array
    SCAN_COMMA,         // behind a value
    SCAN_STRING,        // inside of a string or key
    SCAN_ESCAPE,        // behind a backslash
    SCAN_HEX,           // in the digits of \u
    SCAN_WORD,          // in true, false or null
    SCAN_MINUS,         // a digit must come
    SCAN_ZERO,          // behind a 0 that starts a number
    SCAN_INTEGER,       // behind another digit of the integer part
    SCAN_POINT,         // a digit must come
    SCAN_FRACTION,      // behind a digit of the fraction
    SCAN_EXPONENT,      // a sign or a digit must come
    SCAN_EXPONENT_SIGN, // a digit must come
    SCAN_POWER,         // behind a digit of the exponent
    SCAN_DONE,          // behind the object
    SCAN_INVALID_LINE,  // whatever comes, it is no object
};

// What the string being read is to us.
enum scan_role {
    SCAN_PLAIN,       // nothing
    SCAN_NEW_KEY,     // a key that may be "type", before its first byte
    SCAN_MAY_BE_TYPE, // such a key, still possible
    SCAN_TYPE,        // the value of "type"
};

struct scan {
    // Set by the caller, borrowed.
    const struct drain_type *types;
    size_t type_count;
    uint8_t *name;    // room for what is read of a key or type
    size_t name_size; // at least SCAN_NAME_LEAST, and more than the longest type has

    // The line.
    uint64_t length; // its bytes so far, without a byte-order mark
    enum scan_state state;
    bool own_wanted;    // by the last "type" of the object itself
    bool member_wanted; // by the last "type" of the member that is being read
    bool nested_wanted; // by a member that is over

    // The value in it.
    unsigned depth;
    uint64_t objects[SCAN_DEPTH / 64]; // of the open containers, which are objects
    const char *word;                  // what must still come of true, false or null
    bool in_key;
    bool type_next; // the value that comes is that of a "type" that counts
    enum scan_role role;
    unsigned hex_left;
    unsigned unit;      // the UTF-16 unit of a \u so far
    unsigned surrogate; // a high one, in the name, whose low one may come; else 0
    size_t name_length;
    bool name_overrun;  // it had more than there is room for
    bool name_alarming; // of a type: what is not in `name` any more held "error" or "failed"

    bool ended;    // the line is over; the next byte begins another
    unsigned mark; // bytes of a byte-order mark seen where the stream starts; 3 when that is over
};

// `s` is all zeroes but for what the caller sets.

// Reads up to the next newline, or all there is. Returns how many bytes it took; the verdict is
// unfinished unless the last of them was the newline. `s->length` is that of the line till the next
// call.
size_t scan_line(struct scan *s, const uint8_t *bytes, size_t count, enum scan_verdict *verdict);

// There is no more: what of the line that had no newline.
enum scan_verdict scan_finish(struct scan *s);

#endif
