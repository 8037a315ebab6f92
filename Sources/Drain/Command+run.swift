extension Command {
    /// Runs the command and waits for its end, on the calling thread and no other; with a spool, see
    /// there.
    ///
    /// - Parameters:
    ///   - events: reads standard output as NDJSON, and keeps these objects of it in the report.
    ///   - spool: both streams go to disk as well.
    ///   - cancellation: ends the run from another thread; it still yields its report.
    ///   - registry: has an entry of the run for as long as it lasts.
    /// - Throws: when the command could not be run; nothing of it is left then. What the command
    ///   does is never an error.
    public func runBlocking(
        limits: Limits = Limits(), timeouts: Timeouts = Timeouts(), events: EventFilter? = nil,
        spool: Spool? = nil, cancellation: Cancellation? = nil, registry: RunRegistry? = nil
    ) throws(DrainError) -> Report {
        try Run.perform(
            self, limits, timeouts, cancellation: cancellation?.source, registry: registry, events: events,
            spool: spool)
    }

    /// Runs the command without blocking the calling task's thread, by way of `Runner.shared`: it may have to
    /// wait for its turn there. All asynchronous runs of a process share a handful of threads.
    ///
    /// Cancelling the task ends the run as a time limit does, and still yields its report, with
    /// what was kept and the outcome `cancelled`; so does cancelling it before its turn has come.
    ///
    /// - Parameters:
    ///   - events: reads standard output as NDJSON, and keeps these objects of it in the report.
    ///   - spool: both streams go to disk as well.
    ///   - registry: has an entry of the run for as long as it lasts.
    /// - Throws: when the command could not be run; nothing of it is left then.
    public func run(
        limits: Limits = Limits(), timeouts: Timeouts = Timeouts(), events: EventFilter? = nil,
        spool: Spool? = nil, registry: RunRegistry? = nil
    ) async throws(DrainError) -> Report {
        try await Runner.shared.run(
            self, limits: limits, timeouts: timeouts, events: events, spool: spool, registry: registry)
    }
}
