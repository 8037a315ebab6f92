import CDrain

/// Signals to the process as a descriptor to poll, for a program that is its own host: signalfd(2).
/// They are blocked from the start, so that none is lost between two looks, and none ends the program
/// before the tree is ended.
package final class SignalDescriptor {
    let descriptor: Int32
    /// The first that came.
    package private(set) var first: Signal?

    /// To be made before there are other threads.
    package init(_ signals: [Signal]) throws(DrainError) {
        let numbers = signals.map(\.rawValue) + [DRAIN_SIGNAL_ORPHANED, DRAIN_SIGNAL_CHILD]
        descriptor = unsafe numbers.withUnsafeBufferPointer {
            unsafe drain_signals_open($0.baseAddress!, $0.count)
        }
        guard descriptor >= 0 else {
            throw DrainError(.system, "signalfd", Errno(rawValue: -descriptor))
        }
    }

    package var source: CancellationSource {
        CancellationSource(descriptor: descriptor) { [self] in
            guard let signal = Signal(rawValue: drain_signals_take(descriptor)) else { return nil }
            // That is for the supervisor's run, which looks after its orphans whenever we are ready.
            if signal.rawValue == DRAIN_SIGNAL_CHILD { return nil }
            // Whoever was to have the report is gone: no time for courtesies.
            if signal.rawValue == DRAIN_SIGNAL_ORPHANED { return CancellationSource.Wish(signal: .kill) }
            first = first ?? signal
            return CancellationSource.Wish(signal: signal)
        }
    }
}

extension Signal {
    /// Whether the process ignores it.
    package var isIgnored: Bool { drain_signal_ignored(rawValue) }
}
