import CDrain

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// Makes this program the supervisor of the one command that it runs: two processes that adopt every orphan
/// of the command's tree and watch each other, so that whatever ends either of them, the tree ends.
///
/// For a program that is its own host, with one thread and no children; never for a library.
package enum Supervisor {
    package enum Role {
        /// Does the work, with these means. The other one watches, unless it could not be made.
        case worker(Means)
        /// The work was done, and the program is to exit with this status.
        case guardian(exitStatus: Int32)
        /// The worker was killed; so many of the command's processes could not be ended, nil where that is
        /// not to be known.
        case bereft(survivors: Int?)
    }

    /// fork(2). Returns in the worker at once, in the guardian when the worker has ended.
    ///
    /// - Parameters:
    ///   - method: nil for the strongest that can be had, and the weaker ones beside it. Otherwise this one
    ///     alone; throws where it cannot be had.
    ///   - serves: as the supervisor of another host, see `Supervision`.
    ///   - leavesBackground: what outlives a worker that ended by itself is meant to.
    package static func split(
        _ signals: SignalDescriptor, _ method: Report.KillMethod?, leavesBackground: Bool,
        serves: Bool = false
    ) throws(DrainError) -> Role {
        var split = drain_split()
        let means = try means(method, leavesBackground: leavesBackground)
        let error = unsafe drain_split(&split, means.isSubreaper)
        guard error == 0 else {
            if method == nil { return .worker(alone(means)) }
            throw DrainError(.killMethod, method?.rawValue ?? "", Errno(rawValue: error))
        }
        if split.worker == 0 { return .worker(means) }
        // The host is to see the end of its pipes and of its socket by the worker's and the command's alone.
        if serves {
            drain_leave_stdio()
            close(DRAIN_CONTROL_DESCRIPTOR)
        }
        let status = unsafe drain_guard(&split, signals.descriptor)
        let isOver = status >= 0 && (leavesBackground || !means.isSubreaper || drain_childless())
        let left = isOver ? 0 : means.endTree(until: drain_now().advanced(by: .seconds(10)))
        return status >= 0 ? .guardian(exitStatus: status) : .bereft(survivors: left)
    }

    private static func means(
        _ method: Report.KillMethod?, leavesBackground: Bool
    ) throws(DrainError) -> Means {
        switch method {
        case nil:
            // Who is to live on is better not in a cgroup that is to be removed.
            if !leavesBackground, let cgroup = try? Cgroup() {
                return Means(.cgroup, cgroup: cgroup, or: .supervisor, isSubreaper: true)
            }
            return Means(.supervisor, isSubreaper: true)
        case .cgroup: return Means(.cgroup, cgroup: try Cgroup())
        case .supervisor: return Means(.supervisor, isSubreaper: true)
        case .sweep: return Means(.sweep)
        case .group: return Means(.group)
        }
    }

    /// Without a guardian, and perhaps without the orphans.
    private static func alone(_ means: Means) -> Means {
        let isSubreaper = drain_adopt_orphans() == 0
        if means.method == .supervisor, !isSubreaper { return Means(.sweep) }
        return Means(means.method, cgroup: means.cgroup, or: .sweep, isSubreaper: isSubreaper)
    }
}

extension Command {
    /// What `drain-run` does in its worker: the same run, with its own ways to be told to end and to show
    /// itself.
    package func run(
        limits: Limits, timeouts: Timeouts, cancellation: CancellationSource,
        live: LiveOutput?, progress: ProgressTicker?, means: Means, registry: RunRegistry? = nil,
        events: EventFilter? = nil, spool: Spool? = nil
    ) throws(DrainError) -> Report {
        var attendants: [any Attendant] = []
        if let live { attendants.append(live) }
        if let progress { attendants.append(progress) }
        return try Run.perform(
            self, limits, timeouts, cancellation: cancellation, attendants: attendants,
            means: means, registry: registry, events: events, spool: spool)
    }
}
