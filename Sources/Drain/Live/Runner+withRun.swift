extension Runner {
    /// Runs a command when its turn has come, and `body` along with it: to read what it prints as it comes, to write
    /// to it, to ask and wait for answers. Returns when both are over.
    ///
    ///     let done = try await Command("sort").withRun { run in
    ///         for await line in run.lines(.stdout) { print(line.text) }
    ///     }
    ///
    /// The report has what `run` would have: what is kept, the time limits and the tree are as without. A body that
    /// returns after all streams that are read live were read to their ends, or after `LiveRun.exit` returned,
    /// leaves the command to go on to its own end, with standard input closed. Leaving it in any other way ends the
    /// run as cancelling the task does: it throws, it lets go of a sequence before the end, or it returns early.
    ///
    /// - Parameters:
    ///   - live: what is read live, and how much of it may wait.
    ///   - events: reads standard output as NDJSON, and keeps these objects of it in the report.
    ///   - spool: both streams go to disk as well.
    ///   - registry: has an entry of the run for as long as it lasts.
    /// - Throws: when the command could not be run; nothing of it is left then, and `body` was not called. What
    ///   `body` throws is in the result.
    public func withRun<Value>(
        _ command: Command, live: LiveOptions = LiveOptions(), limits: Limits = Limits(),
        timeouts: Timeouts = Timeouts(), events: EventFilter? = nil, spool: Spool? = nil,
        registry: RunRegistry? = nil,
        isolation: isolated (any Actor)? = #isolation, _ body: (LiveRun) async throws -> Value
    ) async throws(DrainError) -> LiveResult<Value> {
        let place = Job.Mark()
        let link = try LiveLink(live, place)
        let result: Result<Value, any Error> = await withTaskCancellationHandler {
            let cost = Runner.cost(of: limits, events: events, spool: spool, live: live)
            let extras = (events, spool, registry)
            enter(Job(command, limits, timeouts, extras, cost: cost, self, place, .live(link)))
            guard await link.hasBegun() else { return .failure(CancellationError()) }
            let result = await Result(catching: body, LiveRun(link))
            link.leave(isFailed: result.isFailure || Task.isCancelled)
            return result
        } onCancel: {
            place.cancel()
        }
        let report = try await link.outcome().get()
        return LiveResult(report: report, result: result, dropped: link.dropped)
    }
}

extension Result where Failure == any Error {
    fileprivate init(
        catching body: (LiveRun) async throws -> Success, _ run: LiveRun,
        isolation: isolated (any Actor)? = #isolation
    ) async {
        do { self = .success(try await body(run)) } catch { self = .failure(error) }
    }

    fileprivate var isFailure: Bool {
        if case .failure = self { return true }
        return false
    }
}

extension Command {
    /// Runs the command, and `body` along with it, by way of `Runner.shared`: see `Runner.withRun`.
    public func withRun<Value>(
        live: LiveOptions = LiveOptions(), limits: Limits = Limits(), timeouts: Timeouts = Timeouts(),
        events: EventFilter? = nil, spool: Spool? = nil,
        registry: RunRegistry? = nil,
        isolation: isolated (any Actor)? = #isolation, _ body: (LiveRun) async throws -> Value
    ) async throws(DrainError) -> LiveResult<Value> {
        try await Runner.shared.withRun(
            self, live: live, limits: limits, timeouts: timeouts, events: events, spool: spool,
            registry: registry,
            isolation: isolation, body)
    }
}
