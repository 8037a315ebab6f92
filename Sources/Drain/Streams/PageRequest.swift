/// Which part of a stream is wanted: see `PageReader`.
public struct PageRequest: Sendable, Hashable {
    /// What `count` counts.
    public enum Unit: Sendable, Hashable {
        case bytes
        case lines
    }

    /// Where a page begins.
    public enum Start: Sendable, Hashable {
        /// At a position of the stream, the first byte being 0. Negative: so many bytes before its end, as
        /// it is now. A position inside of a character moves to that character's end.
        case byte(Int)
        /// At a line of the stream, the first being 0. Negative: so many lines before its end; a last line
        /// without a newline counts once the stream has ended.
        case line(Int)
    }

    public var unit: Unit
    public var start: Start
    /// The most bytes or lines of a page, at least 1.
    public var count: Int
    /// The most bytes of a page, whatever the unit, at least 1: what bounds its memory.
    public var byteLimit: Int

    /// What a page has told: this line, or what is left of it, begins at this position.
    struct Mark: Sendable, Hashable {
        var byte: Int
        var line: Int
    }
    /// Good only while `start` says the same position.
    var mark: Mark?

    public static let defaultByteLimit = 1 << 20

    public init(_ unit: Unit, from start: Start, count: Int, byteLimit: Int = defaultByteLimit) {
        self.unit = unit
        self.start = start
        self.count = count
        self.byteLimit = byteLimit
    }

    /// Bytes from a position on, or from so many before the end.
    public static func bytes(
        from start: Int = 0, count: Int, byteLimit: Int = defaultByteLimit
    ) -> PageRequest {
        PageRequest(.bytes, from: .byte(start), count: count, byteLimit: byteLimit)
    }

    /// Lines from a line on, or from so many before the end.
    public static func lines(
        from start: Int = 0, count: Int, byteLimit: Int = defaultByteLimit
    ) -> PageRequest {
        PageRequest(.lines, from: .line(start), count: count, byteLimit: byteLimit)
    }

    /// The same for what follows a page.
    func continued(at byte: Int, line: Int?) -> PageRequest {
        var next = self
        next.start = .byte(byte)
        next.mark = line.map { Mark(byte: byte, line: $0) }
        return next
    }

    func check() throws(PageError) {
        if count < 1 { throw PageError(.invalidRequest, "count is \(count), and is to be at least 1") }
        if byteLimit < 1 {
            throw PageError(.invalidRequest, "byteLimit is \(byteLimit), and is to be at least 1")
        }
    }
}
