import Foundation

@testable import Drain

/// Any values in any order, read back by a strict reader as what they were, and by Foundation's.
func fuzzJSON(_ feed: inout Feed) {
    let capacity = feed.pick([0, 64, 65, 67, 100, 1000, 64 << 10])
    var expected: [Strict.Value] = []
    let bytes = json(capacity) { writer in
        repeat {
            expected.append(write(&feed, &writer, depth: 0))
            writer.newline()
        } while !feed.isEmpty && expected.count < 4
    }
    let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).dropLast()
    require(lines.count == expected.count, "\(expected.count) texts take \(lines.count) lines")
    for (line, value) in zip(lines, expected) {
        let text = String(decoding: line, as: UTF8.self)
        require(Strict.parse(Array(line)) == value, "\(text) should be \(value)")
        require(
            (try? JSONSerialization.jsonObject(with: Data(line), options: .fragmentsAllowed)) != nil,
            "Foundation cannot read \(text)")
    }
}

private func write(_ feed: inout Feed, _ writer: inout JSONWriter<Never>, depth: Int) -> Strict.Value {
    let kind = feed.byte() % (depth < 5 ? 10 : 8)
    switch kind {
    case 0:
        writer.null()
        return .null
    case 1:
        let flag = feed.flag()
        writer.value(flag)
        return .bool(flag)
    case 2:
        let number = feed.flag() ? feed.number() : feed.byte() - 128
        writer.value(number)
        return .number(number)
    case 3, 4:
        let string = String(decoding: feed.string(), as: UTF8.self)
        writer.value(string)
        return .string(Array(string.utf8))
    case 5:
        let bytes = feed.string()
        writer.value(OSString(bytes: bytes))
        return .string(Array(String(decoding: bytes, as: UTF8.self).utf8))
    case 6, 7:
        return writeCapture(&feed, &writer)
    case 8:
        var values: [Strict.Value] = []
        writer.beginArray()
        for _ in 0..<feed.byte() % 6 { values.append(write(&feed, &writer, depth: depth + 1)) }
        writer.endArray()
        return .array(values)
    default:
        var members: [Strict.Member] = []
        writer.beginObject()
        for _ in 0..<feed.byte() % 6 {
            let name = String(decoding: feed.string(), as: UTF8.self)
            writer.key(name)
            let value = write(&feed, &writer, depth: depth + 1)
            members.append(Strict.Member(name: Array(name.utf8), value: value))
        }
        writer.endObject()
        return .object(members)
    }
}

private func writeCapture(_ feed: inout Feed, _ writer: inout JSONWriter<Never>) -> Strict.Value {
    let kept = feed.capture()
    let encoding = feed.pick(ContentEncoding.allCases)
    writer.value(kept, as: encoding)
    switch encoding {
    case .none: return .null
    case .text: return .string(Array(String(decoding: kept.content, as: UTF8.self).utf8))
    case .base64: return .string(Array(Data(kept.content).base64EncodedString().utf8))
    }
}

extension Feed {
    /// What was kept of some stream.
    mutating func capture(eof: Bool = true) -> Capture {
        let (cap, shape, seam) = (byte(), byte(), byte())
        let retention = Retention(
            cap: cap < 0xC0 ? cap : cap << 8, keep: Limits.Keep.allCases[shape % 3],
            cut: Limits.Cut.allCases[shape / 3 % 3], notice: shape & 0x80 != 0)
        var buffer = stored(string(), retention.storage, seam: seam, rubbish: 0x22)
        buffer.eof = eof
        return Capture(buffer, retention)
    }
}
