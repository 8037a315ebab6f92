import CDrain
import Synchronization

/// Runs many commands on few threads: so many at once, within so much memory, in the order in which they come.
///
/// A run for which there is no room waits for its turn. Turns are strictly in order of arrival: a small run
/// never overtakes a large one that waits for memory. Time limits count from the start of the command, not
/// from the arrival. Safe to use from any thread; all runners of a process share a few threads.
public final class Runner: Sendable {
    /// The one that `Command.run` uses, with the limits that `init` gives by itself.
    public static let shared = Runner()

    /// The most runs at once.
    public let maxRunning: Int
    /// Bytes of memory that all runs at once may take: what `cost(of:)` says of each, together. What a report
    /// has kept after its run is its owner's concern.
    public let memoryBudget: Int
    /// The most runs that wait for their turn; one more fails with `DrainError.Kind.busy` at once.
    public let maxWaiting: Int

    private let state = Locked(State())
    private let bytesSeen = Atomic<Int>(0)
    private let started = Atomic<Int>(0)

    private struct State {
        var running: [ObjectIdentifier: Job] = [:]
        var queue = Queue<Job>()
        /// Runs that wait; the queue may hold some that do not any more.
        var waiting = 0
        var withdrawn = 0
        var reserved = 0
        /// Of those that run, runs with a spool.
        var spooled = 0
        var tally = Diagnostics()
    }

    /// - Parameters:
    ///   - maxRunning: nil for what three quarters of the descriptors that the process may open
    ///     (getrlimit(2), RLIMIT_NOFILE) suffice for, at most 4096. At least 1.
    ///   - memoryBudget: nil for half of the machine's memory.
    ///   - maxWaiting: nil for no limit.
    public init(maxRunning: Int? = nil, memoryBudget: Int? = nil, maxWaiting: Int? = nil) {
        descriptors = Int(clamping: drain_descriptor_limit()) / 4 * 3
        let affordable = descriptors / Runner.descriptorsPerRun
        self.maxRunning = max(1, maxRunning ?? min(4096, affordable))
        self.memoryBudget = max(0, memoryBudget ?? Int(clamping: drain_memory_size() / 2))
        self.maxWaiting = max(0, maxWaiting ?? .max)
    }

    /// Both streams, the leader, a supervisor.
    private static let descriptorsPerRun = 4
    /// Beside those: two side pipes, two parts, the directory, and of a filter the process and what it says.
    private static let descriptorsPerSpool = 11
    /// What runs with a spool leave free.
    private let descriptors: Int
    /// What a run takes beside its pipes and what it keeps, generously.
    private static let fixedCost = 32 << 10
    /// What the kernel keeps in a usual pipe. Those of bulk writers grow, within 16 MiB for each loop.
    private static let pipeCost = 64 << 10
    /// The usual pipes of so many runs take a quarter of what a user's pipes may hold in all; those of later
    /// ones are made smaller until they prove to need more.
    private static let usualPipes = 128
    private static let smallPipe = 16 << 10

    /// Bytes of the budget that a run with these limits takes while it runs: its caps, its pipes, and a fixed
    /// 32 KiB; with events, a window of 256 KiB and twice what is kept of them; with a spool, its pipes; read live,
    /// what may wait to be read, a pipe for standard input, and 512 KiB for each stream to cut lines in.
    public static func cost(
        of limits: Limits, events: EventFilter? = nil, spool: Spool? = nil, live: LiveOptions? = nil
    ) -> Int {
        var sum = fixedCost + (events == nil ? 0 : 256 << 10)
        if let live { sum += pipeCost + live.streams.count * (live.ringSize + LineCutter.cost) }
        let kept = max(0, events?.maxBytes ?? 0)
        for cap in [max(0, limits.stdoutBytes), max(0, limits.stderrBytes), kept, kept] {
            let (more, overflow) = sum.addingReportingOverflow(cap)
            sum = overflow ? .max : more
        }
        let (whole, overflow) = sum.addingReportingOverflow((spool == nil ? 2 : 4) * pipeCost)
        return overflow ? .max : whole
    }

