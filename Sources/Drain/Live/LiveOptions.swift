/// What of a run is read while it runs, and how much of it may wait to be read.
public struct LiveOptions: Sendable, Hashable {
    /// Bytes that may wait to be read unless said otherwise: 1 MiB.
    public static let defaultBytes = 1 << 20

    /// The streams that are read live. All of them have to be: where nothing is dropped, a command that fills
    /// one that nobody reads waits. The others are kept for the report only.
    public var streams: Set<Stream>
    /// Bytes of each that may wait to be read, beside what is in its pipe; 4096 at least.
    public var bufferBytes: Int
    /// What happens when so many wait.
    public var overflow: Overflow
    /// The longest line, in bytes without its newline, 1 at least. Of one that is longer this much comes, marked,
    /// and the rest is counted.
    public var longestLine: Int

    public enum Overflow: Sendable, Hashable, CaseIterable {
        /// The command waits.
        case wait
        /// What comes is dropped and counted, until half of the room is free again.
        case dropNewest
        /// The oldest is dropped and counted, down to half of the room.
        case dropOldest
    }

    public init(
        streams: Set<Stream> = [.stdout], bufferBytes: Int = LiveOptions.defaultBytes,
        overflow: Overflow = .wait,
        longestLine: Int = LiveOptions.defaultBytes
    ) {
        self.streams = streams
        self.bufferBytes = bufferBytes
        self.overflow = overflow
        self.longestLine = longestLine
    }

    /// Bytes of a ring: whole pages.
    var ringSize: Int { (min(max(4096, bufferBytes), 1 << 40) + 4095) / 4096 * 4096 }
}

/// What did not come within the time that it was given.
///
/// Nothing is lost by it: whoever asks again gets what came meanwhile.
public struct DeadlineExceeded: Error, Sendable, Hashable {
    public let limit: Duration
}

extension DeadlineExceeded: CustomStringConvertible {
    public var description: String { "nothing came within \(limit)" }
}

/// What became of a run, and of the body that talked with it.
public struct LiveResult<Value> {
    public let report: Report
    /// What the body returned, or the error it threw; `CancellationError` where it was never called, since the run
    /// was cancelled before its turn.
    public let result: Result<Value, any Error>
    let dropped: [Int]

    /// What the body returned. Throws what it threw.
    public func get() throws -> Value { try result.get() }

    /// Bytes of a stream that were dropped instead of read: by the choice of `LiveOptions.overflow`, or since the
    /// run was ended. What was not read because the body had left does not count.
    public func droppedCount(_ stream: Stream) -> Int { dropped[stream.rawValue] }
}

extension LiveResult: Sendable where Value: Sendable {}
