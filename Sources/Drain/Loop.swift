import CDrain
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// One thread that drives many runs: it looks at all their children in one call, and lets those of which
/// something was seen, or whose time has come, go on.
///
/// Unchecked: what is not behind the lock is used by the loop's own thread only.
final class Loop: @unchecked Sendable {
    private let set: ChildSet
    private let inbox = Locked(Inbox())
    private let load = Atomic<Int>(0)
    /// Runs that were given to it and are not finished. Any thread.
    var count: Int { load.load(ordering: .relaxed) }

    /// By slot, a number that a run has here until it is finished.
    private var jobs: [Job?] = []
    private var deadlines: [Instant] = []
    private var freeSlots: [Int] = []
    private var seen = [drain_seen](repeating: drain_seen(), count: Int(DRAIN_SEEN))

    private struct Inbox {
        var arrived: [Job] = []
        var cancelled: [Job] = []
        var nudged: [Job] = []
        var isEmpty: Bool { arrived.isEmpty && cancelled.isEmpty && nudged.isEmpty }
    }

    init() throws(DrainError) { set = try ChildSet() }

    /// Any thread. The job has a run, and is the loop's from now on.
    func add(_ job: Job) {
        load.add(1, ordering: .relaxed)
        post { $0.arrived.append(job) }
    }

    /// Any thread: the job is to look whether it was cancelled.
    func cancel(_ job: Job) { post { $0.cancelled.append(job) } }

    /// Any thread: something has happened to the job that its child does not show: those who read and write
    /// along want something, or its disk is done.
    func nudge(_ job: Job) { post { $0.nudged.append(job) } }

    private func post(_ change: (inout Inbox) -> Void) {
        let first = inbox.withLock { inbox in
            let first = inbox.isEmpty
            change(&inbox)
            return first
        }
        if first { set.wake() }
    }

    // MARK: On the loop's thread

    func main() -> Never {
        while true { turn() }
    }

    private func turn() {
        let until = deadlines.min() ?? .never
        do throws(DrainError) {
            let (count, woken) = try set.pump(until: until, &seen)
            for index in 0..<count {
                let slot = Int(seen[index].token)
                goOn(slot, seen[index].round)
            }
            if woken { readInbox() }
        } catch {
            // Somebody in the host has closed our descriptors: nothing can be waited for any more, but each
            // run still gets its report.
            for slot in jobs.indices where jobs[slot] != nil { end(slot, error) }
            readInbox()
            usleep(10_000)
        }
        let now = drain_now()
        if until <= now { goOnWithDue(now) }
    }

    private func readInbox() {
        let news = inbox.withLock { inbox in
            defer { inbox = Inbox() }
            return inbox
        }
        for job in news.arrived { admit(job) }
        for job in news.cancelled {
            guard let slot = job.slot, job.hearCancellation() else { continue }
            goOn(slot, job.known)
        }
        for job in news.nudged {
            if let slot = job.slot { goOn(slot, job.known) }
        }
    }

    private func admit(_ job: Job) {
        let slot = freeSlots.popLast() ?? jobs.count
        if slot == jobs.count {
            jobs.append(nil)
            deadlines.append(.never)
        }
        jobs[slot] = job
        job.slot = slot
        do throws(DrainError) { try job.join(set, as: slot) } catch { return end(slot, error, joined: false) }
        _ = job.hearCancellation()
        goOn(slot)
    }

    private func goOnWithDue(_ now: Instant) {
        for slot in deadlines.indices where deadlines[slot] <= now {
            goOn(slot, jobs[slot]!.known)
        }
    }

    /// - Parameter round: what was seen; nil for nothing new.
    private func goOn(_ slot: Int, _ round: drain_round? = nil) {
        do throws(DrainError) {
            if let round { try jobs[slot]!.take(round, set) }
            guard let until = try jobs[slot]!.advance() else { return end(slot) }
            deadlines[slot] = until
        } catch {
            end(slot, error)
        }
    }

    private func end(_ slot: Int, _ error: DrainError? = nil, joined: Bool = true) {
        let job = jobs[slot]!
        jobs[slot] = nil
        deadlines[slot] = .never
        freeSlots.append(slot)
        job.slot = nil
        load.subtract(1, ordering: .relaxed)
        if joined { job.leave(set) }
        job.end(error)
    }
}
