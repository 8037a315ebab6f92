// CDrain: run one program with bounded memory.
//
// This header is the whole boundary between the C core and its caller, and reads from
// top to bottom as the life of one child:
//
//     spawn -> { pump -> the caller decides -> signal } ... -> take -> reap -> close
//
// The core is mechanism. It decides nothing about time limits, signals or what a report
// says; it keeps no globals, starts no threads, installs no signal handlers, calls nothing
// of the caller's, and never looks at the wall clock.
//
// Errors     Functions that return `int` return 0 or an errno value, never -1, and leave
//            `errno` unspecified. A function that fails has undone what it began.
// Time       Nanoseconds on CLOCK_MONOTONIC as int64_t. Limits are absolute points on that
//            clock; DRAIN_NEVER is the one that does not come.
// Ownership  A `struct drain_child *` belongs to whoever got it from `drain_spawn`, and is
//            given back once, with `drain_close`. Everything passed in is borrowed for the
//            duration of the call.
// Threads    One child may be used by one thread at a time, any thread. Different children
//            are independent of each other.
// Signals    The host's dispositions, its SIGCHLD and its other children are not touched.
//            The calling thread's signal mask is changed inside `drain_spawn` only, and is
//            as it was when that returns, whatever it returns.

#ifndef CDRAIN_H
#define CDRAIN_H

#if !defined(__linux__)
#error "Drain runs on Linux only (5.9 or newer): it rests on pidfds, splice and close_range."
#endif

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#if defined(__clang__)
#pragma clang assume_nonnull begin
#else // gcc has no word for it
#define _Nullable
#define _Nonnull
#endif

// 1. Time ----------------------------------------------------------------------------------

/// The point in time that does not come.
static const int64_t DRAIN_NEVER = INT64_MAX;

/// Now, on the clock of every deadline here: clock_gettime(2), CLOCK_MONOTONIC.
int64_t drain_now(void);

/// How many descriptors this process may have open: the soft limit of getrlimit(2), RLIMIT_NOFILE.
uint64_t drain_descriptor_limit(void);

/// How many it has, by stat(2) of /proc/self/fd; -1 where that cannot tell (before Linux 6.2).
int64_t drain_descriptor_count(void);

/// Bytes of memory of the machine: sysconf(3).
uint64_t drain_memory_size(void);

// 2. What to run ---------------------------------------------------------------------------

/// The two streams of a child that are read, and the index of each in arrays of two.
static const int DRAIN_STDOUT = 0;
static const int DRAIN_STDERR = 1;
enum { DRAIN_STREAMS = 2 };

/// For `drain_spec.input`.
static const int DRAIN_INPUT_PIPE = -2;

/// How much of one stream is kept, in bytes: its first `head` and its last `tail`. What lies
/// between is counted and thrown away. Memory is reserved for both, and costs nothing until
/// it is filled.
struct drain_keep {
    size_t head;
    size_t tail;
};

/// The resources of setrlimit(2), by names that the C libraries have as macros and enums.
extern const int DRAIN_LIMIT_CPU, DRAIN_LIMIT_MEMORY, DRAIN_LIMIT_FILE_SIZE, DRAIN_LIMIT_OPEN_FILES,
    DRAIN_LIMIT_PROCESSES;

/// A limit for setrlimit(2); UINT64_MAX is RLIM_INFINITY.
struct drain_rlimit {
    int resource;
    uint64_t soft;
    uint64_t hard;
};

/// The host's environment, environ(7): NULL-terminated, the host's own.
char *_Nullable *_Nullable drain_environment(void);

/// A cgroup of its own for one command: cgroups(7), version 2. Private to the core.
struct drain_cgroup {
    int parent; ///< descriptor of the caller's own cgroup
    int self;   ///< of the new one below it
    char name[48];
};

/// Ways to know the members of a tree, which may be had together.
struct drain_means {
    /// Set by a program that has called `drain_adopt_orphans` and has no other children: all its
    /// children are then the command's tree.
    bool supervised;
    /// The command is born into this cgroup, made with `drain_cgroup_make` and borrowed until
    /// `drain_close`; or NULL.
    const struct drain_cgroup *_Nullable cgroup;
    /// From `drain_marker`: the command and what comes from it bear this number, and are looked for
    /// in /proc by it, by their session and by their parents. 0 for none.
    uint64_t marker;
    /// Borne like a marker where there is none, and not looked for: for `drain_orphaned`, when this
    /// process has been killed. 0 for none.
    uint64_t badge;
    /// Where `supervised`: children that are none of the command's tree, nor is what descends from
    /// them. Numbers that nobody reaps before the child is reaped; 0 for none.
    pid_t spared[DRAIN_STREAMS];
};

/// A reader of events; see section 12.
struct drain_events;

/// A stream's way to disk; see section 14.
struct drain_spool;

