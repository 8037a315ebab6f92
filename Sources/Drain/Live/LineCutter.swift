import CDrain

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// Puts the bytes of a stream together to whole lines. Pure.
struct LineCutter {
    /// What is asked for at a time.
    static let piece = 128 << 10
    /// Bytes of memory for usual lines, with what a reader has in its hands.
    static let cost = 4 * piece

    private let source: Stream
    private let longest: Int
    /// Bytes start..<end are lines not handed out yet; of these the ones before `scanned` hold no newline.
    private var block = ByteBlock(capacity: 2 * LineCutter.piece)
    private var start = 0
    private var end = 0
    private var scanned = 0
    /// The first part of a line of which the rest is skipped, and how much of it was.
    private var part: (block: ByteBlock, range: Range<Int>, missing: Int)?
    /// The gap behind the bytes there are.
    private var gap = 0
    private var isFinished = false

    init(_ source: Stream, longest: Int) {
        self.source = source
        self.longest = max(1, longest)
    }

    // MARK: In

    /// Room for so many bytes more, to be written before anything else is asked. All batches were fetched.
    mutating func room(for count: Int) -> UnsafeMutableRawPointer {
        if block.capacity - end < count { makeRoom(count) }
        return unsafe block.base + end
    }

    mutating func filled(_ count: Int) { end += count }

    /// Bytes were dropped here. All batches were fetched.
    mutating func skipped(_ count: Int) { gap = count }

    /// There is no more.
    mutating func finish() { isFinished = true }

    private mutating func makeRoom(_ count: Int) {
        let held = end - start
        let old = block
        let isOurs = isKnownUniquelyReferenced(&block)
        if !isOurs || held + count > block.capacity {
            block = ByteBlock(capacity: max(2 * held, LineCutter.piece) + max(count, LineCutter.piece))
        }
        unsafe memmove(block.base, old.base + start, held)
        scanned -= start
        (start, end) = (0, held)
    }

    // MARK: Out

    /// Lines that are whole, or nil when more bytes are needed.
    mutating func next() -> LineBatch? {
        while true {
            if part != nil { return skipOn() }
            if let batch = end - start > longest ? nextOfLong() : nextOfShort() { return batch }
            guard part == nil else { continue }
            if gap > 0 {
                beginPart(start..<end)
            } else if isFinished, start < end {
                return handOut(end)
            } else {
                return nil
            }
        }
    }

    private mutating func handOut(_ stop: Int) -> LineBatch {
        defer { start = stop }
        return LineBatch(source, block, start..<stop)
    }

    /// None of the lines can be too long.
    private mutating func nextOfShort() -> LineBatch? {
        let from = max(start, scanned)
        guard from < end, case let count = unsafe block.bytes(from..<end).wholeLines, count > 0 else {
            scanned = end
            return nil
        }
        scanned = end
        return handOut(from + count)
    }

    /// One may be: goes from line to line. Nil, too, with a part begun.
    private mutating func nextOfLong() -> LineBatch? {
        let bytes = unsafe block.bytes(0..<end)
        var at = start
        while let newline = unsafe bytes.newline(from: at), newline - at <= longest { at = newline + 1 }
        if at > start { return handOut(at) }
        if end - at > longest {
            // The cut does not tear a character.
            let torn = unsafe UTF8Scan.unfinished(block.bytes(at..<at + longest)[...])
            beginPart(at..<at + longest - torn)
        }
        return nil
    }

    private mutating func beginPart(_ range: Range<Int>) {
        part = (block, range, 0)
        start = range.upperBound
    }

    /// To the end of the line that is skipped.
    private mutating func skipOn() -> LineBatch? {
        let bytes = unsafe block.bytes(0..<end)
        let newline = unsafe bytes.newline(from: start)
        part!.missing += (newline ?? end) - start
        start = newline.map { $0 + 1 } ?? end
        if newline == nil {
            part!.missing += gap
            gap = 0
            guard isFinished else { return nil }
        }
        let whole = part!
        part = nil
        return LineBatch(source, whole.block, whole.range, missing: whole.missing)
    }
}

extension UnsafeRawBufferPointer {
    /// How many bytes there are up to the last newline, itself included.
    fileprivate var wholeLines: Int {
        guard let start = baseAddress else { return 0 }
        return unsafe drain_lines_end(start.assumingMemoryBound(to: UInt8.self), count)
    }

    /// Where the first newline is, from an index on.
    @inline(__always)
    func newline(from index: Int) -> Int? {
        guard index < count, let start = baseAddress else { return nil }
        return unsafe memchr(start + index, 0x0A, count - index).map { unsafe UnsafeRawPointer($0) - start }
    }
}
