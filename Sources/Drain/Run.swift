import CDrain

/// The story of one run: spawn, then look what happened, ask the machine and do what it says until it
/// is finished, then reap and report. It never waits: `perform` does, for one run, on the calling thread;
/// a `Loop` does for many.
struct Run: ~Copyable {
    let child: Child
    private let command: Command
    private let limits: Limits
    private let leavesBackground: Bool
    /// What ends the tree, if it has to be ended.
    private let means: Means
    /// Reads standard output along, if events are wanted.
    private let events: EventLog?
    /// Gets both streams, if that is wanted.
    private let spool: SpoolRun?
    /// Until when its disk is waited for, once nothing else is.
    private var flushUntil: Instant?
    private let startedAt: Timestamp
    private let start: Instant
    private var machine: TimeoutMachine
    private var seen: TimeoutMachine.Observation
    private var exitedAt: Instant?
    private var killMethod: Report.KillMethod?
    private var holders: [Report.Holder] = []
    /// What kept us from going on, once the command was running.
    private var failure: DrainError?

    /// Runs a command to its end. Throws only when it could not be started; when Drain itself fails
    /// later, the command is ended, and the report says so and has what was kept till then.
    static func perform(
        _ command: Command, _ limits: Limits, _ timeouts: Timeouts,
        cancellation: CancellationSource? = nil, attendants: [any Attendant] = [], means: Means? = nil,
        registry: RunRegistry? = nil, events: EventFilter? = nil, spool: Spool? = nil
    ) throws(DrainError) -> Report {
        let own: Means
        if let means { own = means } else { own = try Means(for: timeouts.killMethod) }
        let log = try events.map { (filter) throws(DrainError) in try EventLog(filter) }
        let registration = try registry?.register(command, own)
        defer { registration?.remove() }
        let bell = try spool.map { (_) throws(DrainError) in try Wakeup() }
        let disk = try spool.map { (spool) throws(DrainError) in
            try SpoolRun(spool, command, limits.keep) { bell?.ring() }
        }
        own.spared = disk?.helpers ?? []
        var run = try Run(command, limits, timeouts, own, log, disk)
        run.closeInput()
        run.complete(registration)
        do throws(DrainError) { try run.untilFinished(cancellation, attendants, bell) } catch {
            run.fail(error)
        }
        return run.report()
    }

    /// Starts the command.
    /// - Parameters:
    ///   - events: reads standard output along.
    ///   - spool: gets both streams as well.
    ///   - pipeSize: bytes that its pipes are made to hold; 0 for what the system gives.
    init(
        _ command: Command, _ limits: Limits, _ timeouts: Timeouts, _ means: Means, _ events: EventLog?,
        _ spool: SpoolRun?, pipeSize: Int = 0
    ) throws(DrainError) {
        self.command = command
        self.limits = limits
        leavesBackground = timeouts.background == .leave
        self.means = means
        startedAt = .now()
        start = drain_now()
        machine = TimeoutMachine(timeouts, start: start)
        seen = TimeoutMachine.Observation(now: start)
        self.events = events
        self.spool = spool
        do throws(DrainError) {
            child = try Child(
                command, limits, means, events: events, spool: spool,
                leavesBackground: timeouts.background == .leave, pipeSize: pipeSize)
        } catch {
            spool?.cancel()
            throw error
        }
        spool?.begin()
    }

    /// Tells a registry of whom it has an entry.
    mutating func complete(_ registration: Registration?) { registration?.complete(child.pid) }

    private mutating func untilFinished(
        _ cancellation: CancellationSource?, _ attendants: [any Attendant], _ bell: Wakeup?
    ) throws(DrainError) {
        let nothing = drain_watch(fd: -1, read: true, write: false, ready: false)
        var watches = [drain_watch](repeating: nothing, count: Run.ownWatches)
        watches[0].fd = cancellation?.descriptor ?? -1
        watches[1].fd = bell?.descriptor ?? -1
        while let until = try advance() {
            try observe(&watches, until: until, attendants)
            if watches[0].ready, means.isSubreaper { child.reapOrphans() }
            if watches[0].ready, let wish = cancellation?.take() {
                seen.cancellation = wish
                // It was heard; a descriptor that stays ready must not end every wait.
                watches[0].fd = -1
            }
        }
        for attendant in attendants {
            attendant.finish(child, ended: machine.cause != nil, cancellation)
        }
    }

    /// To be told of the wish for an end, and of the disk.
    private static let ownWatches = 2

    /// Does what there is to do. Then the time until which to wait for something to happen, or nil when
    /// the run is over and `report` comes next.
    mutating func advance() throws(DrainError) -> Instant? {
        // Others may have been busy since something was noted, and graces begin when signals are sent.
        seen.now = max(seen.now, drain_now())
        while true {
            switch machine.next(seen) {
            case .wait(let until):
                return until
            case .signal(let signal):
                if child.signal(signal) { killMethod = means.method }
                seen.others = nil
            case .kill:
                if child.signal(.kill) { killMethod = means.method }
                seen.others = nil
            case .lookForOthers:
                seen.others = child.hasOthers()
            case .giveUp:
                try countTheRest()
                holders = child.holders()
                child.giveUp()
                seen.closed = true
            case .finish:
                return untilFlushed()
            }
        }
    }

    /// Until when to wait for the disk, as long as it takes unless the run was to be over; nil when it is done.
    private mutating func untilFlushed() -> Instant? {
        guard let spool else { return nil }
        let soon = seen.now.advanced(by: TimeoutMachine.patience)
        if flushUntil == nil {
            spool.end()
            flushUntil = machine.cause == nil ? max(machine.wallAt, soon) : soon
        }
        if seen.cancellation != nil { flushUntil = min(flushUntil!, soon) }
        return spool.isFlushed || seen.now >= flushUntil! ? nil : flushUntil
    }

