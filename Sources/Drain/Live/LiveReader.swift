/// Reads one stream or several, piece by piece. Used by one task at a time.
///
/// Who lets go of it before the end ends the run.
final class LiveReader {
    private let link: LiveLink
    private let streams: [Stream]
    /// Those that have not ended.
    private var open: [Stream]
    private let reason: LiveLink.Reason

    enum Pulled<Item> {
        case item(Item)
        case end
        /// The deadline has come.
        case late
    }

    enum Piece {
        /// To be taken before the next one is asked for.
        case bytes(Range<Int>)
        case gap(Int)
        /// One stream has ended; others may go on.
        case end
    }

    init(_ link: LiveLink, _ streams: [Stream]) {
        self.link = link
        self.streams = streams
        open = streams
        reason = streams.reduce([]) { $0.union(.stream($1)) }
        link.open(streams)
    }

    deinit {
        if !open.isEmpty { link.close(streams, atEnd: false) }
    }

    func next(
        until deadline: Instant, isolation: isolated (any Actor)? = #isolation
    ) async -> Pulled<(Stream, Piece)> {
        guard !open.isEmpty else { return .end }
        var found: (Stream, Feed.Piece)?
        let waited = await link.wait(for: reason, until: deadline) { state in
            found = link.lend(open, &state)
            return found.map { $0.1 != .nothing } ?? false
        }
        switch waited {
        case .late: return .late
        case .cancelled:
            link.close(streams, atEnd: false)
            open = []
            return .end
        case .ready: break
        }
        guard let (stream, piece) = found else { return .end }
        switch piece {
        case .bytes(let range): return .item((stream, .bytes(range)))
        case .gap(let count): return .item((stream, .gap(count)))
        case .end, .nothing:
            open.removeAll { $0 == stream }
            if open.isEmpty { link.close(streams, atEnd: true) }
            return .item((stream, .end))
        }
    }

    /// Copies the bytes that came last.
    func take(_ range: Range<Int>, of stream: Stream, to target: UnsafeMutableRawPointer) {
        unsafe link.take(range, of: stream, to: target)
    }
}
