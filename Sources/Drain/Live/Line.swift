/// A line as it came, without its newline: `\n` or `\r\n`. A value of its own.
public struct Line: Sendable, Hashable {
    /// The stream it stood in.
    public let source: Stream
    /// What it says; bytes that are not UTF-8 are U+FFFD.
    public let text: String
    /// Bytes of the line that are not here: what was beyond `LiveOptions.longestLine`, or dropped.
    public let missingCount: Int
    /// Whether this is only the first part of a line.
    public let isCut: Bool
    /// The bytes as they came where they are not UTF-8.
    private let raw: [UInt8]?

    init(_ bytes: UnsafeRawBufferPointer, _ source: Stream, missing: Int?) {
        self.source = source
        let text = unsafe bytes.withMemoryRebound(to: UInt8.self) {
            unsafe String(validating: $0, as: UTF8.self)
        }
        self.text = unsafe text ?? String(decoding: bytes, as: UTF8.self)
        raw = unsafe text == nil ? Array(bytes) : nil
        missingCount = missing ?? 0
        isCut = missing != nil
    }

    /// The bytes as they came. A copy.
    public var bytes: [UInt8] { raw ?? Array(text.utf8) }
}

/// Whole lines of a stream, where they were read to: a value over memory that it shares with its copies.
public struct LineBatch: Sendable {
    public let source: Stream
    /// Bytes that are missing of the line, if this is the first part of one that was too long or of which
    /// something was dropped: it comes alone.
    public let missingCount: Int?
    private let block: ByteBlock
    private let range: Range<Int>

    init(_ source: Stream, _ block: ByteBlock, _ range: Range<Int>, missing: Int? = nil) {
        self.source = source
        self.block = block
        self.range = range
        missingCount = missing
    }

    /// Bytes in it, with newlines.
    public var byteCount: Int { range.count }

    /// Calls `body` with each line, without its newline and without a copy.
    public func forEachLine<E>(_ body: (RawSpan) throws(E) -> Void) throws(E) {
        var cursor = LineCursor(self)
        while let line = unsafe cursor.next() { try unsafe body(RawSpan(_unsafeBytes: line)) }
    }

    /// All of it, newlines included, without a copy.
    public func withSpan<R, E>(_ body: (RawSpan) throws(E) -> R) throws(E) -> R {
        try unsafe body(RawSpan(_unsafeBytes: bytes))
    }

    /// Good for as long as this lives.
    fileprivate var bytes: UnsafeRawBufferPointer { unsafe block.bytes(range) }
}

/// Goes from line to line of a batch.
struct LineCursor {
    private let batch: LineBatch
    private var at = 0

    init(_ batch: LineBatch) { self.batch = batch }

    /// The next line without its newline, good for as long as `self` lives.
    mutating func next() -> UnsafeRawBufferPointer? {
        let bytes = unsafe batch.bytes
        let isPart = batch.missingCount != nil
        guard at < bytes.count || (isPart && at == 0) else { return nil }
        var end = bytes.count
        if !isPart, let newline = unsafe bytes.newline(from: at) { end = newline }
        let start = at
        at = end + 1
        // A carriage return belongs to a newline only.
        if end < bytes.count, end > start, unsafe bytes[end - 1] == UInt8(ascii: "\r") { end -= 1 }
        return unsafe UnsafeRawBufferPointer(rebasing: bytes[start..<end])
    }

    mutating func nextLine() -> Line? {
        unsafe next().map { unsafe Line($0, batch.source, missing: batch.missingCount) }
    }
}
