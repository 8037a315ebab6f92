/// The whole policy of ending a run, as a pure state machine: what was observed goes in, what to
/// do next comes out. It calls nothing and looks at no clock.
///
/// `next` is called after every round, and again after every action other than `wait`, until
/// it answers `finish`.
struct TimeoutMachine {
    /// Why a run ends before the command does by itself.
    enum Cause: Hashable {
        case wallLimit
        case idleLimit
        case cancelled
    }

    /// What is the case at one moment.
    struct Observation {
        var now: Instant
        /// A stream moved since the last observation.
        var moved = false
        /// A stream was left unread since, till those who read it along had room.
        var wasHeld = false
        /// The leader has ended.
        var exited = false
        /// Neither stream is open any more.
        var closed = false
        /// What the leader has written is still there, since a spool has no room.
        var isHeld = false
        /// Somebody asked for the end, with this as the first signal; nil for the usual one.
        var cancellation: CancellationSource.Wish?
        /// Whether members of the group other than the leader live; nil when nobody looked since
        /// the last action.
        var others: Bool?
    }

    enum Action: Hashable {
        /// Pump until then, or until something happens.
        case wait(until: Instant)
        /// Send this to the group.
        case signal(Signal)
        /// Send SIGKILL to the group.
        case kill
        /// Find out whether others live, and ask again.
        case lookForOthers
        /// The streams are given up: note who holds them and close them.
        case giveUp
        /// There is no more to wait for.
        case finish
    }

    private enum State {
        /// The command runs.
        case running
        /// The first signal was sent; the leader or others have until then.
        case ending(killAt: Instant)
        /// SIGKILL was sent; the leader, stuck in the kernel perhaps, has until then.
        case killed(giveUpAt: Instant)
        /// The leader has ended; whoever else holds the streams has until then. `settled`: the
        /// rest of the tree was already dealt with.
        case draining(until: Instant, settled: Bool)
        /// The streams have ended; whoever is still there may be about to end, and has until then.
        case lingering(until: Instant)
        /// What was left was killed; it has until then to be gone. It is killed again after every
        /// `pause`, since it may have forked.
        case sweeping(giveUpAt: Instant, drain: Bool, pause: Bool = false)
        case finished
    }

    /// How long a killed process may take to be gone before it is called a survivor.
    static let patience = Duration.seconds(2)
    /// How often to look for processes of which nothing tells us: those that were asked to end,
    /// and those that were killed and will be gone at once.
    static let glance = (
        asked: Duration.milliseconds(5), killed: Duration.milliseconds(1), held: Duration.milliseconds(10)
    )

    /// How long a process that has closed its streams is given to end by itself before it is taken for one
    /// that was left behind.
    static let courtesy = Duration.milliseconds(10)

    private let timeouts: Timeouts
    /// The wall-clock limit.
    let wallAt: Instant
    private var idleAt: Instant
    private var state = State.running
    /// Set once; the first cause is the one that is told.
    private(set) var cause: Cause?

    init(_ timeouts: Timeouts, start: Instant) {
        self.timeouts = timeouts
        self.wallAt = timeouts.wall.map { start.advanced(by: $0) } ?? .never
        self.idleAt = timeouts.idle.map { start.advanced(by: $0) } ?? .never
    }

    mutating func next(_ seen: Observation) -> Action {
        if seen.moved, let idle = timeouts.idle { idleAt = seen.now.advanced(by: idle) }
        while true {
            switch state {
            case .running:
                if let action = running(seen) { return action }
            case .ending(let killAt):
                if let action = ending(seen, killAt: killAt) { return action }
            case .killed(let giveUpAt):
                if let action = killed(seen, giveUpAt: giveUpAt) { return action }
            case .draining(let until, let settled):
                if let action = draining(seen, until: until, settled: settled) { return action }
            case .lingering(let until):
                if let action = lingering(seen, until: until) { return action }
            case .sweeping(let giveUpAt, let drain, let pause):
                if let action = sweeping(seen, giveUpAt: giveUpAt, drain: drain, pause: pause) {
                    return action
                }
            case .finished:
                return .finish
            }
        }
    }

    // Each of these answers with an action, or changes the state and answers nil.