/// What to run. All of it is set by the caller and borrowed by `drain_spawn`.
struct drain_spec {
    /// NULL-terminated, at least one. argv[0] is looked up as execvp(3) does: as it is if it
    /// holds a slash, else along PATH in `envp`; a file without a known format goes to /bin/sh.
    char *_Nullable const *_Nonnull argv;
    /// NULL-terminated NAME=VALUE; or NULL for the host's environment as it is at the call.
    char *_Nullable const *_Nullable envp;
    /// The working directory, or NULL for the host's.
    const char *_Nullable directory;
    /// The descriptor that becomes standard input; -1 for /dev/null, DRAIN_INPUT_PIPE for a pipe to
    /// write to, see section 14.
    int input;
    /// Applied in this order, in the child.
    const struct drain_rlimit *_Nullable rlimits;
    size_t rlimit_count;
    /// What is kept of standard output and standard error.
    struct drain_keep keep[2];
    /// Bytes that the pipes are made to hold, a power of two; 0 for what the system gives (64 KiB).
    /// Smaller ones take less of what a user's pipes may hold in all (pipe-user-pages-soft,
    /// pipe(7)).
    size_t pipe_size;
    /// The command writes to the host's own standard output and error, and nothing is read.
    bool shares_output;
    /// The command writes to these two descriptors, both above 2, and nothing is read; or NULL.
    const int *_Nullable outputs;
    /// What is run is a drain-run told to supervise (`--supervise`), which runs the command; see
    /// section 9. The child that comes of it is the command, as far as can be.
    bool remote;
    /// For such a one: what outlives the command is to live on, unless something had to be ended.
    bool leaves_background;
    /// What reads the events of standard output, see section 12, or NULL. Borrowed until
    /// `drain_close`; to be finished by the caller.
    struct drain_events *_Nullable events;
    /// Where each stream goes as well, see section 14, or NULL. Borrowed until `drain_close`; each
    /// has ended when its stream is closed.
    struct drain_spool *_Nullable spools[2];
    /// By what the command's tree can be told from other processes; see section 6. The process
    /// group of the leader always belongs to it.
    struct drain_means means;
};

// 3. Spawning ------------------------------------------------------------------------------

/// What `drain_spawn` was doing when it failed.
enum drain_stage {
    DRAIN_STAGE_MEMORY,     ///< mmap(2) or malloc(3): no room for the buffers
    DRAIN_STAGE_PIPE,       ///< pipe2(2), or moving a descriptor above 2: fcntl(2)
    DRAIN_STAGE_INPUT,      ///< `input` is not an open descriptor, or /dev/null is missing
    DRAIN_STAGE_CLONE,      ///< clone(2) or pidfd_open(2): no process could be made
    DRAIN_STAGE_CGROUP,     ///< the child cannot join the cgroup: cgroup.procs
    DRAIN_STAGE_DIRECTORY,  ///< chdir(2), in the child
    DRAIN_STAGE_DESCRIPTOR, ///< dup2(2) or closing the rest, in the child
    DRAIN_STAGE_RLIMIT,     ///< setrlimit(2), in the child; `detail` is the index
    DRAIN_STAGE_EXEC,       ///< execve(2), in the child: the program cannot be run
    DRAIN_STAGE_SUPERVISOR, ///< the supervisor cannot be run, or does not answer as one
};

struct drain_failure {
    enum drain_stage stage;
    int error; ///< errno
    size_t detail;
};

/// A running child and the two pipes it writes to. Opaque.
struct drain_child;

/// Starts a program: clone(2) with CLONE_VM and CLONE_VFORK on a stack of its own, so that
/// the host's page tables are not copied, however large it is.
///
/// The child leads a session and process group of its own, has an empty signal mask, default
/// dispositions for every signal, and no descriptors but 0, 1 and 2. The calling thread waits
/// until the program was executed or could not be.
///
/// On success 0, and `*child` is to be given to `drain_close`. Otherwise an errno value,
/// `*failure` says more, `*child` is NULL, and no process, descriptor or mapping is left.
///
/// Where clone refuses CLONE_PIDFD the child is opened with pidfd_open(2); where close_range(2)
/// is refused, its descriptors are closed one by one.
int drain_spawn(const struct drain_spec *spec, struct drain_child *_Nullable *_Nonnull child,
                struct drain_failure *failure);

/// The process id of the leader, which is also its session and its process group. It cannot be
/// taken by another process before `drain_reap`.
pid_t drain_pid(const struct drain_child *child);

/// Its pidfd, which is readable when it has ended; the child's own.
int drain_pidfd(const struct drain_child *child);

/// A file in memory (memfd_create(2)) that holds these bytes and is read from its start. A
/// descriptor for the caller to close, or a negated errno value.
int drain_memory_file(const void *_Nullable bytes, size_t count);

/// Opens a file for a command to read, and waits for nobody: not for the writer of a named pipe, of
/// which `*fd` is a mere name then (O_PATH, open(2)), to be opened again by /proc/self/fd. 0 and a
/// descriptor for the caller to close, or an errno value; EACCES for what must not be read.
int drain_input_open(const char *path, int *fd, bool *named_pipe);

/// A pipe, reading end first, neither end of which waits or is below 3: pipe2(2). 0 or an errno
/// value.
int drain_pipe_open(int *ends);

