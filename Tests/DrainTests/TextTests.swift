import CDrain
import Foundation
import Testing

@testable import Drain

@Suite("Bytes as text")
struct TextTests {
    /// What comes of bytes that were read into up to three stretches of memory.
    static func repaired(_ bytes: [UInt8], cuts: (Int, Int)) -> String {
        let (first, second) = (min(cuts.0, cuts.1), max(cuts.0, cuts.1))
        let keep = drain_keep(head: first, tail: bytes.count - first)
        let whole = Retention(cap: bytes.count, keep: .both, cut: .byte, notice: false)
        let kept = Capture(stored(bytes, keep, seam: bytes.count - second), whole)
        #expect(kept.isValidUTF8 == (String(validating: bytes, as: UTF8.self) != nil))
        return (try? unfragmented(json(capacity: 64) { $0.value(kept, as: .text) })) ?? "not JSON"
    }

    @Test("U+FFFD stands where the standard library puts it, however the bytes are parted")
    func generated() {
        var dice = Dice(seed: 5)
        for _ in 0..<6000 {
            let bytes = dice.text(of: dice.roll(0...80), illFormed: dice.pick([0, 30, 90]))
            let cuts = (dice.roll(0...bytes.count), dice.roll(0...bytes.count))
            let got = Self.repaired(bytes, cuts: cuts)
            // Compared as bytes: strings would compare as characters do.
            guard Array(got.utf8) == Array(String(decoding: bytes, as: UTF8.self).utf8) else {
                Issue.record("\(bytes) parted at \(cuts) gave \(Array(got.utf8))")
                return
            }
        }
    }

    @Test("every ill-formed sequence, byte by byte and in every surrounding")
    func everyIllFormed() {
        for first in Dice.illFormed {
            for second in Dice.illFormed + Dice.wellFormed.map({ Array($0.utf8) }) {
                let bytes = [0x61] + first + second
                let expected = String(decoding: bytes, as: UTF8.self)
                for cut in 0...bytes.count {
                    #expect(Self.repaired(bytes, cuts: (cut, min(cut + 1, bytes.count))) == expected)
                }
            }
        }
    }

    @Test("every pair of bytes after every lead that begins a sequence")
    func exhaustive() {
        for lead in 0xC0...0xFF {
            for second in stride(from: 0x7F, through: 0xC0, by: 1) {
                let bytes = [UInt8(lead), UInt8(second), 0x80, 0x80, 0x41]
                let expected = Array(String(decoding: bytes, as: UTF8.self).utf8)
                for cuts in [(1, 2), (1, 3), (2, 3)] {
                    #expect(Array(Self.repaired(bytes, cuts: cuts).utf8) == expected)
                }
            }
        }
    }

    @Test("text, JSON and validity of a capture agree with the standard library")
    func captures() throws {
        var dice = Dice(seed: 6)
        for _ in 0..<2000 {
            let stream = dice.text(of: dice.roll(0...120), illFormed: dice.pick([0, 10, 60]))
            let retention = Retention(
                cap: dice.roll(0...130), keep: dice.pick(Limits.Keep.allCases),
                cut: dice.pick(Limits.Cut.allCases), notice: dice.chance(1, in: 3))
            let kept = capture(stream, retention, seam: dice.roll(0...130))
            let expected = String(decoding: kept.content, as: UTF8.self)
            #expect(Array(kept.text.utf8) == Array(expected.utf8))
            #expect(kept.isValidUTF8 == (String(validating: kept.bytes, as: UTF8.self) != nil))
            let text = json(capacity: 64) { $0.value(kept, as: .text) }
            #expect(try unfragmented(text) == expected)
            let base64 = json(capacity: 64) { $0.value(kept, as: .base64) }
            #expect(base64 == "\"" + Data(kept.content).base64EncodedString() + "\"")
        }
    }

