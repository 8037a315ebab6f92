import CDrain

/// How far a run is.
package struct Progress {
    package var elapsed: Duration
    package var stdout: (seen: Int, kept: Int)
    package var stderr: (seen: Int, kept: Int)
    /// Resident memory of the command and the rest of its process group, in bytes.
    package var resident: Int
}

/// Shows how far a run is, ten times a second.
package final class ProgressTicker: Attendant {
    private let show: (Progress) -> Void
    private let caps: (Int, Int)
    private var start: Instant?
    private(set) var wakeAt: Instant = 0

    private static let interval = Duration.milliseconds(100)

    package init(_ limits: Limits, show: @escaping (Progress) -> Void) {
        self.show = show
        caps = (limits.retention(of: .stdout).cap, limits.retention(of: .stderr).cap)
    }

    func prepare(_ child: borrowing Child, _ watches: inout [drain_watch]) {}

    func attend(
        _ child: borrowing Child, _ watches: [drain_watch], now: Instant
    ) -> CancellationSource.Wish? {
        let start = start ?? now
        self.start = start
        guard now >= wakeAt else { return nil }
        wakeAt = now.advanced(by: ProgressTicker.interval)
        let stdout = unsafe Int(clamping: child.look(.stdout).total)
        let stderr = unsafe Int(clamping: child.look(.stderr).total)
        show(
            Progress(
                elapsed: .nanoseconds(now - start), stdout: (stdout, min(stdout, caps.0)),
                stderr: (stderr, min(stderr, caps.1)), resident: child.residentBytes()))
        return nil
    }

    func finish(_ child: borrowing Child, ended: Bool, _ cancellation: CancellationSource?) {}
}