/// A descriptor that becomes readable for good with `drain_wake` (eventfd(2)), for the caller to
/// close; or a negated errno value.
int drain_wake_open(void);

/// Any thread, any number of times.
void drain_wake(int fd);

/// write(2), begun again when a signal interrupts it, and without SIGPIPE for the thread. The
/// count, or a negated errno value.
ssize_t drain_write(int fd, const void *bytes, size_t count);

/// Whether the process ignores a signal: sigaction(2).
bool drain_signal_ignored(int signal);

/// For a program that is its own host, never for a library: blocks these signals for the calling
/// thread and gives a descriptor that is readable when one has come (signalfd(2)), for the caller
/// to close; or a negated errno value. Call it before there are other threads.
int drain_signals_open(const int *signals, size_t count);

/// The number of a signal that has come, or 0.
int drain_signals_take(int fd);

// 4. Pumping -------------------------------------------------------------------------------

/// Another descriptor to look at in the same poll(2). `fd` and the wishes are the caller's,
/// `ready` is the answer: the descriptor can be read, can be written, or is in error.
/// A negative `fd` is skipped.
struct drain_watch {
    int fd;
    bool read;
    bool write;
    bool ready;
};

/// The most watches that one pump takes.
enum { DRAIN_WATCHES = 8 };

/// What one pump saw.
struct drain_round {
    int64_t now;       ///< when the round ended
    uint64_t moved[2]; ///< bytes each stream carried in this round
    bool exited;       ///< the leader has ended; it is still there to be reaped
    bool closed;       ///< neither stream is open any more
    bool held;         ///< what the leader has written is not read: its spool has no room
    bool writable;     ///< `drain_set_await_input` is answered
};

/// One round: waits until a stream can be read, the leader ends, a watch is ready or `until`
/// has come; then moves what there is, but no more than a few MiB of each stream, so that a
/// flood never keeps the caller from its deadlines.
///
/// Bytes that are kept go from the pipe into the buffer with readv(2). The others go to
/// /dev/null with splice(2), unseen; where that is refused, or /dev/null is not what it should
/// be, they are read and dropped. Where events are read from a stream, all of it is read. A pipe
/// that is found well filled is enlarged once, to 1 MiB or to what the user's quota gives
/// (pipe(7)); a refusal changes nothing.
///
/// A stream that is found nearly empty time after time is looked away from for up to a
/// millisecond, or four where all of it is thrown away, for everybody's good: the writer is not
/// interrupted at every write. Everything else still ends the wait at once.
///
/// When the leader has ended, what is in the pipes at that moment has been moved when this
/// returns, but for a stream whose spool has no room. A signal to the thread ends the round early,
/// without an error. Returns 0, or what poll gave.
int drain_pump(struct drain_child *child, struct drain_watch *_Nullable watches, size_t count,
               int64_t until, struct drain_round *round);

/// What is known of the child without looking: a round in which nothing moved.
struct drain_round drain_known(struct drain_child *child);

/// Many children on one thread: two epoll(7) descriptors and an eventfd(2), however many there are.
/// Opaque. Used by one thread at a time, but for `drain_set_wake`.
struct drain_set;

/// 0 or an errno value. `*set` is for `drain_set_close`.
int drain_set_open(struct drain_set *_Nullable *_Nonnull set);

/// All children are to have left it.
void drain_set_close(struct drain_set *set);

/// Ends the wait of `drain_set_pump`, or the next one. Any thread, any number of times.
void drain_set_wake(const struct drain_set *set);

/// Makes the child one of the set, under a number of the caller's. It is still the caller's, and
/// everything may be done with it but `drain_reap` and `drain_close`. 0 or an errno value.
int drain_set_add(struct drain_set *set, struct drain_child *child, uint64_t token);

/// Takes it out, before it is reaped or closed.
void drain_set_remove(struct drain_set *set, struct drain_child *child);

/// What one round saw of one child.
struct drain_seen {
    uint64_t token;
    struct drain_round round;
};

/// The most children that one round tells of; the others have their turn in the next.
enum { DRAIN_SEEN = 192 };

/// One round over all, as `drain_pump` is over one: fills in what happened to the children to which
/// something did, each once; `seen` has room for DRAIN_SEEN. The more children there are, the less
/// of a flood is moved before the others have their turn. Where little is found everywhere, none is
/// looked at again for up to a millisecond; the end of a leader and a wake-up are noticed at once.
/// Returns 0, or what ppoll or epoll_wait gave.
int drain_set_pump(struct drain_set *set, int64_t until, struct drain_seen *seen, size_t *count,
                   bool *woken);

/// Stops reading both streams: their pipes are closed where they are still open, and `eof` stays
/// false. Whoever still writes to them gets SIGPIPE or EPIPE.
void drain_give_up(struct drain_child *child);

// 5. What was kept -------------------------------------------------------------------------

