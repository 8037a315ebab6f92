import CDrain

/// Does what `JSONWriter` says. The sink answers whether to go on; once it does not, nothing more is
/// written.
@safe struct JSONCore: ~Copyable {
    typealias Sink = (UnsafeRawBufferPointer) -> Bool

    private let sink: Sink
    /// Behind its capacity there is room for the core to write text to.
    private let buffer: UnsafeMutableRawBufferPointer
    private let capacity: Int
    private var used = 0
    private var needsComma = false
    private var isBroken = false

    /// Stretches that need no change and are at least so long are not copied.
    private static let direct = 16 << 10

    init(capacity: Int, sink: @escaping Sink) {
        unsafe self.sink = sink
        self.capacity = max(64, capacity)
        unsafe buffer = .allocate(byteCount: self.capacity + DRAIN_TEXT_ROOM, alignment: 64)
    }

    deinit {
        unsafe buffer.deallocate()
    }

    mutating func flush() {
        guard used > 0 else { return }
        unsafe hand(UnsafeRawBufferPointer(rebasing: buffer[..<used]))
        used = 0
    }

    /// Hands on what is full, and keeps the little that is beyond it.
    private mutating func flushOverrun() {
        guard used >= capacity else { return }
        let full = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[..<capacity])
        unsafe hand(UnsafeRawBufferPointer(full))
        used -= capacity
        unsafe buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: buffer[capacity..<capacity + used]))
    }

    private mutating func hand(_ bytes: UnsafeRawBufferPointer) {
        if !isBroken { isBroken = unsafe !sink(bytes) }
    }

    // MARK: Structure and values

    mutating func open(_ bracket: Unicode.Scalar) {
        separate()
        byte(UInt8(ascii: bracket))
        needsComma = false
    }

    mutating func close(_ bracket: Unicode.Scalar) {
        byte(UInt8(ascii: bracket))
        needsComma = true
    }

    mutating func key(_ name: String) {
        string(name)
        byte(UInt8(ascii: ":"))
        needsComma = false
    }

    mutating func newline() {
        byte(UInt8(ascii: "\n"))
        needsComma = false
    }

    mutating func word(_ text: String) {
        separate()
        for unit in text.utf8 { byte(unit) }
        needsComma = true
    }

    mutating func number(_ number: Int) {
        word(String(number))
    }

    mutating func string(_ string: String) {
        var string = string
        beginText()
        var repair = UTF8Repair()
        string.withUTF8 { bytes in unsafe text(UnsafeRawBufferPointer(bytes), &repair) }
        endText(&repair)
    }

    mutating func string(_ string: OSString) {
        beginText()
        var repair = UTF8Repair()
        unsafe string.bytes.withUnsafeBytes { bytes in unsafe text(bytes, &repair) }
        endText(&repair)
    }

    mutating func content(_ capture: Capture, _ encoding: ContentEncoding) {
        switch encoding {
        case .none:
            word("null")
        case .text:
            beginText()
            var repair = UTF8Repair()
            unsafe capture.forEachPiece { piece in unsafe text(piece, &repair) }
            endText(&repair)
        case .base64:
            separate()
            byte(UInt8(ascii: "\""))
            var encoder = Base64()
            unsafe capture.forEachPiece { piece in unsafe encoder.feed(piece) { four($0) } }
            encoder.finish { four($0) }
            byte(UInt8(ascii: "\""))
            needsComma = true
        }
    }

    /// A value that is valid JSON but for invalid UTF-8 in its strings, which is replaced.
    mutating func json(_ bytes: UnsafeRawBufferPointer) {
        separate()
        // A value ends in ASCII: no sequence is cut off by its end.
        unsafe write(bytes, from: 0, to: bytes.count, escaping: false)
        needsComma = true
    }

    // MARK: Text

    private mutating func beginText() {
        separate()
        byte(UInt8(ascii: "\""))
    }

    private mutating func endText(_ repair: inout UTF8Repair) {
        repair.finish { replacement() }
        byte(UInt8(ascii: "\""))
        needsComma = true
    }

    /// One stretch of a string.
    private mutating func text(_ bytes: UnsafeRawBufferPointer, _ repair: inout UTF8Repair) {
        let start = unsafe repair.resume(bytes) { piece in
            unsafe copy(piece)
        } replacement: {
            replacement()
        }
        let end = unsafe bytes.count - UTF8Scan.unfinished(bytes[start...])
        unsafe write(bytes, from: start, to: end, escaping: true)
        if end < bytes.count { unsafe repair.suspend(bytes, at: end) }
    }

    /// What needs no change is copied in runs as long as they come; what is between them comes out of
    /// the core, as it should be.
    private mutating func write(
        _ bytes: UnsafeRawBufferPointer, from start: Int, to end: Int, escaping: Bool
    ) {
        guard let base = unsafe bytes.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return }
        var index = start
        while index < end {
            let run = unsafe drain_text_skip(base, index, end, escaping)
            unsafe copy(UnsafeRawBufferPointer(rebasing: bytes[index..<index + run]))
            index += run
            if index == end { break }
            let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[used...])
            let step = unsafe drain_text_write(
                base, index, end, escaping, rest.baseAddress!.assumingMemoryBound(to: UInt8.self), rest.count)
            index += step.taken
            used += step.written
            flushOverrun()
        }
    }

    private mutating func replacement() {
        room(3)
        put(0xEF)
        put(0xBF)
        put(0xBD)
    }

    // MARK: Bytes

    private mutating func separate() {
        if needsComma { byte(UInt8(ascii: ",")) }
    }

    /// Makes sure of `count` free bytes, which must not be more than the capacity.
    private mutating func room(_ count: Int) {
        if capacity - used < count { flush() }
    }

    private mutating func put(_ byte: UInt8) {
        unsafe buffer[used] = byte
        used += 1
    }

    private mutating func byte(_ byte: UInt8) {
        room(1)
        put(byte)
    }

    private mutating func four(_ quad: UInt32) {
        room(4)
        unsafe buffer.storeBytes(of: quad, toByteOffset: used, as: UInt32.self)
        used += 4
    }

    private mutating func copy(_ bytes: UnsafeRawBufferPointer) {
        if bytes.count >= JSONCore.direct {
            flush()
            unsafe hand(bytes)
            return
        }
        var rest = unsafe bytes
        while rest.count > 0 {
            room(min(rest.count, capacity))
            let count = min(rest.count, capacity - used)
            unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[used..<used + count])
                .copyMemory(from: UnsafeRawBufferPointer(rebasing: rest[..<count]))
            used += count
            unsafe rest = UnsafeRawBufferPointer(rebasing: rest[count...])
        }
    }
}
