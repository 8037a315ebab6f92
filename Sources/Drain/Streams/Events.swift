#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// The objects that were kept of NDJSON, in the order in which they were written, and how many lines
/// there were.
///
/// A value; copies share the memory, which is given back with the last copy, of these and of the
/// `JSONText` in it. Any thread may use it.
public struct Events: Sendable {
    private let log: EventLog?
    /// How many there are. O(1).
    public let count: Int
    /// Lines seen that are not blank, kept or not.
    public let lineCount: Int
    /// Lines that were dropped for their length, being wanted or no objects, or to make room.
    public let droppedCount: Int
    /// Lines that are not JSON objects.
    public let invalidCount: Int

    /// - Parameter log: finished.
    init(_ log: EventLog) {
        let counts = unsafe log.look()
        self.log = log
        count = unsafe counts.kept
        lineCount = unsafe Int(clamping: counts.seen)
        droppedCount = unsafe Int(clamping: counts.dropped)
        invalidCount = unsafe Int(clamping: counts.invalid)
    }

    /// Of a command that did not run.
    package init() {
        log = nil
        (count, lineCount, droppedCount, invalidCount) = (0, 0, 0, 0)
    }

    private var lines: UnsafeRawBufferPointer {
        unsafe log?.lines ?? UnsafeRawBufferPointer(start: nil, count: 0)
    }
}

extension Events: BidirectionalCollection {
    /// Where a line starts, as an offset in the kept bytes.
    public struct Index: Sendable, Hashable, Comparable {
        let offset: Int

        public static func < (left: Index, right: Index) -> Bool { left.offset < right.offset }
    }

    public var startIndex: Index { Index(offset: 0) }
    public var endIndex: Index { Index(offset: unsafe lines.count) }

    /// As long as the line is.
    public func index(after index: Index) -> Index {
        Index(offset: newline(from: index.offset) + 1)
    }

    /// As long as the line is.
    public func index(before index: Index) -> Index {
        let lines = unsafe self.lines
        // The line before ends in the newline at offset - 1.
        var start = index.offset - 1
        while start > 0, unsafe lines[start - 1] != UInt8(ascii: "\n") { start -= 1 }
        return Index(offset: start)
    }

    public subscript(index: Index) -> JSONText {
        let lines = unsafe self.lines
        var (start, end) = (index.offset, newline(from: index.offset))
        // A kept line is an object with nothing but white space around it.
        while unsafe lines[start] != UInt8(ascii: "{") { start += 1 }
        while unsafe lines[end - 1] != UInt8(ascii: "}") { end -= 1 }
        return JSONText(log: log!, range: start..<end)
    }

    /// The newline that ends the line at `offset`; every kept line has one.
    private func newline(from offset: Int) -> Int {
        let lines = unsafe self.lines
        guard offset < lines.count, let start = lines.baseAddress,
            let found = unsafe memchr(start + offset, 0x0A, lines.count - offset)
        else { return lines.count }
        return unsafe UnsafeRawPointer(found) - start
    }
}