/// One stream and its buffer, as they are now. `head_length` bytes from the start of the
/// stream are at `base`; the `tail_length` bytes before its present end are in a ring of
/// `tail_size` bytes at `base + head_size`, the oldest at `tail_start` in it.
/// The addresses are good until `drain_close`, or for as long as the taken mapping lives.
struct drain_buffer {
    const uint8_t *_Nullable base; ///< NULL if nothing can be kept
    size_t head_size;
    size_t head_length;
    size_t tail_size;
    size_t tail_start;
    size_t tail_length;
    size_t mapped;  ///< bytes of address space at `base`, for `drain_unmap`
    uint64_t total; ///< bytes the stream has carried
    bool eof;       ///< its end was reached
};

/// Looks at stream `which`. Costs nothing.
struct drain_buffer drain_look(const struct drain_child *child, int which);

/// Protects what has not been passed on yet: bytes of the stream at `offset` and after are not
/// overwritten in the tail ring before the next call; the stream is left unread instead, and
/// its writer waits. UINT64_MAX, as at the start, protects nothing. Bytes of the head never need
/// it.
void drain_hold(struct drain_child *child, int which, uint64_t offset);

/// From now on a spool that has no room is given up at once, and the stream goes on without it.
void drain_hurry(struct drain_child *child);

/// The same as `drain_look`, and the mapping is the caller's from now on, to be given to
/// `drain_unmap`. The stream is not read any more.
struct drain_buffer drain_take(struct drain_child *child, int which);

/// munmap(2) for what `drain_take` gave; NULL is allowed.
void drain_unmap(const uint8_t *_Nullable base, size_t mapped);

// 6. Ending and finding its processes ------------------------------------------------------
//
// The tree of a command is its leader's process group and whoever else `drain_spec.means` reaches.

/// kill(2) to the whole tree, followed by SIGCONT so that stopped processes learn of it. SIGKILL
/// beyond the group hunts for up to 50 ms, until nobody but the leader lives. 0, ESRCH when the
/// leader is not there any more to keep the group's number (reaped here, or behind our back by the
/// host) and there are no other means, else what kill gave.
int drain_signal(struct drain_child *child, int signal);

/// Process ids of living processes of the tree other than the leader; the first `room` of them go
/// to `pids`. Returns how many there are. Zombies do not count.
size_t drain_others(struct drain_child *child, pid_t *_Nullable pids, size_t room);

/// All processes at one moment, for many children to be asked about: each by itself would read all
/// of /proc anew. Opaque. Used by one thread at a time.
struct drain_census;

/// 0 or an errno value. `*census` is for `drain_census_close`.
int drain_census_open(struct drain_census *_Nullable *_Nonnull census);

/// No child is to use it any more.
void drain_census_close(struct drain_census *census);

/// `drain_others` and `drain_signal` of the child go by it while that is allowed, where they would
/// go through /proc. Borrowed, until it is said again.
void drain_census_use(struct drain_child *child, struct drain_census *_Nullable census);

/// Whether it may be gone by, from now on; not at first. It is taken when it is first needed, and
/// forgotten by the next call: between the two, nobody may learn of a child's end, and then ask
/// about it by what was taken before; `drain_pump` ends the use of it by a child whose end it sees.
/// Signals go to those who were born since as well. Where it does not say for sure who is left,
/// /proc is read again.
void drain_census_allow(struct drain_census *census, bool allowed);

/// A process that holds the writing end of one of the child's pipes.
struct drain_holder {
    pid_t pid;
    char command[256]; ///< its command line, words separated by spaces, cut off; or its name
};

/// Who holds the writing end of a pipe that is still open, as far as /proc shows it to us: the
/// descriptors of other users' processes may be hidden. Returns how many were written to
/// `holders`, at most `room`.
size_t drain_holders(const struct drain_child *child, struct drain_holder *holders, size_t room);

/// Bytes of memory resident in the leader and the other members of its process group, as
/// /proc/PID/statm has it; 0 if that cannot be told.
uint64_t drain_resident(struct drain_child *child);

// 7. Means beyond the group -----------------------------------------------------------------

/// A number for `drain_means.marker`, from getrandom(2), unlike any that is in use.
uint64_t drain_marker(void);

/// Whose processes to look for in /proc.
struct drain_quarry {
    pid_t group;     ///< whoever is in this process group; 0 for none
    pid_t session;   ///< whoever is in this session; 0 for none
    uint64_t marker; ///< whoever bears it; 0 for none
    uint64_t since;  ///< nobody older: a start time as of `drain_start_time`; 0 for any
    pid_t spare;     ///< this one is left alone, and its children are looked at; 0 for none
    pid_t after;     ///< only numbers given out after this one, lately; 0 for all
};

/// When a process was started, in clock ticks after the system was (field 22 of /proc/PID/stat); 0
/// if there is no such process, or that is not to be known.
uint64_t drain_start_time(pid_t pid);

/// Goes through /proc once. Those who are in the quarry, and who descends from them, get `signal`,
/// and SIGCONT; nobody gets anything for signal 0. Never the calling process. Returns how many
/// live, zombies not counted, and the first `room` of them in `pids`.
///
/// A process is signalled through a pidfd that was opened before it was looked at, so that no
/// signal goes to a stranger who has got its number.
size_t drain_sweep(const struct drain_quarry *quarry, int signal, pid_t *_Nullable pids,
                   size_t room);

