/// When a run is ended, and how.
public struct Timeouts: Sendable, Hashable {
    /// The longest a command may run. Nil: no limit.
    public var wall: Duration?
    /// The longest neither stream may move. Nil: no limit.
    public var idle: Duration?
    /// The first signal of an ending, to the whole tree.
    public var firstSignal: Signal
    /// From the first signal to SIGKILL; zero for SIGKILL at once.
    public var killAfter: Duration
    /// Once the command has exited, how long at most to wait for the end of its streams while
    /// other processes hold them.
    public var drainGrace: Duration
    /// What happens to processes that the command left running when it exited by itself.
    public var background: Background

    /// By which means processes are found and ended.
    public var killMethod: KillMethod

    /// What a run uses against the command's tree. The documentation has a table of what each of them
    /// reaches.
    public enum KillMethod: Sendable, Hashable {
        /// What costs a quick command nothing: the sweep.
        case automatic
        /// A cgroup where one can be made, which takes about 0.1 ms of every run; else the sweep.
        case strongest
        /// A temporary cgroup of version 2, ended by cgroup.kill. The run throws where none can be made.
        case cgroup
        /// The command is run by this `drain-run`, found as any program is, which adopts every orphan: nobody
        /// gets away, and a SIGKILL to the host ends the tree as well. Takes about two milliseconds of
        /// every run. The run throws where it cannot be had.
        case supervisor(drainRun: OSString)
        /// Processes of the leader's session and group, those that descend from it, and those that bear
        /// the run's marker (a soft limit of RLIMIT_RTTIME, inherited), as far as /proc shows them.
        case sweep
        /// The leader's process group alone.
        case group
    }

    public enum Background: Sendable, Hashable, CaseIterable {
        case kill
        /// They live on, without a reader: writing to the pipes gives them SIGPIPE.
        case leave
    }

    public init(
        wall: Duration? = nil, idle: Duration? = nil, firstSignal: Signal = .terminate,
        killAfter: Duration = .seconds(5), drainGrace: Duration = .milliseconds(500),
        background: Background = .kill, killMethod: KillMethod = .automatic
    ) {
        self.wall = wall
        self.idle = idle
        self.firstSignal = firstSignal
        self.killAfter = killAfter
        self.drainGrace = drainGrace
        self.background = background
        self.killMethod = killMethod
    }
}

extension Duration {
    /// Whole nanoseconds, rounded up so that no positive duration becomes 0, within 0 and Int64.max.
    package var nanoseconds: Int64 {
        let (seconds, attoseconds) = components
        guard seconds >= 0, attoseconds >= 0 else { return 0 }
        let (scaled, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, more) = scaled.addingReportingOverflow((attoseconds + 999_999_999) / 1_000_000_000)
        return overflow || more ? .max : sum
    }
}

/// A point on CLOCK_MONOTONIC in nanoseconds; the largest is the one that does not come.
typealias Instant = Int64

extension Instant {
    static let never = Int64.max

    func advanced(by duration: Duration) -> Instant {
        let (sum, overflow) = addingReportingOverflow(duration.nanoseconds)
        return overflow ? .never : sum
    }
}
