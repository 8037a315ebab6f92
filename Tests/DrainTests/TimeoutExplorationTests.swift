import Testing

@testable import Drain

/// Everything that can happen to a run, tried: from each situation, every combination of what one
/// more look may show, breadth first, and in each the rules that no order of events may break.
@Suite("No order of events breaks the machine")
struct TimeoutExplorationTests {
    static let settings: [Timeouts] = {
        var all: [Timeouts] = []
        let limits: [(Duration?, Duration?)] = [
            (nil, nil), (.milliseconds(20), nil), (nil, .milliseconds(7)),
            (.milliseconds(20), .milliseconds(7)),
        ]
        for (wall, idle) in limits {
            for background in Timeouts.Background.allCases {
                all.append(
                    Timeouts(
                        wall: wall, idle: idle, killAfter: .milliseconds(10),
                        drainGrace: .milliseconds(4), background: background))
            }
            all.append(Timeouts(wall: wall, idle: idle, killAfter: .zero))
            all.append(Timeouts(wall: wall, idle: idle, firstSignal: .kill, drainGrace: .zero))
        }
        return all
    }()

    @Test("in every situation the rules hold, and the end is near", arguments: settings)
    func explore(timeouts: Timeouts) throws {
        var seen: Set<String> = []
        var edge = [Situation(timeouts)]
        var checked = 0
        for _ in 0..<12 {
            var next: [Situation] = []
            for situation in edge {
                for successor in try situation.successors() where seen.insert(successor.key).inserted {
                    try successor.checkEnd()
                    checked += 1
                    next.append(successor)
                }
            }
            // Where there are too many, every so manieth stands for the others.
            let most = 40
            let stride = max(1, next.count / most)
            edge = next.enumerated().filter { $0.offset % stride == 0 }.map(\.element)
            if edge.isEmpty { break }
        }
        #expect(checked > 500)
    }

    @Test("waiting exactly as long as was said, every time, comes to an end", arguments: settings)
    func exactWaits(timeouts: Timeouts) throws {
        for others in [true, false] {
            for exits in [true, false] {
                var situation = Situation(timeouts)
                situation.seen.cancellation = .init(signal: nil)
                situation.seen.exited = exits
                var steps = 0
                while let successor = try situation.patient(others: others, atLeast: 0) {
                    situation = successor
                    steps += 1
                    try #require(steps < 10_000)
                }
            }
        }
    }
}

/// A machine, what is the case, and what it has said so far.
private struct Situation {
    let timeouts: Timeouts
    var machine: TimeoutMachine
    var seen = TimeoutMachine.Observation(now: 0)
    var signalled = false
    var killed = false
    var gaveUp = false

    struct Broken: Error {
        let rule: String
        let situation: Situation
    }

    init(_ timeouts: Timeouts) {
        self.timeouts = timeouts
        machine = TimeoutMachine(timeouts, start: 0)
    }

    var key: String { "\(machine)\(seen)\(signalled)\(killed)" }

    private func require(_ holds: Bool, _ rule: String) throws(Broken) {
        if !holds { throw Broken(rule: rule, situation: self) }
    }

    /// Asks once, and holds the answer against the rules.
    private mutating func ask() throws(Broken) -> TimeoutMachine.Action {
        let cause = machine.cause
        let action = machine.next(seen)
        try require(cause == nil || machine.cause == cause, "the cause does not change")
        try require(
            signalled || killed || cause != nil || machine.cause != .cancelled
                || seen.cancellation != nil, "nobody is cancelled without a wish")
        switch action {
        case .wait(let until):
            try require(until > seen.now, "no wait for what is past")
            if until == .never {
                try require(
                    timeouts.wall == nil && timeouts.idle == nil && !signalled && !killed && !seen.exited
                        && seen.cancellation == nil, "an endless wait is for a command alone")
            }
        case .signal(let signal):
            try require(!killed && !signalled, "one first signal, and before SIGKILL")
            try require(signal != .kill, "SIGKILL is said as such")
            try require(machine.cause != nil, "a signal has a cause")
            signalled = true
        case .kill:
            let first = seen.cancellation?.signal ?? timeouts.firstSignal
            try require(
                signalled || seen.exited || timeouts.killAfter == .zero || first == .kill,
                "SIGKILL is first only where it was asked for, or as the sweep")
            try require(
                !killed || (seen.exited && seen.others == true), "SIGKILL is repeated for others only")
            killed = true
        case .lookForOthers:
            try require(seen.others == nil, "nobody looks twice")
            try require(seen.exited, "others matter after the exit")
        case .giveUp:
            try require(!gaveUp, "streams are given up once")
            gaveUp = true
        case .finish:
            try require(seen.exited || gaveUp, "a run ends with its leader, or its being given up")
            try require(seen.closed, "no stream is open at the end")
            var again = machine
            for exited in [true, false] {
                var other = seen
                other.now += 1_000_000_000_000
                (other.exited, other.moved) = (exited, true)
                other.cancellation = .init(signal: .interrupt)
                try require(again.next(other) == .finish, "the end is the end")
            }
        }
        return action
    }

    /// What may come next.
    func successors() throws(Broken) -> [Situation] {
        var copy = self
        let action = try copy.ask()
        copy.seen.moved = false
        switch action {
        case .finish: return []
        case .signal, .kill:
            copy.seen.others = nil
            return [copy]
        case .giveUp:
            copy.seen.closed = true
            return [copy]
        case .lookForOthers:
            return [true, false].map { others in
                var successor = copy
                successor.seen.others = others
                return successor
            }
        case .wait(let until):
            return copy.rounds(until: until)
        }
    }

    /// All that a round may show.
    private func rounds(until: Instant) -> [Situation] {
        let end = until == .never ? seen.now + 1_000_000 : until
        let times = [seen.now + (end - seen.now) / 2, end, end + 1_000_000, end + 2_500_000_000]
        let wishes: [CancellationSource.Wish?] =
            seen.cancellation != nil
            ? [seen.cancellation] : [nil, .init(signal: nil), .init(signal: .kill)]
        var result: [Situation] = []
        for now in times {
            for wish in wishes {
                for bits in 0..<8 {
                    var successor = self
                    successor.seen.now = now
                    successor.seen.others = nil
                    successor.seen.cancellation = wish
                    successor.seen.moved = bits & 1 != 0 && !seen.closed
                    successor.seen.exited = seen.exited || bits & 2 != 0
                    successor.seen.closed = seen.closed || bits & 4 != 0
                    result.append(successor)
                }
            }
        }
        return result
    }

    /// One step in which nothing comes but time; nil at the end.
    func patient(others: Bool, atLeast: Instant) throws(Broken) -> Situation? {
        var copy = self
        let action = try copy.ask()
        copy.seen.moved = false
        switch action {
        case .finish: return nil
        case .wait(let until):
            if until == .never { copy.seen.exited = true }
            copy.seen.now = max(until == .never ? seen.now : until, seen.now + atLeast)
            copy.seen.others = nil
        case .lookForOthers: copy.seen.others = others
        case .giveUp: copy.seen.closed = true
        case .signal, .kill: copy.seen.others = nil
        }
        return copy
    }

    /// From here on, with time alone, it ends within few steps.
    func checkEnd() throws(Broken) {
        for others in [true, false] {
            var situation = self
            var steps = 0
            while let successor = try situation.patient(others: others, atLeast: 600_000_000) {
                situation = successor
                steps += 1
                try situation.require(steps < 40, "the end is near")
            }
        }
    }
}