/// SIGKILL, pass after pass, until two passes find nobody or `until` has come. Returns how many the
/// last one found. A tree that forks faster than it is looked at may escape it.
size_t drain_sweep_end(const struct drain_quarry *quarry, int64_t until);

/// Makes a cgroup below the caller's own, where version 2 is mounted, has cgroup.kill (Linux 5.14)
/// and lets the caller do so: root, or the owner of a delegated subtree. 0 or an errno value; to be
/// given to `drain_cgroup_remove`.
int drain_cgroup_make(struct drain_cgroup *cgroup);

/// One that another process has made, by its path, to be given to `drain_cgroup_remove`. 0 or an
/// errno value; EINVAL for any other directory.
int drain_cgroup_open(const char *path, struct drain_cgroup *cgroup);

/// Its path, for `drain_cgroup_open`. False where the system does not tell.
bool drain_cgroup_path(const struct drain_cgroup *cgroup, char *path, size_t size);

/// Whether the calling process is in it.
bool drain_cgroup_is_own(const struct drain_cgroup *cgroup);

/// SIGKILL by cgroup.kill, which reaches all processes at once, those just being forked included.
/// Other signals one by one, through a pidfd each, to all but `spare`, each followed by SIGCONT. 0
/// or an errno value.
int drain_cgroup_signal(const struct drain_cgroup *cgroup, pid_t spare, int signal);

/// Whether anybody lives in it or below, the leader too: the kernel's own count, which misses
/// nobody.
bool drain_cgroup_populated(const struct drain_cgroup *cgroup);

/// SIGKILL to everybody in it, until nobody lives there or below, or `until` has come. Returns how
/// many live.
size_t drain_cgroup_end(const struct drain_cgroup *cgroup, int64_t until);

/// Moves everybody in it to the caller's own cgroup, so that it can be removed and they live on.
void drain_cgroup_leave(const struct drain_cgroup *cgroup);

/// Removes it and those below, again and again while the kernel calls it busy, until `until`. Gives
/// up its descriptors in any case. 0 or an errno value, EBUSY when processes live in it. Does
/// nothing the second time, or after another process has removed it.
int drain_cgroup_remove(struct drain_cgroup *cgroup, int64_t until);

// 8. Supervising ---------------------------------------------------------------------------
//
// For a program that runs one command and is its own host, as drain-run is; never for a library,
// which would take its host's orphans.

/// From now on orphans among this process's descendants become its children: prctl(2),
/// PR_SET_CHILD_SUBREAPER. 0 or an errno value.
int drain_adopt_orphans(void);

/// Reaps children other than the leader that have ended: orphans that came to us. For every
/// SIGCHLD, or they would stay zombies for as long as the command runs.
void drain_reap_orphans(const struct drain_child *child);

/// Whether the kernel says that this process has no children (ECHILD), and so no descendants.
bool drain_childless(void);

/// Kills and reaps all children of this process and what comes after them, until the kernel says
/// that there are none (ECHILD) or `until` has come. Returns how many are left.
size_t drain_hunt(int64_t until);

/// The two processes that a supervisor is. They watch each other: SIGKILL to either leaves the
/// other to end the tree.
struct drain_split {
    pid_t worker; ///< in the guardian, the worker's process id; 0 in the worker
    int pidfd;    ///< in the guardian, of the worker; else -1
};

/// What the worker is sent when the guardian has ended, a signal nobody else uses.
static const int DRAIN_SIGNAL_ORPHANED = 60;

/// SIGCHLD, by a name that Swift can see with either C library.
static const int DRAIN_SIGNAL_CHILD = 17;

/// fork(2): the caller becomes the guardian, the new process the worker, which goes on to do the
/// work. If `adopt`, both adopt orphans. To be called with one thread, and with the signals of
/// `drain_signals_open` blocked. 0 or an errno value; nothing has changed then.
int drain_split(struct drain_split *split, bool adopt);

/// In the guardian: passes signals on to the worker and waits for its end. Returns its exit status,
/// or -1 when it was killed; then the tree is to be ended.
int drain_guard(const struct drain_split *split, int signals);

/// How the leader ended and what it used, its waited-for children included: waitid(2),
/// getrusage(2).
struct drain_status {
    int code;   ///< exit code, or -1
    int signal; ///< number of the signal that ended it, or 0
    int64_t user_ns;
    int64_t system_ns;
    uint64_t max_rss; ///< bytes; see `max_rss_floor`
    /// What Linux counts into `max_rss` before the program begins: the highest resident size of
    /// the host, whose memory the child shares until exec (a figure above it is the command's own).
    uint64_t max_rss_floor;
};

// 9. Supervising for somebody else -----------------------------------------------------------
//
// A host that must not adopt orphans can have a drain-run do so: it runs the command with the
// host's pipes, ends what it is told to end, and ends everything when the host's end of the socket
// is closed, by a SIGKILL to the host too.

