import CDrain

/// The lines of a stream, or of several in the order in which they came, as they come; for one task at a time, and
/// read once.
///
/// Who lets go of it before the end, by a `break` out of a loop or in any other way, ends the run.
public final class LiveLines: AsyncSequence {
    public typealias Element = Line
    public typealias Failure = Never

    private let batches: LiveLineBatches
    /// Unchecked: one task reads at a time.
    @exclusivity(unchecked) private var cursor: LineCursor?

    init(_ batches: LiveLineBatches) { self.batches = batches }

    public struct Iterator: AsyncIteratorProtocol {
        let lines: LiveLines

        public mutating func next(isolation actor: isolated (any Actor)?) async -> Line? {
            if let line = lines.nextHere() { return line }
            guard case .item(let line) = await lines.pull(until: .never, isolation: actor) else { return nil }
            return line
        }
    }

    public func makeAsyncIterator() -> Iterator { Iterator(lines: self) }

    /// The next line; nil at the end, and in a task that is cancelled.
    /// - Throws: when no line has come within this time. Nothing is lost then, and reading may go on.
    public func next(
        within limit: Duration, isolation actor: isolated (any Actor)? = #isolation
    ) async throws(DeadlineExceeded) -> Line? {
        switch await pull(until: drain_now().advanced(by: limit), isolation: actor) {
        case .item(let line): return line
        case .end: return nil
        case .late: throw DeadlineExceeded(limit: limit)
        }
    }

    /// One that has come. A function of its own: an asynchronous one is slower at it.
    @inline(never)
    private func nextHere() -> Line? { unsafe cursor?.nextLine() }

    private func pull(
        until deadline: Instant, isolation: isolated (any Actor)?
    ) async -> LiveReader.Pulled<Line> {
        while true {
            if let line = nextHere() { return .item(line) }
            unsafe cursor = nil
            switch await batches.pull(until: deadline, isolation: isolation) {
            case .item(let batch): unsafe cursor = LineCursor(batch)
            case .end: return .end
            case .late: return .late
            }
        }
    }
}

/// The same lines many at a time, and without a copy of each: the fastest way to read.
///
/// A batch has the lines that have come, and is not waited for to fill up. A line that is cut comes alone.
public final class LiveLineBatches: AsyncSequence {
    public typealias Element = LineBatch
    public typealias Failure = Never

    private let reader: LiveReader
    /// By stream; nil for one that is not read here.
    private var cutters: [LineCutter?]
    /// Whose batches are being handed out.
    private var current: Stream

    init(_ link: LiveLink, _ streams: [Stream]) {
        reader = LiveReader(link, streams)
        cutters = Stream.allCases.map {
            streams.contains($0) ? LineCutter($0, longest: link.options.longestLine) : nil
        }
        current = streams.first ?? .stdout
    }

    public struct Iterator: AsyncIteratorProtocol {
        let batches: LiveLineBatches

        public mutating func next(isolation actor: isolated (any Actor)?) async -> LineBatch? {
            guard case .item(let batch) = await batches.pull(until: .never, isolation: actor) else {
                return nil
            }
            return batch
        }
    }

    public func makeAsyncIterator() -> Iterator { Iterator(batches: self) }

    /// The next batch; nil at the end, and in a task that is cancelled.
    /// - Throws: when no line has come within this time. Nothing is lost then, and reading may go on.
    public func next(
        within limit: Duration, isolation actor: isolated (any Actor)? = #isolation
    ) async throws(DeadlineExceeded) -> LineBatch? {
        switch await pull(until: drain_now().advanced(by: limit), isolation: actor) {
        case .item(let batch): return batch
        case .end: return nil
        case .late: throw DeadlineExceeded(limit: limit)
        }
    }

    func pull(
        until deadline: Instant, isolation: isolated (any Actor)?
    ) async -> LiveReader.Pulled<LineBatch> {
        while true {
            if let batch = cutters[current.rawValue]?.next() { return .item(batch) }
            switch await reader.next(until: deadline, isolation: isolation) {
            case .end: return .end
            case .late: return .late
            case .item((let stream, let piece)):
                current = stream
                feed(stream, piece)
            }
        }
    }

    private func feed(_ stream: Stream, _ piece: LiveReader.Piece) {
        let index = stream.rawValue
        switch piece {
        case .gap(let count): cutters[index]!.skipped(count)
        case .end: cutters[index]!.finish()
        case .bytes(let range):
            let room = unsafe cutters[index]!.room(for: range.count)
            unsafe reader.take(range, of: stream, to: room)
            cutters[index]!.filled(range.count)
        }
    }
}