    private mutating func running(_ seen: Observation) -> Action? {
        // An exit that was seen together with a limit came first: the command kept the limit.
        if seen.exited {
            // A wall limit bounds the waiting as well, though it is not what ended the command.
            let until = min(seen.now.advanced(by: timeouts.drainGrace), wallAt)
            state = .draining(until: until, settled: false)
            return nil
        }
        var signal = timeouts.firstSignal
        if let cancellation = seen.cancellation {
            cause = .cancelled
            signal = cancellation.signal ?? signal
        } else if seen.now >= wallAt {
            cause = .wallLimit
        } else if seen.now >= idleAt {
            cause = .idleLimit
        } else {
            return .wait(until: min(wallAt, idleAt))
        }
        let killAt = seen.now.advanced(by: timeouts.killAfter)
        if killAt <= seen.now || signal == .kill { return startKill(seen) }
        state = .ending(killAt: killAt)
        return .signal(signal)
    }

    private mutating func ending(_ seen: Observation, killAt: Instant) -> Action? {
        if seen.exited {
            guard let others = seen.others else { return .lookForOthers }
            if !others {
                state = .draining(until: seen.now.advanced(by: timeouts.drainGrace), settled: true)
                return nil
            }
        }
        if seen.now >= killAt { return startKill(seen) }
        return .wait(
            until: seen.exited ? min(killAt, seen.now.advanced(by: TimeoutMachine.glance.asked)) : killAt)
    }

    private mutating func startKill(_ seen: Observation) -> Action {
        state = .killed(giveUpAt: seen.now.advanced(by: TimeoutMachine.patience))
        return .kill
    }

    private mutating func killed(_ seen: Observation, giveUpAt: Instant) -> Action? {
        if seen.exited {
            state = .sweeping(giveUpAt: giveUpAt, drain: true)
            return nil
        }
        if seen.now < giveUpAt { return .wait(until: giveUpAt) }
        state = .finished
        return .giveUp
    }

    private mutating func draining(_ seen: Observation, until: Instant, settled: Bool) -> Action? {
        // A disk or a reader is waited for, and not those who hold a stream: the grace is for what comes after.
        if seen.isHeld, !settled, seen.cancellation == nil, seen.now < wallAt {
            let until = min(seen.now.advanced(by: timeouts.drainGrace), wallAt)
            state = .draining(until: until, settled: settled)
            return .wait(until: wallAt)
        }
        var until = until
        if seen.wasHeld, !settled {
            let grace = max(timeouts.drainGrace, TimeoutMachine.glance.held)
            until = min(seen.now.advanced(by: grace), wallAt)
            state = .draining(until: until, settled: settled)
        }
        if !settled, seen.cancellation != nil { cause = .cancelled }
        let stop = seen.closed || seen.now >= until || (cause == .cancelled && !settled)
        if !stop { return .wait(until: until) }
        let mustKill = !settled && (timeouts.background == .kill || cause != nil)
        if !mustKill {
            state = .finished
        } else if seen.closed {
            state = .lingering(until: seen.now.advanced(by: TimeoutMachine.courtesy))
        } else {
            state = .sweeping(giveUpAt: .never, drain: false)
        }
        return seen.closed ? nil : .giveUp
    }

    private mutating func lingering(_ seen: Observation, until: Instant) -> Action? {
        guard let others = seen.others else { return .lookForOthers }
        if others, seen.now < until, seen.cancellation == nil {
            return .wait(until: min(until, seen.now.advanced(by: TimeoutMachine.glance.killed)))
        }
        state = others ? .sweeping(giveUpAt: .never, drain: false) : .finished
        return nil
    }

    private mutating func sweeping(
        _ seen: Observation, giveUpAt: Instant, drain: Bool, pause: Bool
    ) -> Action? {
        if pause {
            state = .sweeping(giveUpAt: giveUpAt, drain: drain)
            return .wait(until: min(giveUpAt, seen.now.advanced(by: TimeoutMachine.glance.killed)))
        }
        guard let others = seen.others else { return .lookForOthers }
        if others, seen.now < giveUpAt {
            let patience = seen.now.advanced(by: TimeoutMachine.patience)
            state = .sweeping(giveUpAt: min(giveUpAt, patience), drain: drain, pause: true)
            return .kill
        }
        state =
            drain
            ? .draining(until: seen.now.advanced(by: timeouts.drainGrace), settled: true) : .finished
        return nil
    }
}
