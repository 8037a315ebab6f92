import CDrain

/// Bytes of a stream that came together: a value over memory that it shares with its copies.
public struct ByteChunk: Sendable {
    /// Where in the stream the first of them stands. Where bytes were dropped, this is more than where the chunk
    /// before ended.
    public let offset: Int
    public let count: Int
    private let block: ByteBlock

    init(_ block: ByteBlock, count: Int, offset: Int) {
        self.block = block
        self.count = count
        self.offset = offset
    }

    /// The bytes without a copy, good inside of `body` only.
    public func withSpan<R, E>(_ body: (RawSpan) throws(E) -> R) throws(E) -> R {
        try unsafe body(RawSpan(_unsafeBytes: block.bytes(0..<count)))
    }

    /// A copy.
    public var bytes: [UInt8] { unsafe Array(block.bytes(0..<count)) }
}

/// The bytes of a stream as they come; for one task at a time, and read once.
///
/// Who lets go of it before the end, by a `break` out of a loop or in any other way, ends the run.
public final class LiveBytes: AsyncSequence {
    public typealias Element = ByteChunk
    public typealias Failure = Never

    private let reader: LiveReader
    private var offset = 0
    private var block: ByteBlock?

    init(_ link: LiveLink, _ stream: Stream) {
        reader = LiveReader(link, [stream])
    }

    public struct Iterator: AsyncIteratorProtocol {
        let bytes: LiveBytes

        public mutating func next(isolation actor: isolated (any Actor)?) async -> ByteChunk? {
            guard case .item(let chunk) = await bytes.pull(until: .never, isolation: actor) else {
                return nil
            }
            return chunk
        }
    }

    public func makeAsyncIterator() -> Iterator { Iterator(bytes: self) }

    /// The next bytes, at least one; nil at the end, and in a task that is cancelled.
    /// - Throws: when nothing has come within this time. Nothing is lost then, and reading may go on.
    public func next(
        within limit: Duration, isolation actor: isolated (any Actor)? = #isolation
    ) async throws(DeadlineExceeded) -> ByteChunk? {
        switch await pull(until: drain_now().advanced(by: limit), isolation: actor) {
        case .item(let chunk): return chunk
        case .end: return nil
        case .late: throw DeadlineExceeded(limit: limit)
        }
    }

    private func pull(
        until deadline: Instant, isolation: isolated (any Actor)?
    ) async -> LiveReader.Pulled<ByteChunk> {
        while true {
            switch await reader.next(until: deadline, isolation: isolation) {
            case .end, .item((_, .end)): return .end
            case .late: return .late
            case .item((_, .gap(let count))): offset += count
            case .item((let stream, .bytes(let range))):
                return .item(chunk(range, of: stream))
            }
        }
    }

    private func chunk(_ range: Range<Int>, of stream: Stream) -> ByteChunk {
        // What was handed out is used again when nobody has it any more.
        if block == nil || !isKnownUniquelyReferenced(&block) || block!.capacity < range.count {
            block = ByteBlock(capacity: range.count < 4096 ? 4096 : LineCutter.piece)
        }
        unsafe reader.take(range, of: stream, to: block!.base)
        defer { offset += range.count }
        return ByteChunk(block!, count: range.count, offset: offset)
    }
}
