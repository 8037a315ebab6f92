import CDrain
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// A way to end a blocking run from another thread. One may serve several runs: all that use it
/// are ended, those that start later at once.
public final class Cancellation: Sendable {
    private let descriptor: Int32
    private let first = Atomic<Int32>(0)

    /// Throws when the system has no descriptor left: eventfd(2).
    public init() throws(DrainError) {
        descriptor = drain_wake_open()
        guard descriptor >= 0 else {
            throw DrainError(.system, "eventfd", Errno(rawValue: -descriptor))
        }
    }

    deinit {
        close(descriptor)
    }

    /// Asks for the end. The first call decides on the signal that begins it; nil for the one in
    /// the run's `Timeouts`. May be called from any thread, at any time, any number of times.
    public func cancel(signal: Signal? = nil) {
        let wish = signal?.rawValue ?? -1
        guard first.compareExchange(expected: 0, desired: wish, ordering: .acquiringAndReleasing).exchanged
        else { return }
        drain_wake(descriptor)
    }

    var source: CancellationSource {
        CancellationSource(descriptor: descriptor) { [self] in
            // Never read: the descriptor stays ready for every run that uses it.
            let wish = first.load(ordering: .acquiring)
            return wish == 0 ? nil : .init(signal: Signal(rawValue: wish))
        }
    }
}

/// Readable from when it was rung.
final class Wakeup: Sendable {
    let descriptor: Int32

    init() throws(DrainError) {
        descriptor = drain_wake_open()
        guard descriptor >= 0 else {
            throw DrainError(.system, "eventfd", Errno(rawValue: -descriptor))
        }
    }

    deinit { close(descriptor) }

    /// Any thread.
    func ring() { drain_wake(descriptor) }
}

/// What a run looks at to learn that it should end.
package struct CancellationSource {
    package struct Wish: Hashable {
        /// The first signal of the ending; nil for the usual one.
        package var signal: Signal?
        package init(signal: Signal?) { self.signal = signal }
    }

    /// Readable when there may be something to take.
    package let descriptor: Int32
    /// What was asked for, if anything.
    package let take: () -> Wish?

    package init(descriptor: Int32, take: @escaping () -> Wish?) {
        self.descriptor = descriptor
        self.take = take
    }
}
