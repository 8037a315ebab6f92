import CDrain

/// One asynchronous run on its way: from its `Runner` to the thread that starts it, from there to a `Loop`,
/// and back with its result.
///
/// Unchecked: what is not behind the lock is used by one thread at a time, the one that it was handed to.
final class Job: @unchecked Sendable {
    typealias Outcome = Result<Report, DrainError>

    let command: Command
    let limits: Limits
    let timeouts: Timeouts
    /// Bytes that it may take, for the runner's budget.
    let cost: Int
    private let events: EventFilter?
    private let spool: Spool?
    var isSpooled: Bool { spool != nil }
    private let registry: RunRegistry?
    private let runner: Runner
    private let completion: Completion
    private let place: Mark
    private var run: Run?
    private var registration: Registration?
    /// Bytes that its runner was told of.
    private var counted = 0

    /// The runner's, behind its lock: it is in the queue.
    var isWaiting = false
    /// The runner's, behind its lock: when it was admitted.
    var admittedAt: Instant = 0
    /// The runner's: bytes that its pipes are made to hold; 0 for what the system gives.
    var pipeSize = 0
    /// The loop's.
    var slot: Int?
    /// When to look at what those want who read and write along.
    private var liveAt = Instant.never

    /// Who waits for the result.
    enum Completion {
        case task(CheckedContinuation<Outcome, Never>)
        /// Somebody who reads and writes along.
        case live(LiveLink)
    }

    /// Where a run is, for the task that may cancel it before there is a job, and after.
    final class Mark: Sendable {
        private let state = Locked(State())

        private struct State {
            var isCancelled = false
            var job: Job?
            var loop: Loop?
        }

        var isCancelled: Bool { state.withLock { $0.isCancelled } }

        /// Any thread.
        func cancel() {
            let state = self.state.withLock { state in
                state.isCancelled = true
                return state
            }
            if let job = state.job, let loop = state.loop {
                loop.cancel(job)
            } else if let job = state.job {
                job.runner.withdraw(job)
            }
        }

        /// The job, if it runs, is to look what those want who read and write along. Any thread.
        func nudge() {
            let state = self.state.withLock { $0 }
            if let job = state.job { state.loop?.nudge(job) }
        }

        /// Behind whatever was done before the last `move`.
        func leave() { state.withLock { _ in } }

        func move(_ job: Job?, to loop: Loop? = nil) {
            state.withLock { ($0.job, $0.loop) = (job, loop) }
        }
    }

    init(
        _ command: Command, _ limits: Limits, _ timeouts: Timeouts,
        _ extras: (events: EventFilter?, spool: Spool?, registry: RunRegistry?), cost: Int, _ runner: Runner,
        _ place: Mark, _ completion: Completion
    ) {
        (events, spool, registry) = extras
        self.command = command
        self.limits = limits
        self.timeouts = timeouts
        self.cost = cost
        self.runner = runner
        self.place = place
        self.completion = completion
        place.move(self)
    }

    var isCancelled: Bool { place.isCancelled }

    /// Of a command that was never started.
    var cancelledReport: Report {
        Report(cancelledBeforeStart: command, events: events == nil ? nil : Events())
    }

    // MARK: On the thread that starts commands

    /// Starts the command and hands it to the loop; or finishes, if it was cancelled or cannot be started.
    func start(on pick: () throws(DrainError) -> Loop) {
        if isCancelled { return finish(.success(cancelledReport)) }
        do throws(DrainError) {
            let loop = try pick()
            let means = try Means(for: timeouts.killMethod)
            registration = try registry?.register(command, means)
            let log = try events.map { (filter) throws(DrainError) in try EventLog(filter) }
            let disk = try spool.map { (spool) throws(DrainError) in
                try SpoolRun(spool, command, limits.keep, pipeSize: pipeSize) { loop.nudge(self) }
            }
            run = try Run(command, limits, timeouts, means, log, disk, pipeSize: pipeSize)
            run!.complete(registration)
            if let live { run!.attach(live) } else { run!.closeInput() }
            let pid = run!.pid
            runner.noteStart()
            // First, so that a cancellation finds it there; what it says is read behind this arrival.
            place.move(self, to: loop)
            loop.add(self)
            live?.begin(pid)
        } catch {
            finish(.failure(error))
        }
    }

    // MARK: On the loop's thread

    func join(_ set: borrowing ChildSet, as slot: Int) throws(DrainError) {
        try run!.join(set, as: slot)
    }

    func leave(_ set: borrowing ChildSet) { run!.leave(set) }

    /// False when it was not cancelled.
    func hearCancellation() -> Bool {
        guard isCancelled else { return false }
        run!.cancel(.init(signal: nil))
        return true
    }

    private var live: LiveLink? {
        if case .live(let link) = completion { link } else { nil }
    }

    func take(_ round: drain_round, _ set: borrowing ChildSet) throws(DrainError) {
        let moved = Int(clamping: round.moved.0) + Int(clamping: round.moved.1)
        if moved > 0 {
            counted += moved
            runner.noteBytes(moved)
        }
        run!.take(round)
        if let live { liveAt = try run!.follow(live, round, set) }
    }

    /// What there is to `take` where nothing was seen, and time has passed or somebody wants something.
    var known: drain_round { run!.known() }

    /// Until when to wait, or nil when it is over.
    func advance() throws(DrainError) -> Instant? {
        guard let until = try run!.advance() else { return nil }
        // The answer to a question may have told of the end, and nothing will tell of it again.
        return run!.hasNews() ? drain_now() : min(until, liveAt)
    }

    /// - Parameter error: why we could not go on.
    func end(_ error: DrainError?) {
        if let error { run!.fail(error) }
        if let live { run!.followToEnd(live) }
        let report = run!.report()
        run = nil
        finish(.success(report))
    }

    private func finish(_ outcome: Outcome) {
        registration?.remove()
        registration = nil
        runner.finished(self, outcome, counted: counted)
        resume(outcome)
    }

    /// By its runner, without a start.
    func resume(_ outcome: Outcome) {
        place.move(nil)
        switch completion {
        case .task(let continuation): continuation.resume(returning: outcome)
        case .live(let link): link.finish(outcome)
        }
    }
}
