/// Base64 (RFC 4648, section 4) of bytes that come in several stretches.
struct Base64 {
    private var pending: UInt32 = 0
    private var count = 0

    private static let alphabet: [UInt8] = Array(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    /// Four characters, the first in the lowest byte.
    typealias Emit<E: Error> = (UInt32) throws(E) -> Void

    mutating func feed<E>(_ bytes: UnsafeRawBufferPointer, _ emit: Emit<E>) throws(E) {
        for index in 0..<bytes.count {
            pending = unsafe pending << 8 | UInt32(bytes[index])
            count += 1
            if count == 3 {
                try emit(Base64.quad(pending))
                (pending, count) = (0, 0)
            }
        }
    }

    mutating func finish<E>(_ emit: Emit<E>) throws(E) {
        guard count > 0 else { return }
        let padding = UInt32(UInt8(ascii: "="))
        var last = Base64.quad(pending << UInt32(8 * (3 - count)))
        last = last & 0x00FF_FFFF | padding << 24
        if count == 1 { last = last & 0xFF00_FFFF | padding << 16 }
        try emit(last)
        (pending, count) = (0, 0)
    }

    private static func quad(_ bits: UInt32) -> UInt32 {
        func character(_ shift: UInt32) -> UInt32 { UInt32(alphabet[Int(bits >> shift & 63)]) }
        return (character(18) | character(12) << 8 | character(6) << 16 | character(0) << 24).littleEndian
    }
}