/// What is said over the socket, in the host's byte order; both ends are of one machine.
enum drain_word_kind {
    DRAIN_WORD_STARTED, ///< to the host, first: `value` is the command's process id, or `failure`
                        ///< says why not
    DRAIN_WORD_EXITED,  ///< to the host: the leader has ended, and is not reaped yet
    DRAIN_WORD_SIGNAL,  ///< to the supervisor: `drain_signal` with `value`; answered with the same,
                        ///< and what it gave
    DRAIN_WORD_OTHERS, ///< to the supervisor: `drain_others`; answered with the count and the first
                       ///< pids
    DRAIN_WORD_FINISH, ///< to the supervisor: reap, and end whoever is left unless `value` is 1
    DRAIN_WORD_DONE, ///< to the host, last: how the leader ended; survivors as for OTHERS; `value`
                     ///< is 1 if somebody had to be killed
};

enum { DRAIN_CONTROL_VERSION = 1, DRAIN_CONTROL_PIDS = 64 };

/// The descriptor on which a supervisor finds the socket.
static const int DRAIN_CONTROL_DESCRIPTOR = 3;

struct drain_word {
    uint32_t version; ///< DRAIN_CONTROL_VERSION
    uint32_t kind;    ///< enum drain_word_kind
    int32_t value;
    uint32_t count;
    int32_t pids[DRAIN_CONTROL_PIDS];
    struct drain_failure failure; ///< its error is 0 for none
    struct drain_status status;
};

/// The supervisor's side. 0 or an errno value; EPIPE when the host is gone, EAGAIN when there is
/// nothing, EPROTO for what is not a word of this version.
int drain_control_send(int fd, const struct drain_word *word);
int drain_control_receive(int fd, struct drain_word *word);

/// Opens /dev/null as 0, 1 and 2, so that the command's pipes are the command's alone. 0 or an
/// errno value.
int drain_leave_stdio(void);

// 10. Reaping -------------------------------------------------------------------------------

/// Reaps the leader, which gives its process id back to the system. 0; EAGAIN while it runs;
/// ECHILD when somebody else has reaped it (a host that ignores SIGCHLD, or waits for any
/// child), so that its status is not known.
int drain_reap(struct drain_child *child, struct drain_status *status);

/// What a drain-run that supervised said at the end, after `drain_reap`: how many live on though
/// they were killed, the first `room` of them in `pids`, and whether anybody had to be killed.
size_t drain_survivors(const struct drain_child *child, pid_t *pids, size_t room, bool *killed);

/// Gives everything back. A leader that was not reaped is killed with its group and reaped; one
/// that does not end within a second, stuck in the kernel, is left a zombie of the host.
void drain_close(struct drain_child *child);

// 11. What a dead owner left -----------------------------------------------------------------

/// A run as it was written down when it began.
struct drain_record {
    pid_t leader;          ///< 0 when it was not known yet
    uint64_t leader_start; ///< as of `drain_start_time`; 0 when it was not to be known
    uint64_t forks;        ///< as of `drain_forks`
    uint64_t marker;       ///< or its badge; 0 for none
};

/// Whether this very process lives, and is no zombie: pidfd_open(2), poll(2) and the start time.
bool drain_lives(pid_t pid, uint64_t start_time);

/// How many processes and threads were made since the system was started (/proc/stat); 0 if that is
/// not to be known.
uint64_t drain_forks(void);

/// Whom to look for when the run's owner is dead. The group and the session are among it only while
/// their number is sure not to be another's.
struct drain_quarry drain_orphaned(const struct drain_record *record);

/// Whether the calling process or an ancestor of it is in the quarry.
bool drain_is_quarry(const struct drain_quarry *quarry);

// 12. Events -------------------------------------------------------------------------------
//
// NDJSON, read as it comes, of which the objects of some types are kept. A line is an object if it
// is one by RFC 8259, nested at most 512 deep; white space is a space, a tab and a carriage return.
// Two things that the RFC leaves to its readers: a \u that is half of a surrogate pair is allowed,
// and so are bytes in a string that are not UTF-8. A byte-order mark is skipped where the stream
// starts.
//
// The type of an object is its member "type", where that is a string; of several, the last. An
// object is wanted if its type is one of those named or holds "error" or "failed", in ASCII letters
// of any case; or if an object that is directly a member of it, any one, has a type that is named.

/// A type that is wanted, as it reads when escapes are undone. Borrowed by `drain_events_open`.
struct drain_type {
    const uint8_t *_Nullable bytes;
    size_t count;
};

/// What was kept and counted.
struct drain_event_log {
    /// The lines that were kept, oldest first and as they were written, each with a newline.
    const uint8_t *_Nullable lines;
    size_t length;    ///< in bytes
    size_t kept;      ///< how many lines these are
    uint64_t seen;    ///< lines that are not blank
    uint64_t dropped; ///< wanted or no objects, and longer than `most`; or kept, and gone since
    uint64_t invalid; ///< lines that are not JSON objects
};

