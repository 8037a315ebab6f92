/// Writes one JSON text (RFC 8259) through a fixed buffer to a sink, so that what is written never
/// takes more memory than the buffer, however long it is.
///
/// The caller says what comes in order: `beginObject()`, `key("a")`, `value(1)`, `endObject()`; commas
/// are put where they belong. Any error is the sink's own; after one, nothing more is written and every
/// call throws it. Nothing is complete before `flush()`. Used by one thread at a time.
public struct JSONWriter<Failure: Error>: ~Copyable {
    /// Gets the text piece by piece. The span is good inside of the call only.
    public typealias Sink = (RawSpan) throws(Failure) -> Void

    // The work is done by a type that is not generic: this one is compiled anew, or not specialised at
    // all, wherever it is used.
    private var core: JSONCore
    private let failure = FailureBox<Failure>()

    /// - Parameter capacity: the bytes of the buffer, at least 64.
    public init(capacity: Int = 64 << 10, sink: @escaping Sink) {
        core = unsafe JSONCore(capacity: capacity) { [failure] bytes in
            do throws(Failure) {
                try unsafe sink(RawSpan(_unsafeBytes: bytes))
                return true
            } catch {
                failure.value = error
                return false
            }
        }
    }

    private func check() throws(Failure) {
        if let error = failure.value { throw error }
    }

    /// Hands the rest to the sink.
    public mutating func flush() throws(Failure) {
        core.flush()
        try check()
    }

    // MARK: Structure

    public mutating func beginObject() throws(Failure) {
        core.open("{")
        try check()
    }

    public mutating func endObject() throws(Failure) {
        core.close("}")
        try check()
    }

    public mutating func beginArray() throws(Failure) {
        core.open("[")
        try check()
    }

    public mutating func endArray() throws(Failure) {
        core.close("]")
        try check()
    }

    /// The name of the member whose value comes next.
    public mutating func key(_ name: String) throws(Failure) {
        core.key(name)
        try check()
    }

    /// A newline after the text, as between the objects of NDJSON.
    public mutating func newline() throws(Failure) {
        core.newline()
        try check()
    }

    // MARK: Values

    public mutating func null() throws(Failure) {
        core.word("null")
        try check()
    }

    public mutating func value(_ bool: Bool) throws(Failure) {
        core.word(bool ? "true" : "false")
        try check()
    }

    public mutating func value(_ number: Int) throws(Failure) {
        core.number(number)
        try check()
    }

    public mutating func value(_ string: String) throws(Failure) {
        core.string(string)
        try check()
    }

    /// As text; invalid UTF-8 becomes U+FFFD.
    public mutating func value(_ string: OSString) throws(Failure) {
        core.string(string)
        try check()
    }

    /// What was kept of a stream, its notice included.
    public mutating func value(_ capture: Capture, as encoding: ContentEncoding) throws(Failure) {
        core.content(capture, encoding)
        try check()
    }

    mutating func write(_ report: Report, _ encoding: ContentEncoding) throws(Failure) {
        core.report(report, encoding)
        try check()
    }
}

/// Carries an error past code that cannot throw it.
private final class FailureBox<Failure: Error> {
    var value: Failure?
}

extension JSONWriter where Failure == Never {
    /// One object with these members, and a newline: for what is small.
    static func line(_ members: (inout JSONWriter<Never>) -> Void) -> String {
        var bytes: [UInt8] = []
        var writer = JSONWriter<Never>(capacity: 4096) { piece in
            unsafe piece.withUnsafeBytes { unsafe bytes.append(contentsOf: $0) }
        }
        writer.beginObject()
        members(&writer)
        writer.endObject()
        writer.newline()
        writer.flush()
        return String(decoding: bytes, as: UTF8.self)
    }
}
