import CDrain

/// The objects of NDJSON on a stream that a filter names, as they come; for one task at a time, and read once.
///
/// The rules are those of `EventScanner`, but that none is dropped to make room for others: the longest line that
/// is handed out has `EventFilter.maxBytes`. Who lets go of it before the end ends the run.
public final class LiveEvents: AsyncSequence {
    public typealias Element = JSONText
    public typealias Failure = Never

    private let reader: LiveReader
    private let log: EventLog
    /// What was read and not looked at yet.
    private let block = ByteBlock(capacity: LineCutter.piece)
    private var unread = 0..<0

    /// Lines seen so far that are not blank, wanted or not.
    public private(set) var lineCount = 0
    /// Lines that were too long, being wanted or no objects.
    public private(set) var droppedCount = 0
    /// Lines that are not JSON objects.
    public private(set) var invalidCount = 0

    init(_ link: LiveLink, _ stream: Stream, _ filter: EventFilter) throws(DrainError) {
        log = try EventLog(filter)
        reader = LiveReader(link, [stream])
    }

    public struct Iterator: AsyncIteratorProtocol {
        let events: LiveEvents

        public mutating func next(isolation actor: isolated (any Actor)?) async -> JSONText? {
            guard case .item(let event) = await events.pull(until: .never, isolation: actor) else {
                return nil
            }
            return event
        }
    }

    public func makeAsyncIterator() -> Iterator { Iterator(events: self) }

    /// The next object; nil at the end, and in a task that is cancelled.
    /// - Throws: when none has come within this time. Nothing is lost then, and reading may go on.
    public func next(
        within limit: Duration, isolation actor: isolated (any Actor)? = #isolation
    ) async throws(DeadlineExceeded) -> JSONText? {
        switch await pull(until: drain_now().advanced(by: limit), isolation: actor) {
        case .item(let event): return event
        case .end: return nil
        case .late: throw DeadlineExceeded(limit: limit)
        }
    }

    private func pull(
        until deadline: Instant, isolation: isolated (any Actor)?
    ) async -> LiveReader.Pulled<JSONText> {
        while true {
            if let event = nextHere() { return .item(event) }
            switch await reader.next(until: deadline, isolation: isolation) {
            case .late: return .late
            case .end: return .end
            case .item((let stream, .bytes(let range))):
                unsafe reader.take(range, of: stream, to: block.base)
                unread = 0..<range.count
            case .item((_, .gap)):
                // What was torn on both sides of it is no line.
                unsafe block.base.storeBytes(of: UInt8(ascii: "\n"), as: UInt8.self)
                unread = 0..<1
            case .item((_, .end)):
                log.finish()
                return takeKept().map { .item($0) } ?? .end
            }
        }
    }

    private func nextHere() -> JSONText? {
        while !unread.isEmpty {
            let taken = unsafe log.takeToNext(block.bytes(unread))
            unread = unread.lowerBound + taken..<unread.upperBound
            if let event = takeKept() { return event }
        }
        return nil
    }

    /// What was kept, a line at most, is forgotten by the scanner.
    private func takeKept() -> JSONText? {
        let counts = unsafe log.look()
        lineCount = unsafe Int(clamping: counts.seen)
        droppedCount = unsafe Int(clamping: counts.dropped)
        invalidCount = unsafe Int(clamping: counts.invalid)
        guard unsafe counts.kept > 0 else { return nil }
        let text = unsafe JSONText(line: log.lines)
        log.forget()
        return text
    }
}
