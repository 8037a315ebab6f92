import CDrain

@testable import Drain

/// Asks for the end of a run as soon as the command has said so much on standard output: no test
/// has to guess how long a program takes to be ready.
final class Ender: Attendant {
    let wakeAt = Instant.never
    private let bytes: UInt64
    private let signal: Signal?
    /// What to do at that moment, before the end is asked for.
    private let action: (() -> Void)?

    init(after bytes: UInt64, signal: Signal? = nil, action: (() -> Void)? = nil) {
        self.bytes = bytes
        self.signal = signal
        self.action = action
    }

    func prepare(_ child: borrowing Child, _ watches: inout [drain_watch]) {}
    func finish(_ child: borrowing Child, ended: Bool, _ cancellation: CancellationSource?) {}

    func attend(
        _ child: borrowing Child, _ watches: [drain_watch], now: Instant
    ) -> CancellationSource.Wish? {
        guard child.look(.stdout).total >= bytes else { return nil }
        action?()
        return CancellationSource.Wish(signal: signal)
    }
}

/// Runs a line of shell that is cancelled once it has said `after` bytes.
func cancelled(
    _ line: String, after: UInt64, signal: Signal? = nil, _ timeouts: Timeouts = Timeouts()
) throws -> Report {
    try Run.perform(
        Command.shell(line), Limits(), timeouts, attendants: [Ender(after: after, signal: signal)])
}