    /// Runs long and short, of bytes that need no change, of those that do, and of any bytes at all.
    static func patchwork(_ dice: inout Dice) -> [UInt8] {
        var bytes: [UInt8] = []
        for _ in 0..<dice.roll(1...6) {
            let length = dice.pick([1, 20, 300, 3000, 20_000])
            switch dice.roll(0...4) {
            case 0: bytes += repeatElement(0x78, count: length)
            case 1: for _ in 0..<length / 3 { bytes += Array(dice.pick(["天", "é", "😀", "x"]).utf8) }
            case 2: for _ in 0..<length { bytes.append(UInt8(dice.roll(0...255))) }
            case 3: bytes += dice.text(of: min(length, 500), illFormed: dice.pick([0, 5, 90]))
            default: bytes += Array("a line\n\"and another\"\t".utf8)
            }
        }
        return bytes
    }

    @Test("long texts of any kinds through a buffer of any size")
    func longTexts() throws {
        var dice = Dice(seed: 11)
        for _ in 0..<150 {
            let bytes = Self.patchwork(&dice)
            let expected = String(decoding: bytes, as: UTF8.self)
            let kept = capture(
                bytes, .init(cap: bytes.count, keep: .both, cut: .byte, notice: false),
                seam: dice.roll(0...bytes.count))
            let text = json(capacity: dice.pick([64, 100, 1000, 1 << 16])) { $0.value(kept, as: .text) }
            #expect(try Array(#require(try unfragmented(text)).utf8) == Array(expected.utf8))
            #expect(kept.isValidUTF8 == (String(validating: bytes, as: UTF8.self) != nil))
        }
    }

    @Test("what is JSON already is repaired and otherwise left as it is")
    func repairedJSON() {
        var dice = Dice(seed: 12)
        for _ in 0..<150 {
            let bytes = Self.patchwork(&dice) + [0x22]
            var written: [UInt8] = []
            var core = JSONCore(capacity: dice.pick([64, 100, 1 << 16])) { piece in
                written += piece
                return true
            }
            bytes.withUnsafeBytes { core.json($0) }
            core.flush()
            #expect(written == Array(String(decoding: bytes, as: UTF8.self).utf8))
        }
    }

    @Test("a whole cut by characters of valid text is valid text", arguments: Limits.Keep.allCases)
    func validStaysValid(keep: Limits.Keep) {
        var dice = Dice(seed: 7)
        for _ in 0..<500 {
            let text = (0..<40).map { _ in dice.pick(Dice.wellFormed) }.joined()
            #expect(capture(text, cap: dice.roll(0...90), keep: keep, seam: dice.roll(0...90)).isValidUTF8)
        }
    }

    @Test("kept bytes are a collection like an array of them")
    func collection() {
        var dice = Dice(seed: 8)
        for _ in 0..<200 {
            let stream = dice.text(of: dice.roll(0...60))
            let retention = Retention(cap: dice.roll(0...60), keep: .both, cut: .byte, notice: false)
            let kept = capture(stream, retention, seam: dice.roll(0...60)).bytes
            let array = Array(kept)
            #expect(kept.count == array.count && kept.indices.allSatisfy { kept[$0] == array[$0] })
            #expect(kept.reversed().elementsEqual(array.reversed()))
            var spans: [UInt8] = []
            var runs = 0
            kept.forEachSpan { span in
                runs += 1
                span.withUnsafeBytes { spans += $0 }
            }
            #expect(spans == array && runs <= 3)
            let storage = kept.withContiguousStorageIfAvailable { Array($0) }
            #expect(storage == nil || storage == array)
            #expect(array.isEmpty || (storage == nil) == (runs > 1))
        }
    }
}

/// What a writer writes, through a buffer of a given size.
func json(capacity: Int = 1 << 16, _ body: (inout JSONWriter<Never>) -> Void) -> String {
    var bytes: [UInt8] = []
    var writer = JSONWriter<Never>(capacity: capacity) { span in
        span.withUnsafeBytes { bytes.append(contentsOf: $0) }
    }
    body(&writer)
    writer.flush()
    return String(validating: bytes, as: UTF8.self) ?? "not UTF-8"
}

/// The string that a JSON text is.
func unfragmented(_ text: String) throws -> String? {
    try JSONSerialization.jsonObject(with: Data(text.utf8), options: .fragmentsAllowed) as? String
}
