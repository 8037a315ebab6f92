/// A line as it came, without its newline: `\n` or `\r\n`. A value of its own.
public struct Line: Sendable {
    /// The stream it stood in.
    public let source: Stream
    /// What it says; bytes that are not UTF-8 are U+FFFD.
    public let text: String
    /// What is unusual about it; nearly always nothing, and then a line is but a string.
    private let flaw: Flaw?

    private final class Flaw: Sendable {
        let missing: Int?
        let bytes: [UInt8]?

        init(missing: Int?, bytes: [UInt8]?) {
            self.missing = missing
            self.bytes = bytes
        }
    }

    /// - Parameters:
    ///   - isValid: they are known to be UTF-8.
    ///   - missing: bytes that are missing of it, if it is cut.
    init(_ bytes: UnsafeRawBufferPointer, _ source: Stream, isValid: Bool, missing: Int?) {
        self.source = source
        let start = unsafe bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
        text = unsafe String(decoding: UnsafeBufferPointer(start: start, count: bytes.count), as: UTF8.self)
        if missing == nil, isValid {
            flaw = nil
        } else {
            let isValid = unsafe isValid || UTF8Scan.isWellFormed(bytes)
            flaw =
                unsafe isValid && missing == nil
                ? nil : Flaw(missing: missing, bytes: isValid ? nil : Array(bytes))
        }
    }

    /// Whether this is only the first part of a line.
    public var isCut: Bool { flaw?.missing != nil }

    /// Bytes of the line that are not here: what was beyond `LiveOptions.longestLine`, or dropped.
    public var missingCount: Int { flaw?.missing ?? 0 }

    /// The bytes as they came. A copy.
    public var bytes: [UInt8] { flaw?.bytes ?? Array(text.utf8) }
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

    /// The whole batch is UTF-8, and so is each line; looked at when that is asked for.
    private lazy var isValid = unsafe UTF8Scan.isWellFormed(batch.bytes)

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
        guard let line = unsafe next() else { return nil }
        return unsafe Line(line, batch.source, isValid: isValid, missing: batch.missingCount)
    }
}
