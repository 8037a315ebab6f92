/// Memory with valid JSON in it, which does not change any more.
protocol JSONLines: AnyObject, Sendable {
    /// Good for as long as `self` lives.
    var lines: UnsafeRawBufferPointer { get }
}

/// One line on its own.
private final class JSONLine: JSONLines {
    private let block: ByteBlock
    private let count: Int

    /// A copy.
    init(_ bytes: UnsafeRawBufferPointer) {
        block = ByteBlock(capacity: bytes.count)
        count = bytes.count
        if let start = bytes.baseAddress { unsafe block.base.copyMemory(from: start, byteCount: count) }
    }

    var lines: UnsafeRawBufferPointer { unsafe block.bytes(0..<count) }
}

/// One JSON value as it was written: a kept event, or what stands in it.
///
/// A value that shares the memory of its `Events`. Any thread may use it. Looking something up reads
/// the text from its start; nothing is decoded but what is asked for.
public struct JSONText: Sendable {
    private let log: any JSONLines
    private let range: Range<Int>

    /// - Parameter range: of one whole value in the kept lines, valid and without space around it.
    init(log: any JSONLines, range: Range<Int>) {
        self.log = log
        self.range = range
    }

    /// - Parameter line: an object with nothing but white space around it. Copied.
    init(line: UnsafeRawBufferPointer) {
        let start = unsafe line.firstIndex(of: UInt8(ascii: "{"))!
        let end = unsafe line.lastIndex(of: UInt8(ascii: "}"))! + 1
        unsafe self.init(
            log: JSONLine(UnsafeRawBufferPointer(rebasing: line[start..<end])), range: 0..<end - start)
    }

    /// The string in the member `type`.
    public var type: String? { self["type"]?.string }

    /// The value of a member, if this is an object that has it; of several, the last.
    public subscript(name: String) -> JSONText? {
        let wanted = OSString(name).bytes
        var found: Range<Int>?
        forEachMember { key, value in
            if unsafe JSONScan.unescaped(bytes, key) == wanted { found = value }
        }
        return found.map { part($0) }
    }

    /// What a string says; nil if this is none. Bytes that are not UTF-8, and halves of surrogate
    /// pairs, are U+FFFD.
    public var string: String? {
        guard kind == .string else { return nil }
        return unsafe String(decoding: JSONScan.unescaped(bytes, 0..<range.count), as: UTF8.self)
    }

    /// The number, if this is one that an `Int` holds and that is written without fraction and exponent.
    public var integer: Int? { kind == .number ? Int(text) : nil }

    /// The value as it was written, as text; bytes that are not UTF-8 are U+FFFD.
    public var text: String { unsafe String(decoding: bytes, as: UTF8.self) }

    /// The bytes as they were written, without a copy, good inside of `body` only.
    public func withSpan<R, E>(_ body: (RawSpan) throws(E) -> R) throws(E) -> R {
        try unsafe body(RawSpan(_unsafeBytes: bytes))
    }

    enum Kind { case object, array, string, number, bool, null }

    var kind: Kind {
        switch unsafe bytes[0] {
        case UInt8(ascii: "{"): .object
        case UInt8(ascii: "["): .array
        case UInt8(ascii: "\""): .string
        case UInt8(ascii: "t"), UInt8(ascii: "f"): .bool
        case UInt8(ascii: "n"): .null
        default: .number
        }
    }

    /// Good for as long as the log lives.
    var bytes: UnsafeRawBufferPointer { unsafe UnsafeRawBufferPointer(rebasing: log.lines[range]) }

    /// The members of an object: where the name, with its quotes, and the value stand in `bytes`.
    func forEachMember<E>(_ body: (Range<Int>, Range<Int>) throws(E) -> Void) throws(E) {
        guard kind == .object else { return }
        let bytes = unsafe self.bytes
        var at = unsafe JSONScan.skipSpace(bytes, 1)
        while unsafe bytes[at] != UInt8(ascii: "}") {
            let name = unsafe at..<JSONScan.skipValue(bytes, at)
            // Over the colon.
            let start = unsafe JSONScan.skipSpace(bytes, JSONScan.skipSpace(bytes, name.upperBound) + 1)
            let value = unsafe start..<JSONScan.skipValue(bytes, start)
            try body(name, value)
            at = unsafe JSONScan.skipComma(bytes, value.upperBound)
        }
    }