    /// Takes note of what a round showed, before `advance`.
    mutating func take(_ round: drain_round) {
        seen.now = round.now
        seen.moved = round.moved.0 > 0 || round.moved.1 > 0
        seen.exited = round.exited
        seen.closed = round.closed
        seen.isHeld = round.held
        seen.others = nil
        if round.exited, exitedAt == nil { exitedAt = round.now }
    }

    // For a loop. These are mutating because an optional that is not copyable lets nothing else be called.

    mutating func join(_ set: borrowing ChildSet, as token: Int) throws(DrainError) {
        try child.join(set, as: token)
    }

    mutating func leave(_ set: borrowing ChildSet) { child.leave(set) }

    /// What there is to `take` where nobody looked.
    mutating func known() -> drain_round { child.known() }

    var pid: Int32 { mutating get { child.pid } }

    /// Nobody is going to write to it.
    mutating func closeInput() { child.closeInput() }

    /// Whether something is known of the command that was not taken note of.
    mutating func hasNews() -> Bool { child.known().exited && !seen.exited }

    /// Since the last look, a stream was left unread for the sake of somebody who reads it along.
    mutating func note(wasHeld: Bool) { seen.wasHeld = wasHeld }

    /// The run is to be ended. The first wish counts.
    mutating func cancel(_ wish: CancellationSource.Wish) {
        if seen.cancellation == nil { seen.cancellation = wish }
    }

    /// We cannot go on: the command is ended, and the report will say why.
    mutating func fail(_ error: DrainError) {
        failure = error
        if child.signal(.kill) { killMethod = means.method }
    }

    /// One round, and what it showed.
    private mutating func observe(
        _ watches: inout [drain_watch], until: Instant, _ attendants: [any Attendant]
    ) throws(DrainError) {
        var until = until
        watches.removeSubrange(Run.ownWatches...)
        for attendant in attendants {
            attendant.prepare(child, &watches)
            until = min(until, attendant.wakeAt)
        }
        let round = try child.pump(&watches, until: until)
        take(round)
        for attendant in attendants {
            if let wish = attendant.attend(child, watches, now: round.now) { cancel(wish) }
        }
    }

    /// What is in the pipes is counted before they are given up, whoever was to see it first.
    private mutating func countTheRest() throws(DrainError) {
        for stream in Stream.allCases {
            child.hold(stream, from: .max)
            child.dropRest(stream)
        }
        child.hurry()
        var none: [drain_watch] = []
        let round = try child.pump(&none, until: seen.now)
        seen.closed = round.closed
    }

    mutating func report() -> Report {
        spool?.endFilters()
        // Everything that needs the group's number comes before the reaping gives it back.
        var survivors = killMethod == nil || failure != nil ? [] : child.others()
        if killMethod != nil, exitedAt == nil { survivors.append(child.pid) }
        let ended = child.reap()
        if means.isSubreaper, ended != nil, killMethod != nil || !leavesBackground {
            survivors = huntTheRest()
        }
        if killMethod != nil || !leavesBackground, let left = means.endCgroup() {
            killMethod = means.method
            survivors = left == 0 ? [] : child.others()
        }
        if means.supervisor != nil, ended != nil {
            let last = child.survivors()
            survivors = last.pids
            if last.killed { killMethod = means.method }
        }
        means.dismiss(leavesBackground: leavesBackground && killMethod == nil)
        let end = exitedAt ?? seen.now
        let unknown = ended == nil && exitedAt != nil
        let (stdout, stderr) = child.takeCaptures(limits)
        events?.finish()
        let spools = spool?.settle()
        return Report(
            command: command.arguments, outcome: outcome(ended?.0), termination: ended?.0,
            error: failure.map { Report.Problem($0) } ?? (unknown ? .statusTaken : nil),
            startedAt: startedAt, duration: .nanoseconds(end - start), stdout: stdout, stderr: stderr,
            events: events.map { Events($0) }, spools: spools,
            usage: ended?.1 ?? .none, killMethod: killMethod, survivors: survivors, holders: holders)
    }

    /// Without the leader, the kernel itself says whether anybody is left: nobody, nearly always.
    private mutating func huntTheRest() -> [Int32] {
        let isAlone = !child.hasOthers() && drain_childless()
        if isAlone { return [] }
        killMethod = means.method
        let left = drain_hunt(drain_now().advanced(by: TimeoutMachine.patience))
        return left == 0 ? [] : child.others()
    }

    private func outcome(_ termination: Report.Termination?) -> Report.Outcome {
        if failure != nil { return .failed }
        switch machine.cause {
        case .wallLimit: return .timedOut
        case .idleLimit: return .idleTimedOut
        case .cancelled: return .cancelled
        case nil:
            switch termination {
            case .exited: return .exited
            case .signaled: return .signaled
            case nil: return .failed  // somebody else has its status
            }
        }
    }
}

/// Somebody who goes along with a run: is shown every round, and may have descriptors of its own
/// watched. Called on the run's thread.
protocol Attendant: AnyObject {
    /// When to be shown a round at the latest.
    var wakeAt: Instant { get }
    /// Before a round: may append watches, at most three.
    func prepare(_ child: borrowing Child, _ watches: inout [drain_watch])
    /// After a round. May ask for the end of the run.
    func attend(_ child: borrowing Child, _ watches: [drain_watch], now: Instant) -> CancellationSource.Wish?
    /// After the last round, before the buffers are handed over. `ended`: the run was ended before
    /// the command did by itself.
    func finish(_ child: borrowing Child, ended: Bool, _ cancellation: CancellationSource?)
}
