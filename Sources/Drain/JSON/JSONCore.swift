/// Does what `JSONWriter` says. The sink answers whether to go on; once it does not, nothing more is
/// written.
@safe struct JSONCore: ~Copyable {
    typealias Sink = (UnsafeRawBufferPointer) -> Bool

    private let sink: Sink
    private let buffer: UnsafeMutableRawBufferPointer
    private var used = 0
    private var needsComma = false
    private var isBroken = false

    /// Stretches that need no change and are at least so long are not copied.
    private static let direct = 16 << 10

    init(capacity: Int, sink: @escaping Sink) {
        unsafe self.sink = sink
        unsafe buffer = .allocate(byteCount: max(64, capacity), alignment: 64)
    }

    deinit {
        unsafe buffer.deallocate()
    }

    mutating func flush() {
        guard used > 0 else { return }
        unsafe hand(UnsafeRawBufferPointer(rebasing: buffer[..<used]))
        used = 0
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
        var index = 0
        while index < bytes.count {
            let end = unsafe UTF8Scan.skipASCII(bytes, from: index)
            unsafe copy(UnsafeRawBufferPointer(rebasing: bytes[index..<end]))
            index = end
            // A value ends in ASCII: no sequence is cut off by its end.
            if index < bytes.count { index += unsafe sequence(bytes, at: index) ?? 1 }
        }
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

    /// One stretch of a string. What needs no change is copied in runs as long as they come; between them
    /// it goes eight bytes, or one that is not plain, at a time.
    private mutating func text(_ bytes: UnsafeRawBufferPointer, _ repair: inout UTF8Repair) {
        let count = bytes.count
        var index = unsafe repair.resume(bytes) { piece in
            unsafe copy(piece)
        } replacement: {
            replacement()
        }
        while index < count {
            room(8)
            if index + 8 <= count {
                let word = unsafe bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self).littleEndian
                let special = Plain.special(word)
                if special == 0 {
                    let end = unsafe Plain.skip(bytes, from: index + 8)
                    unsafe copy(UnsafeRawBufferPointer(rebasing: bytes[index..<end]))
                    index = end
                    continue
                }
                // Eight bytes go out, and those that were not plain are written over.
                let plain = special.trailingZeroBitCount / 8
                unsafe buffer.storeBytes(of: word.littleEndian, toByteOffset: used, as: UInt64.self)
                used += plain
                index += plain
            }
            let lead = unsafe bytes[index]
            if lead >= 0x80 {
                guard let length = unsafe sequence(bytes, at: index) else {
                    return unsafe repair.suspend(bytes, at: index)
                }
                index += length
            } else {
                if Plain.isPlain(lead) { byte(lead) } else { escape(lead) }
                index += 1
            }
        }
    }

    /// A sequence, well-formed or not. The bytes taken; nil if there are too few to tell.
    private mutating func sequence(_ bytes: UnsafeRawBufferPointer, at index: Int) -> Int? {
        room(4)
        switch unsafe UTF8Scan.step(at: index, in: bytes) {
        case .wellFormed(let length):
            for offset in 0..<length { unsafe put(bytes[index + offset]) }
            return length
        case .illFormed(let length):
            replacement()
            return length
        case .unfinished:
            return nil
        }
    }

    private mutating func replacement() {
        room(3)
        put(0xEF)
        put(0xBF)
        put(0xBD)
    }

    private mutating func escape(_ byte: UInt8) {
        room(6)
        put(UInt8(ascii: "\\"))
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): put(byte)
        case 0x08: put(UInt8(ascii: "b"))
        case 0x09: put(UInt8(ascii: "t"))
        case 0x0A: put(UInt8(ascii: "n"))
        case 0x0C: put(UInt8(ascii: "f"))
        case 0x0D: put(UInt8(ascii: "r"))
        default:
            put(UInt8(ascii: "u"))
            put(UInt8(ascii: "0"))
            put(UInt8(ascii: "0"))
            put(UInt8(ascii: "0") + byte >> 4)
            let low = byte & 15
            put(low < 10 ? UInt8(ascii: "0") + low : UInt8(ascii: "a") + low - 10)
        }
    }

    // MARK: Bytes

    private mutating func separate() {
        if needsComma { byte(UInt8(ascii: ",")) }
    }

    /// Makes sure of `count` free bytes, which must not be more than the buffer has.
    private mutating func room(_ count: Int) {
        if unsafe buffer.count - used < count { flush() }
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
            unsafe room(min(rest.count, buffer.count))
            let count = unsafe min(rest.count, buffer.count - used)
            unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[used..<used + count])
                .copyMemory(from: UnsafeRawBufferPointer(rebasing: rest[..<count]))
            used += count
            unsafe rest = UnsafeRawBufferPointer(rebasing: rest[count...])
        }
    }
}

/// Bytes that stand in a JSON string as they are, whatever is around them: ASCII without control
/// characters, quotes and backslashes.
private enum Plain {
    static func isPlain(_ byte: UInt8) -> Bool {
        byte >= 0x20 && byte < 0x80 && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
    }

    private static let ones: UInt64 = 0x0101_0101_0101_0101
    private static let tops: UInt64 = 0x8080_8080_8080_8080

    /// The top bit of every byte that is not plain, and perhaps of some behind the first one of them.
    @inline(__always)
    static func special(_ word: UInt64) -> UInt64 {
        // Taking 0x20 away borrows into the top bit of a byte below it; so does taking 1 from what
        // an exclusive or made 0. A borrow can reach the next byte only from one that is not plain.
        let quotes = word ^ (ones &* UInt64(UInt8(ascii: "\"")))
        let slashes = word ^ (ones &* UInt64(UInt8(ascii: "\\")))
        return (word | (word &- ones &* 0x20) | (quotes &- ones) | (slashes &- ones)) & tops
    }

    /// The first place at or after `start`, by steps of eight bytes, where not all are plain, or nearly the end.
    static func skip(_ bytes: UnsafeRawBufferPointer, from start: Int) -> Int {
        let ones = SIMD4<UInt64>(repeating: ones)
        let tops = SIMD4<UInt64>(repeating: tops)
        var index = start
        let count = bytes.count
        while index + 32 <= count {
            let chunk = unsafe bytes.loadUnaligned(fromByteOffset: index, as: SIMD4<UInt64>.self)
            let quotes = chunk ^ (ones &* UInt64(UInt8(ascii: "\"")))
            let slashes = chunk ^ (ones &* UInt64(UInt8(ascii: "\\")))
            let special = chunk | (chunk &- ones &* 0x20) | (quotes &- ones) | (slashes &- ones)
            if special & tops != .zero { break }
            index += 32
        }
        while index + 8 <= count,
            special(unsafe bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)) == 0
        { index += 8 }
        return index
    }
}
