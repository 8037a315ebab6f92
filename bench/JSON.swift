import Drain
import Foundation

/// Those that write a long text as one JSON string, of the kinds that make a difference.
func jsonGroup(_ tools: Tools) -> Group {
    let count = tools.quick ? 16 << 20 : 64 << 20
    let texts = JSONTexts(count: count)
    let subject = "plain text"
    var contenders = JSONTexts.units.map { name, unit in
        Contender(name: name) { try texts.drain(name, unit) }
    }
    contenders.append(Contender(name: "random bytes") { try texts.drain("random bytes", nil) })
    let encoder = "plain text, JSONEncoder"
    contenders.append(
        Contender(name: encoder) { try texts.foundation(subject, JSONTexts.units[0].1) })
    return Group(
        name: "json", title: "\(size(count)) as one JSON string, in this process", rounds: 5,
        contenders: contenders, columns: [.figure(.rate), .median(.wall), .ratio(.rate)], subject: subject,
        notes: ["GB/s of what is read; all but the last row are Drain's JSONWriter"],
        goals: [
            Goal(.rate, .least(3)), Goal(.rate, of: "an escape per line of 80", .least(1.5)),
            Goal(.rate, of: "random bytes", .least(0.5)), Goal(.rate, by: encoder, .least(20)),
        ])
}

private final class JSONTexts {
    /// What is repeated; what has no newline has nothing to escape.
    static let units: [(String, [UInt8])] = [
        ("plain text", Array("nothing in here but letters, digits and the like: 0123456789. ".utf8)),
        (
            "an escape per line of 80",
            Array((String(repeating: "of a log, ", count: 8).dropLast() + "\n").utf8)
        ),
        ("two escapes in 7 bytes", Array("\"fox\": ".utf8)),
        ("German and Czech by lines", Array("Größe über alles; příliš žluťoučký kůň, and so on\n".utf8)),
        ("Greek and Russian by lines", Array("ξεσκεπάζω την ψυχοφθόρα; съешь ещё этих булок\n".utf8)),
        ("Chinese and Japanese", Array("天地玄黃，宇宙洪荒。いろはにほへと、ちりぬるを。".utf8)),
        ("the same with emoji by lines", Array("天地玄黃😀，いろは 🚀🎉 にほへと\n".utf8)),
        (
            "a byte per line that is bad",
            Array("on this line one byte is".utf8) + [0xFF] + Array("not text at all\n".utf8)
        ),
    ]

    private let count: Int
    private var made: [String: OSString] = [:]

    init(count: Int) { self.count = count }

    private func text(_ name: String, _ unit: [UInt8]?) -> OSString {
        if let text = made[name] { return text }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count)
        if let unit {
            while bytes.count + unit.count <= count { bytes += unit }
        } else {
            var dice = SystemRandomNumberGenerator()
            while bytes.count + 8 <= count {
                withUnsafeBytes(of: dice.next()) { bytes += $0 }
            }
        }
        let text = OSString(bytes: bytes)
        made[name] = text
        return text
    }

    func drain(_ name: String, _ unit: [UInt8]?) throws -> Sample {
        let text = text(name, unit)
        var written = 0
        let start = now()
        var writer = JSONWriter<Never> { written += $0.byteCount }
        writer.value(text)
        writer.flush()
        return try sample(of: text, since: start, written)
    }

    func foundation(_ name: String, _ unit: [UInt8]) throws -> Sample {
        let text = text(name, unit)
        let string = String(decoding: text.bytes, as: UTF8.self)
        let start = now()
        let written = try JSONEncoder().encode(string).count
        return try sample(of: text, since: start, written)
    }

    private func sample(of text: OSString, since start: Double, _ written: Int) throws -> Sample {
        let wall = now() - start
        guard written >= text.bytes.count + 2 else { throw Failure("only \(written) bytes were written") }
        return [.wall: wall * 1000, .rate: Double(text.bytes.count) / wall / 1e9]
    }
}
