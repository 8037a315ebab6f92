import Testing

@testable import Drain

/// A run as its machine sees it: tells it what is the case, and holds it to what it should answer.
struct Script {
    typealias Action = TimeoutMachine.Action

    var machine: TimeoutMachine
    var now: Instant = 0
    var exited = false
    var closed = false
    var held = false
    var cancellation: CancellationSource.Wish?
    private var others: Bool?

    init(_ timeouts: Timeouts, start: Instant = 0) {
        machine = TimeoutMachine(timeouts, start: start)
        now = start
    }

    /// What the machine answers now.
    mutating func next(moved: Bool = false) -> Action {
        let seen = TimeoutMachine.Observation(
            now: now, moved: moved, exited: exited, closed: closed, isHeld: held, cancellation: cancellation,
            others: others)
        return machine.next(seen)
    }

    /// Lets time come, as a round does: what was known of others is out of date.
    mutating func at(_ time: Instant) {
        now = time
        others = nil
    }

    mutating func expect(
        _ action: Action, moved: Bool = false, at location: SourceLocation = #_sourceLocation
    ) {
        let answer = next(moved: moved)
        #expect(answer == action, sourceLocation: location)
        switch answer {
        case .signal, .kill: others = nil
        case .giveUp: closed = true
        default: break
        }
    }

    /// The machine asks for others, and is told.
    mutating func look(_ others: Bool, at location: SourceLocation = #_sourceLocation) {
        expect(.lookForOthers, at: location)
        self.others = others
    }

    /// It is finished, and stays so, whatever is the case.
    mutating func expectEnd(
        _ cause: TimeoutMachine.Cause?, at location: SourceLocation = #_sourceLocation
    ) {
        expect(.finish, at: location)
        at(now + 1_000_000_000_000)
        cancellation = .init(signal: .interrupt)
        expect(.finish, moved: true, at: location)
        #expect(machine.cause == cause, sourceLocation: location)
    }
}

/// Whole seconds and milliseconds on the machine's clock.
func s(_ seconds: Int64) -> Instant { seconds * 1_000_000_000 }
func ms(_ milliseconds: Int64) -> Instant { milliseconds * 1_000_000 }
