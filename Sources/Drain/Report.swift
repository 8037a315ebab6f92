/// What became of one run. A copyable value of a few hundred bytes; the kept bytes are shared.
public struct Report: Sendable {
    /// The program and its arguments.
    public let command: [OSString]
    public let outcome: Outcome
    /// How the command itself ended: nil when it never ran, was given up, or its status was taken
    /// by another waiter in the host.
    public let termination: Termination?
    /// Why it was not started, why Drain failed, or why its end is not known; nil otherwise.
    public let error: Problem?
    /// Wall-clock time of the start.
    public let startedAt: Timestamp
    /// From the start to the command's exit, or its being given up, on the monotonic clock.
    public let duration: Duration
    public let stdout: Capture
    public let stderr: Capture
    /// What was kept of the NDJSON on standard output; nil if it was not asked for.
    public let events: Events?
    /// What is on disk of standard output; nil without a spool, or when the command was not started.
    public var stdoutSpool: SpoolReport? { spools?[Stream.stdout.rawValue] }
    /// The same for standard error.
    public var stderrSpool: SpoolReport? { spools?[Stream.stderr.rawValue] }
    let spools: [SpoolReport]?
    public let usage: Usage
    /// What had to be used to end processes; nil if nothing had to be.
    public let killMethod: KillMethod?
    /// Processes known to be still running after the kill.
    public let survivors: [Int32]
    /// Who still held a stream when it was given up, as far as /proc shows.
    public let holders: [Holder]

    public subscript(stream: Stream) -> Capture {
        stream == .stdout ? stdout : stderr
    }

    /// Why a run ended.
    public enum Outcome: String, Sendable, Hashable, CaseIterable {
        case exited
        case signaled
        /// The wall-clock limit.
        case timedOut = "timed_out"
        case idleTimedOut = "idle_timed_out"
        case cancelled
        case notStarted = "not_started"
        /// Drain could not go on, or the command's status was taken by another waiter in the host.
        case failed
    }

    /// How a process ended.
    public enum Termination: Sendable, Hashable {
        case exited(Int32)
        case signaled(Int32)
    }

    public struct Problem: Sendable, Hashable {
        public let message: String
        public let errno: Errno

        init(message: String, errno: Errno) {
            self.message = message
            self.errno = errno
        }

        init(_ error: DrainError) {
            self.init(message: error.description, errno: error.errno)
        }

        static let statusTaken = Problem(
            message: "the command ended, and how is not known: somebody else in the host has waited for it",
            errno: .noChild)
    }

    /// What the command and the children it waited for used: getrusage(2).
    public struct Usage: Sendable, Hashable {
        public let user: Duration
        public let system: Duration
        /// Highest resident size of any one of them. Linux counts that of the process that
        /// started it in, see `maxResidentFloor`.
        public let maxResidentBytes: Int
        /// The highest resident size of the host when it started the command. Only a
        /// `maxResidentBytes` above it is the command's own.
        public let maxResidentFloor: Int
        static let none = Usage(user: .zero, system: .zero, maxResidentBytes: 0, maxResidentFloor: 0)
    }

    /// Means of ending processes, weakest first.
    public enum KillMethod: String, Sendable, Hashable {
        case group
        case sweep
        case supervisor
        case cgroup
    }

    /// A process that holds the writing end of a stream.
    public struct Holder: Sendable, Hashable, Encodable {
        public let pid: Int32
        /// Its command line, at most 255 bytes of it.
        public let command: String
    }

    /// Whether one of the two time limits ended the run.
    public var timedOut: Bool { outcome == .timedOut || outcome == .idleTimedOut }

    /// The command's exit code; 124 after a time limit, −N when signal N ended it, 126 or 127 when
    /// it could not be started; nil when it is not known.
    public var exitCode: Int? {
        switch outcome {
        case .timedOut, .idleTimedOut: return 124
        case .notStarted: return error?.errno == .notFound ? 127 : 126
        case .failed: return nil
        case .exited, .signaled, .cancelled:
            switch termination {
            case .exited(let code): return Int(code)
            case .signaled(let number): return -Int(number)
            case nil: return nil
            }
        }
    }

    /// The signal that ended the command; nil after a time limit too.
    public var signal: Int? {
        guard !timedOut, case .signaled(let number) = termination else { return nil }
        return Int(number)
    }
}

extension Report {
    /// The report of a command that could not be started, or could not be run by Drain.
    package init(
        of command: Command, failedWith error: DrainError, startedAt: Timestamp, events: Events? = nil
    ) {
        let missing = error.kind == .notFound || error.kind == .notExecutable
        self.init(
            command: command.arguments, outcome: missing ? .notStarted : .failed, termination: nil,
            error: Problem(error), startedAt: startedAt,
            duration: .zero, stdout: Capture(), stderr: Capture(), events: events, spools: nil,
            usage: .none,
            killMethod: nil, survivors: [], holders: [])
    }

    /// The report of a run that was cancelled before the command was started.
    init(cancelledBeforeStart command: Command, events: Events?) {
        self.init(
            command: command.arguments, outcome: .cancelled, termination: nil, error: nil, startedAt: .now(),
            duration: .zero, stdout: Capture(), stderr: Capture(), events: events, spools: nil,
            usage: .none,
            killMethod: nil, survivors: [], holders: [])
    }
}
