import CDrain

/// Makes this program the supervisor of the one command that it runs: two processes that adopt every orphan
/// of the command's tree and watch each other, so that whatever ends either of them, the tree ends.
///
/// For a program that is its own host, with one thread and no children; never for a library.
package enum Supervisor {
    package enum Role {
        /// Does the work. The other one watches, unless it could not be made: then this one adopts
        /// orphans alone, or not even that.
        case worker(supervised: Bool)
        /// The work was done, and the program is to exit with this status.
        case guardian(exitStatus: Int32)
        /// The worker was killed; so many of the command's processes could not be ended.
        case bereft(survivors: Int)
    }

    /// fork(2). Returns in the worker at once, in the guardian when the worker has ended.
    ///
    /// - Parameter leavesBackground: what outlives a worker that ended by itself is meant to.
    package static func split(_ signals: SignalDescriptor, leavesBackground: Bool) -> Role {
        var split = drain_split()
        guard unsafe drain_split(&split) == 0 else {
            return .worker(supervised: drain_adopt_orphans() == 0)
        }
        if split.worker == 0 { return .worker(supervised: true) }
        let status = unsafe drain_guard(&split, signals.descriptor)
        if status >= 0, leavesBackground || drain_childless() { return .guardian(exitStatus: status) }
        let left = drain_hunt(drain_now().advanced(by: .seconds(10)))
        if status >= 0 { return .guardian(exitStatus: status) }
        return .bereft(survivors: left)
    }
}

extension Command {
    /// What `drain-run` does in its worker: the same run, with its own ways to be told to end and to show
    /// itself.
    package func run(
        limits: Limits, timeouts: Timeouts, cancellation: CancellationSource,
        live: LiveOutput?, progress: ProgressTicker?, supervised: Bool
    ) throws(DrainError) -> Report {
        var attendants: [any Attendant] = []
        if let live { attendants.append(live) }
        if let progress { attendants.append(progress) }
        return try Run.perform(
            self, limits, timeouts, cancellation: cancellation, attendants: attendants,
            supervised: supervised)
    }
}