    /// Runs a command when its turn has come, and returns when it has ended.
    ///
    /// Cancelling the task ends the run as a time limit does, and still yields its report, with what was kept
    /// and the outcome `cancelled`. A run that is cancelled while it waits for its turn yields such a report at
    /// once, with nothing kept and no termination: its command was never started.
    ///
    /// - Parameters:
    ///   - events: reads standard output as NDJSON, and keeps these objects of it in the report.
    ///   - spool: both streams go to disk as well.
    ///   - registry: has an entry of the run for as long as it lasts.
    /// - Throws: when the command could not be run; nothing of it is left then. `busy` when too many wait;
    ///   `memoryBudget` when it alone may take more than the whole budget, so that its turn could never come.
    public func run(
        _ command: Command, limits: Limits = Limits(), timeouts: Timeouts = Timeouts(),
        events: EventFilter? = nil, spool: Spool? = nil, registry: RunRegistry? = nil
    ) async throws(DrainError) -> Report {
        let place = Job.Mark()
        let result: Job.Outcome = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let cost = Runner.cost(of: limits, events: events, spool: spool)
                let extras = (events, spool, registry)
                enter(Job(command, limits, timeouts, extras, cost: cost, self, place, .task(continuation)))
            }
        } onCancel: {
            place.cancel()
        }
        // A continuation orders what was done before it and after it; ThreadSanitizer sees that by a lock only.
        place.leave()
        return try result.get()
    }

    // MARK: Admission

    private enum Entry {
        case admitted
        case waiting
        case refused(Job.Outcome)
    }

    func enter(_ job: Job) {
        switch state.withLock({ place(job, &$0) }) {
        case .admitted: submit(job)
        case .refused(let outcome): job.resume(outcome)
        case .waiting:
            // A cancellation that came before it was in the queue found nothing to withdraw.
            if job.isCancelled { withdraw(job) }
        }
    }

    private func place(_ job: Job, _ state: inout State) -> Entry {
        state.tally.submitted += 1
        let refusal: Job.Outcome
        if job.cost > memoryBudget {
            refusal = .failure(DrainError(.memoryBudget, "\(job.cost) bytes of \(memoryBudget)", .noMemory))
        } else if job.isCancelled {
            refusal = .success(job.cancelledReport)
        } else if state.waiting == 0, fits(job, state) {
            admit(job, &state)
            return .admitted
        } else if state.waiting < maxWaiting {
            state.queue.append(job)
            state.waiting += 1
            job.isWaiting = true
            return .waiting
        } else {
            refusal = .failure(DrainError(.busy, "\(state.waiting) of at most \(maxWaiting)", .again))
        }
        state.tally.note(refusal)
        return .refused(refusal)
    }

    /// Takes a job that was cancelled out of the queue, if it is there.
    func withdraw(_ job: Job) {
        let outcome = Job.Outcome.success(job.cancelledReport)
        let wasWaiting = state.withLock { (state) -> Bool in
            guard job.isWaiting else { return false }
            job.isWaiting = false
            state.waiting -= 1
            state.withdrawn += 1
            if state.withdrawn > 64, state.withdrawn > state.waiting {
                state.queue.removeAll { !$0.isWaiting }
                state.withdrawn = 0
            }
            state.tally.note(outcome)
            return true
        }
        guard wasWaiting else { return }
        job.resume(outcome)
        admitNext()
    }

    private func fits(_ job: Job, _ state: borrowing State) -> Bool {
        guard state.running.count < maxRunning, job.cost <= memoryBudget - state.reserved else {
            return false
        }
        if !job.isSpooled || state.running.isEmpty { return true }
        let open =
            (state.running.count + 1) * Runner.descriptorsPerRun
            + (state.spooled + 1) * Runner.descriptorsPerSpool
        return open <= descriptors
    }

    private func admit(_ job: Job, _ state: inout State) {
        job.admittedAt = drain_now()
        job.pipeSize = state.running.count < Runner.usualPipes ? 0 : Runner.smallPipe
        state.running[ObjectIdentifier(job)] = job
        state.reserved += job.cost
        state.spooled += job.isSpooled ? 1 : 0
        state.tally.runningHighWater = max(state.tally.runningHighWater, state.running.count)
        state.tally.memoryHighWater = max(state.tally.memoryHighWater, state.reserved)
    }

    private func admitNext() {
        while let job = state.withLock({ admitFirst(&$0) }) { submit(job) }
    }

    /// The first in the queue, if there is room for it.
    private func admitFirst(_ state: inout State) -> Job? {
        while let job = state.queue.first {
            if job.isWaiting, !fits(job, state) { return nil }
            _ = state.queue.popFirst()
            guard job.isWaiting else {
                state.withdrawn -= 1
                continue
            }
            job.isWaiting = false
            state.waiting -= 1
            admit(job, &state)
            return job
        }
        return nil
    }

    private func submit(_ job: Job) {
        do throws(DrainError) { try LoopPool.pool(for: job.timeouts).submit(job) } catch {
            finished(job, .failure(error), counted: 0)
            job.resume(.failure(error))
        }
    }

    // MARK: What the runs tell

    func noteStart() { started.add(1, ordering: .relaxed) }

    func noteBytes(_ count: Int) { bytesSeen.add(count, ordering: .relaxed) }

    /// - Parameter counted: bytes that were noted while it ran.
    func finished(_ job: Job, _ outcome: Job.Outcome, counted: Int) {
        if case .success(let report) = outcome {
            noteBytes(report.stdout.totalCount + report.stderr.totalCount - counted)
        }
        state.withLock { state in
            state.running[ObjectIdentifier(job)] = nil
            state.reserved -= job.cost
            state.spooled -= job.isSpooled ? 1 : 0
            state.tally.note(outcome)
        }
        admitNext()
    }

    /// What the runner is doing, and what it has done. Costs about as much as looking at each run that runs
    /// once, and one call of stat(2).
    public var diagnostics: Diagnostics {
        let now = drain_now()
        var diagnostics = state.withLock { state in
            var tally = state.tally
            tally.running = state.running.count
            tally.waiting = state.waiting
            tally.memoryReserved = state.reserved
            let oldest = state.running.values.lazy.map(\.admittedAt).min()
            tally.oldestRunMilliseconds = oldest.map { max(0, Int(now - $0) / 1_000_000) } ?? -1
            return tally
        }
        diagnostics.started = started.load(ordering: .relaxed)
        diagnostics.bytesSeen = bytesSeen.load(ordering: .relaxed)
        diagnostics.memoryBudget = memoryBudget
        diagnostics.threads = LoopPool.threads
        diagnostics.descriptors = Int(clamping: drain_descriptor_count())
        return diagnostics
    }
}
