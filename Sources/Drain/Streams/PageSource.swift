/// What pages are made of.
protocol PageSource: Sendable {
    /// What is there now.
    mutating func look() throws(PageError) -> PageExtents
    /// Bytes from a position on that was there; at least one, maybe fewer than there is room for. 0 if they
    /// have gone since `look`.
    func read(at position: Int, into room: UnsafeMutableRawBufferPointer) throws(PageError) -> Int
}

/// Which bytes of a stream are there, at one time.
struct PageExtents: Hashable, Sendable {
    /// In order, apart from each other and not empty.
    private(set) var ranges: [Range<Int>] = []
    /// How long the stream is; at least the end of the last range.
    var total: Int
    /// Whether it stays so long.
    var isComplete: Bool

    init(_ ranges: [Range<Int>], total: Int, isComplete: Bool) {
        for range in ranges where !range.isEmpty {
            if let last = self.ranges.last, last.upperBound == range.lowerBound {
                self.ranges[self.ranges.count - 1] = last.lowerBound..<range.upperBound
            } else {
                self.ranges.append(range)
            }
        }
        self.total = max(total, self.ranges.last?.upperBound ?? 0)
        self.isComplete = isComplete
    }

    /// The range that holds a position.
    func range(at position: Int) -> Range<Int>? { ranges.first { $0.contains(position) } }

    /// The next position that is there, or the end of the stream.
    func resumption(after position: Int) -> Int {
        ranges.first { $0.lowerBound > position }?.lowerBound ?? total
    }

    /// Whether more bytes may come at the end of a range.
    func mayGrow(_ range: Range<Int>) -> Bool { !isComplete && range.upperBound == total }
}

/// A stream that was kept in memory.
struct PageCapture: PageSource {
    let capture: Capture
    let isComplete: Bool

    func look() -> PageExtents {
        let head = capture.headCount
        let tail = capture.keptCount - head
        let total = capture.totalCount
        return PageExtents([0..<head, total - tail..<total], total: total, isComplete: isComplete)
    }

    func read(at position: Int, into room: UnsafeMutableRawBufferPointer) -> Int {
        let head = capture.headCount
        // Among the bytes that were kept, which have no gap.
        let isTail = position >= head && capture.isTruncated
        var skip = isTail ? position - capture.truncatedCount : position
        let end = isTail || !capture.isTruncated ? capture.keptCount : head
        let count = min(room.count, end - skip)
        var filled = 0
        unsafe capture.bytes.forEachRun { run in
            let part = min(count - filled, max(0, run.count - skip))
            if part > 0 {
                let bytes = unsafe UnsafeRawBufferPointer(rebasing: run[skip..<skip + part])
                unsafe UnsafeMutableRawBufferPointer(rebasing: room[filled..<filled + part])
                    .copyMemory(from: bytes)
            }
            filled += part
            skip = max(0, skip - run.count)
        }
        return filled
    }
}