    /// The elements of an array: where they stand in `bytes`.
    func forEachElement<E>(_ body: (Range<Int>) throws(E) -> Void) throws(E) {
        guard kind == .array else { return }
        let bytes = unsafe self.bytes
        var at = unsafe JSONScan.skipSpace(bytes, 1)
        while unsafe bytes[at] != UInt8(ascii: "]") {
            let value = unsafe at..<JSONScan.skipValue(bytes, at)
            try body(value)
            at = unsafe JSONScan.skipComma(bytes, value.upperBound)
        }
    }

    func part(_ inner: Range<Int>) -> JSONText {
        JSONText(log: log, range: range.lowerBound + inner.lowerBound..<range.lowerBound + inner.upperBound)
    }
}

/// Finding one's way in text that is known to be valid JSON.
enum JSONScan {
    static func skipSpace(_ bytes: UnsafeRawBufferPointer, _ start: Int) -> Int {
        var at = start
        while unsafe bytes[at] <= 0x20 { at += 1 }
        return at
    }

    /// From behind a value to the next one, or to the bracket that closes.
    static func skipComma(_ bytes: UnsafeRawBufferPointer, _ start: Int) -> Int {
        let at = unsafe skipSpace(bytes, start)
        return unsafe bytes[at] == UInt8(ascii: ",") ? skipSpace(bytes, at + 1) : at
    }

    /// Behind the value that starts here.
    static func skipValue(_ bytes: UnsafeRawBufferPointer, _ start: Int) -> Int {
        var (at, depth) = (start, 0)
        repeat {
            switch unsafe bytes[at] {
            case UInt8(ascii: "\""): at = unsafe skipString(bytes, at) - 1
            case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
            default: if depth == 0 { return unsafe skipWord(bytes, at) }
            }
            at += 1
        } while depth > 0
        return at
    }

    /// A number, true, false or null.
    private static func skipWord(_ bytes: UnsafeRawBufferPointer, _ start: Int) -> Int {
        var at = start
        while at < bytes.count {
            switch unsafe bytes[at] {
            case 0...0x20, UInt8(ascii: ","), UInt8(ascii: "}"), UInt8(ascii: "]"): return at
            default: at += 1
            }
        }
        return at
    }

    /// Behind the quote that ends the string whose first one is here.
    private static func skipString(_ bytes: UnsafeRawBufferPointer, _ start: Int) -> Int {
        var at = start + 1
        while unsafe bytes[at] != UInt8(ascii: "\"") {
            at += unsafe bytes[at] == UInt8(ascii: "\\") ? 2 : 1
        }
        return at + 1
    }

    /// What the string in this range, its quotes included, says.
    static func unescaped(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(range.count)
        var at = range.lowerBound + 1
        while at < range.upperBound - 1 {
            let byte = unsafe bytes[at]
            at += 1
            guard byte == UInt8(ascii: "\\") else {
                result.append(byte)
                continue
            }
            let letter = unsafe bytes[at]
            at += 1
            switch letter {
            case UInt8(ascii: "b"): result.append(0x08)
            case UInt8(ascii: "f"): result.append(0x0C)
            case UInt8(ascii: "n"): result.append(0x0A)
            case UInt8(ascii: "r"): result.append(0x0D)
            case UInt8(ascii: "t"): result.append(0x09)
            case UInt8(ascii: "u"): unsafe appendScalar(bytes, &at, to: &result)
            default: result.append(letter)
            }
        }
        return result
    }

    /// `at` is behind \u, and comes to stand behind what belongs to it.
    private static func appendScalar(
        _ bytes: UnsafeRawBufferPointer, _ at: inout Int, to result: inout [UInt8]
    ) {
        var value = unsafe unit(bytes, at)
        at += 4
        // Behind a high surrogate at least the closing quote comes, so these bytes are there or end it.
        if 0xD800...0xDBFF ~= value, unsafe bytes[at] == UInt8(ascii: "\\"),
            unsafe bytes[at + 1] == UInt8(ascii: "u")
        {
            let low = unsafe unit(bytes, at + 2)
            if 0xDC00...0xDFFF ~= low {
                value = 0x10000 + (value - 0xD800) << 10 + (low - 0xDC00)
                at += 6
            }
        }
        result += String(Unicode.Scalar(value) ?? "\u{FFFD}").utf8
    }

    private static func unit(_ bytes: UnsafeRawBufferPointer, _ start: Int) -> UInt32 {
        var value: UInt32 = 0
        for index in start..<start + 4 {
            let digit = unsafe bytes[index]
            value = value << 4 | UInt32(digit <= 0x39 ? digit - 0x30 : digit | 0x20 - 0x57)
        }
        return value
    }
}
