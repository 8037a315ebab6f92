import Foundation

@testable import Drain

/// U+FFFD where the standard library has it, and base64 as Foundation's, however the bytes are parted.
func fuzzText(_ feed: inout Feed) {
    let (first, second, seam) = (feed.byte(), feed.byte(), feed.byte())
    let capacity = 64 + feed.byte() % 8
    let bytes = feed.flag() ? feed.string() : Array(feed.rest)
    let expected = String(decoding: bytes, as: UTF8.self)
    let isValid = String(validating: bytes, as: UTF8.self) != nil

    let one = json(capacity) { $0.value(OSString(bytes: bytes)) }
    require(Strict.parse(one) == .string(Array(expected.utf8)), "'\(expected)' is \(one)")

    // A head and a ring: up to three stretches in a row.
    let head = min(first, bytes.count)
    let parted = Capture(
        stored(bytes, .init(head: head, tail: bytes.count - head), seam: seam, rubbish: 0xE2),
        Retention(cap: bytes.count, keep: .both, cut: .byte, notice: false))
    let text = json(capacity) { $0.value(parted, as: .text) }
    require(Strict.parse(text) == .string(Array(expected.utf8)), "'\(expected)' in parts is \(text)")
    require(parted.isValidUTF8 == isValid, "\(bytes) is taken for \(parted.isValidUTF8 ? "" : "in")valid")
    let base64 = json(capacity) { $0.value(parted, as: .base64) }
    require(
        base64 == Array("\"\(Data(bytes).base64EncodedString())\"".utf8), "\(bytes) as base64 is \(base64)")

    var repair = UTF8Repair()
    var valid = true
    let cuts = [0, head, min(head + second, bytes.count), bytes.count]
    for (start, end) in zip(cuts, cuts.dropFirst()) {
        bytes[start..<end].withUnsafeBytes { valid = valid && repair.isWellFormed($0) }
    }
    repair.finish { valid = false }
    require(valid == isValid, "\(bytes), parted at \(cuts), is taken for \(valid ? "" : "in")valid")
}

/// What a writer writes.
func json(_ capacity: Int, _ write: (inout JSONWriter<Never>) -> Void) -> [UInt8] {
    var bytes: [UInt8] = []
    var writer = JSONWriter<Never>(capacity: capacity) { span in
        span.withUnsafeBytes { bytes.append(contentsOf: $0) }
    }
    write(&writer)
    writer.flush()
    return bytes
}
