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
    /// Slots of runs that something was noted of in this turn, and which of the slots these are.
    private var due: [Int] = []
    private var isDue: [Bool] = []
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
            for index in 0..<count { note(seen[index].round, Int(seen[index].token)) }
            if woken { readInbox() }
        } catch {
            // Somebody in the host has closed our descriptors: nothing can be waited for any more, but each
            // run still gets its report.
            for slot in jobs.indices where jobs[slot] != nil { end(slot, error) }
            readInbox()
            usleep(10_000)
        }
        let now = drain_now()
        if until <= now {
            for slot in deadlines.indices where deadlines[slot] <= now && !isDue[slot] { note(nil, slot) }
        }
        goOnWithDue()
    }

    private func readInbox() {
        let news = inbox.withLock { inbox in
            defer { inbox = Inbox() }
            return inbox
        }
        for job in news.arrived { admit(job) }
        for job in news.cancelled {
            if let slot = job.slot, job.hearCancellation() { note(nil, slot) }
        }
        for job in news.nudged {
            if let slot = job.slot { note(nil, slot) }
        }
    }

    private func admit(_ job: Job) {
        let slot = freeSlots.popLast() ?? jobs.count
        if slot == jobs.count {
            jobs.append(nil)
            deadlines.append(.never)
            isDue.append(false)
        }
        jobs[slot] = job
        job.slot = slot
        do throws(DrainError) { try job.join(set, as: slot) } catch { return end(slot, error, joined: false) }
        _ = job.hearCancellation()
        makeDue(slot)
    }

    /// Tells a run what was seen of it, or, for nil, what is known of it without a look.
    private func note(_ round: drain_round?, _ slot: Int) {
        // What was noted before is not to be lost to this.
        if isDue[slot] { goOn(slot) }
        guard let job = jobs[slot] else { return }
        do throws(DrainError) { try job.take(round ?? job.known, set) } catch { return end(slot, error) }
        makeDue(slot)
    }

    private func makeDue(_ slot: Int) {
        if !isDue[slot] { due.append(slot) }
        isDue[slot] = true
    }

    /// For fewer than these, a look at all processes is not worth it.
    private static let crowd = 4

    /// Lets runs do what they have to do, now that all was noted that is known.
    private func goOnWithDue() {
        func eachGoesOn() { for slot in due where isDue[slot] { goOn(slot) } }
        if due.count < Loop.crowd { eachGoesOn() } else { set.askingTogether(eachGoesOn) }
        due.removeAll(keepingCapacity: true)
    }

    private func goOn(_ slot: Int) {
        isDue[slot] = false
        guard let job = jobs[slot] else { return }
        do throws(DrainError) {
            guard let until = try job.advance() else { return end(slot) }
            deadlines[slot] = until
        } catch {
            end(slot, error)
        }
    }

    private func end(_ slot: Int, _ error: DrainError? = nil, joined: Bool = true) {
        let job = jobs[slot]!
        jobs[slot] = nil
        deadlines[slot] = .never
        isDue[slot] = false
        freeSlots.append(slot)
        job.slot = nil
        load.subtract(1, ordering: .relaxed)
        if joined { job.leave(set) }
        job.end(error)
    }
}