/// Begins. A line is kept if it is wanted and has at most `most` bytes, its newline included; past
/// `most` bytes of all the oldest go. A line is held until its end tells whether it is wanted, as
/// any member may decide that, so that memory is bounded by twice `most`; what a long one took is
/// given back. Address space is reserved for three times `most`: mmap(2).
///
/// 0 or an errno value. To be given to `drain_events_close`.
int drain_events_open(const struct drain_type *_Nullable types, size_t count, size_t most,
                      struct drain_events *_Nullable *_Nonnull events);

/// Reads on.
void drain_events_take(struct drain_events *events, const uint8_t *_Nullable bytes, size_t count);

/// Reads on to the end of the first line that is kept, or of the bytes. Returns how many were
/// taken; none while something is kept.
size_t drain_events_take_one(struct drain_events *events, const uint8_t *bytes, size_t count);

/// What is kept so far is kept no more. The counts go on, and it does not count as dropped.
void drain_events_forget(struct drain_events *events);

/// There is no more: a last line without a newline is one too. Nothing is taken after this.
void drain_events_finish(struct drain_events *events);

/// Looks at what was kept. The address is good until the next call but this one.
struct drain_event_log drain_events_look(const struct drain_events *events);

void drain_events_close(struct drain_events *_Nullable events);

// 13. Text ---------------------------------------------------------------------------------
//
// Bytes that should be UTF-8 on their way into a JSON string. A stretch is read from the place
// `from` on, where no sequence must go on that was begun before; those of its bytes that are before
// it are looked at, too. A sequence that is cut off by `end` counts as ill-formed.

/// How many of bytes[from..<end] are sure to be well-formed and, when `escaping`, free of control
/// characters, quotes and backslashes. There may be a few more, but for at most 63 bytes before
/// `end`; no sequence is cut. Pure.
size_t drain_text_skip(const uint8_t *bytes, size_t from, size_t end, bool escaping);

/// What `drain_text_write` did.
struct drain_text_step {
    size_t taken;   ///< bytes of the stretch
    size_t written; ///< bytes of `out`
};

/// The least `room` that `drain_text_write` does something with.
static const size_t DRAIN_TEXT_ROOM = 64;

/// Writes bytes[from..<end] to `out`, which has `room` bytes and is used up to the last, with a
/// U+FFFD for each maximal subpart of what is ill-formed and, when `escaping`, with what JSON wants
/// escaped. Takes at least one byte. Stops for want of room, and before or in what is long and
/// needs no change: that is for `drain_text_skip`. Bytes of `out` behind those written may be
/// changed.
struct drain_text_step drain_text_write(const uint8_t *bytes, size_t from, size_t end,
                                        bool escaping, uint8_t *out, size_t room);

// 14. Spools -------------------------------------------------------------------------------
//
// A stream on its way to files. It has two sides, joined by a pipe, the side pipe: whoever pumps
// the child puts into it what the stream carries, by tee(2) and splice(2) or, where these are
// refused, by read(2) and write(2), and never waits for a disk; one other thread takes it out and
// writes it, and may wait for as long as the disk does.
//
// The files are the spool's parts. Each is named by a prefix, the position in the stream of its
// first byte in twenty digits, and a suffix; is made anew, following no link; and is for its owner
// alone.

/// What a spool is to be. Set by the caller; the strings are copied.
struct drain_spool_plan {
    /// Of the directory, borrowed until `drain_spool_close`.
    int directory;
    /// The first part of the files' names, at most 95 bytes, and the last, at most 31.
    const char *prefix;
    const char *suffix;
    /// The most bytes of the stream that are on disk at any time.
    uint64_t most;
    /// Of a stream that is longer, the end is kept: in parts of a sixteenth of `most`, the oldest
    /// of which go. Else the beginning, in one part.
    bool keeps_end;
    /// For how long the stream waits for room in the side pipe, in nanoseconds, before it goes on
    /// without a spool; DRAIN_NEVER.
    int64_t patience;
    /// Bytes that the side pipe is made to hold, a power of two; 0 for what the system gives.
    size_t pipe_size;
    /// Another program reads the side pipe, from its beginning on, and writes the one part.
    bool filtered;
};

/// Opens the side pipe, and no file. 0 or an errno value. To be given to `drain_spool_close`.
int drain_spool_open(const struct drain_spool_plan *plan,
                     struct drain_spool *_Nullable *_Nonnull spool);

/// Nothing more comes. The pumping side's, and done by itself when the stream is closed.
void drain_spool_end(struct drain_spool *spool);

/// The reading end of the side pipe, for poll(2).
int drain_spool_descriptor(const struct drain_spool *spool);

/// For one that is filtered, before anything else: makes its part. A descriptor for the caller to
/// close, or a negated errno value. The program reads from `drain_spool_descriptor`.
int drain_spool_make_part(struct drain_spool *spool);

/// The program has ended: what comes from now on is taken out and dropped. The side's that writes.
void drain_spool_unfilter(struct drain_spool *spool);

/// Whether its stream has ended. Any thread.
bool drain_spool_ended(const struct drain_spool *spool);

/// What a thread that writes needs beside its spools: a pipe of its own. Opaque.
///
/// A file is never written from the side pipe itself: the kernel would keep that locked until the
/// disk has answered, and with it the thread that pumps, the command, and whoever is to end it.
struct drain_disk;

/// 0 or an errno value. To be given to `drain_disk_close`.
int drain_disk_open(struct drain_disk *_Nullable *_Nonnull disk);
void drain_disk_close(struct drain_disk *disk);

/// What `drain_spool_step` found.
enum drain_spool_progress {
    DRAIN_SPOOL_IDLE, ///< nothing in the side pipe
    DRAIN_SPOOL_MORE, ///< something was done, and there may be more to do
    DRAIN_SPOOL_DONE, ///< the stream has ended, and all is on disk or was given up
};

/// One step of the side that writes, which does one thing that a disk may hold up: makes a part,
/// removes one, or moves what fits into the disk's pipe to a part, with splice(2) or, where that
/// is refused, read(2) and write(2). After an error everything is taken out and
/// dropped.
///
/// The calling thread is to have SIGXFSZ blocked.
enum drain_spool_progress drain_spool_step(struct drain_spool *spool, struct drain_disk *disk);

/// A file of a spool.
struct drain_spool_part {
    uint64_t offset; ///< of its first byte in the stream
    uint64_t bytes;  ///< on disk
    uint64_t device; ///< st_dev and st_ino of stat(2)
    uint64_t inode;
};

/// The most parts that a spool has at a time.
enum { DRAIN_SPOOL_PARTS = 33 };

/// What is on disk. What is about to be removed is not among it any more.
struct drain_spool_state {
    size_t count;
    struct drain_spool_part parts[DRAIN_SPOOL_PARTS]; ///< in order, each where the one before ends
    int error; ///< errno of what ended it before its stream; 0 while nothing has
    uint64_t
        passed;   ///< once it is done, bytes of the stream that somebody took out and did not drop
    bool missing; ///< it ended since parts of it, or its directory, were gone
    bool slow;    ///< it ended since there was no room in the side pipe for longer than may be
};

/// Looks at it. The writing side's, or anybody's once that is done.
struct drain_spool_state drain_spool_look(const struct drain_spool *spool);

/// Makes the files what they were in `state`, an earlier one of its own: what was written since is
/// cut off, and parts that were made since are removed. Nothing is written after this. The writing
/// side's.
void drain_spool_revert(struct drain_spool *spool, const struct drain_spool_state *state);

/// The name of a part, with its final NUL.
enum { DRAIN_SPOOL_NAME = 160 };
void drain_spool_name(const struct drain_spool *spool, uint64_t offset,
                      char name[_Nonnull DRAIN_SPOOL_NAME]);

/// When neither side uses it any more. The files stay.
void drain_spool_close(struct drain_spool *_Nullable spool);

// 15. Talking with a child -------------------------------------------------------------------
//
// A stream that somebody reads as it comes has a tap: each byte is read once, into a ring of the
// caller's, and kept, counted and shown to the events from there as without. Byte number n of those
// that were put in is at n modulo the size of the ring.

/// What a tap has seen.
struct drain_tap {
    uint64_t filled;  ///< bytes put in
    uint64_t dropped; ///< bytes that found no room, after those put in since the last look
    bool ended;       ///< the stream is not read any more
    bool eof;         ///< since its end was reached
};

/// Begins, right after the spawn. The ring has `size` bytes, room for as many, and is borrowed
/// until `drain_tap_close` or `drain_close`. Where there is no room, bytes are left in the pipe, so
/// that the command waits; or, if `drops`, counted and kept out of the ring.
void drain_tap_open(struct drain_child *child, int which, uint8_t *ring, size_t size, bool drops);

/// The ring is not written any more, and nothing is held back.
void drain_tap_close(struct drain_child *child, int which);

struct drain_tap drain_tap_look(const struct drain_child *child, int which);

/// The ring may be filled up to byte number `limit`: what is before `limit` less the size of the
/// ring is not needed any more.
void drain_tap_allow(struct drain_child *child, int which, uint64_t limit);

/// From now on what finds no room is dropped.
void drain_tap_drop(struct drain_child *child, int which);

/// In a set, a stream without room is not looked at any more. Looks again at those that have room.
/// 0 or an errno value.
int drain_set_resume(struct drain_set *set, struct drain_child *child);

/// How many bytes there are up to the last newline, itself included; 0 where there is none.
size_t drain_lines_end(const uint8_t *bytes, size_t count);

/// Somebody waits for an answer of the child: no stream of it is looked away from for now.
void drain_attend(struct drain_child *child);

/// The writing end of standard input, which does not block; -1 where there is none, or no more. It
/// stays the child's. To be written to with `drain_write`, by any thread.
int drain_input(const struct drain_child *child);

/// Closes it: an end of file for the child. Nobody may be writing to it.
void drain_input_close(struct drain_child *child);

/// For a child of the set: a round will say, once, that there is room in standard input, or that
/// nobody reads it any more. A pipe that was full is enlarged once, as the others are. 0 or an
/// errno value; EBADF when it is closed.
int drain_set_await_input(struct drain_set *set, struct drain_child *child);

#if defined(__clang__)
#pragma clang assume_nonnull end
#endif

#endif
