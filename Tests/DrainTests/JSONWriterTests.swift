import Foundation
import Testing

@testable import Drain

@Suite("JSON, written")
struct JSONWriterTests {
    @Test("strings come back as they were, across every boundary of the buffer")
    func strings() throws {
        var dice = Dice(seed: 9)
        let characters = (0..<0x30).map { String(Unicode.Scalar($0)!) } + Dice.wellFormed
        for _ in 0..<2000 {
            let string = (0..<dice.roll(0...90)).map { _ in dice.pick(characters) }.joined()
            let text = json(capacity: dice.pick([0, 64, 65, 67, 100])) { $0.value(string) }
            let back = try #require(try unfragmented(text))
            #expect(Array(back.utf8) == Array(string.utf8))
        }
    }

    @Test("what must be escaped is, in its short form where there is one, and nothing else")
    func escapes() {
        let short = [
            0x08: "\\b", 0x09: "\\t", 0x0A: "\\n", 0x0C: "\\f", 0x0D: "\\r", 0x22: "\\\"", 0x5C: "\\\\",
        ]
        for code in 0..<0x80 {
            let text = json { $0.value(String(Unicode.Scalar(UInt8(code)))) }
            let hex = String(code, radix: 16)
            let long = "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
            let plain = String(Unicode.Scalar(UInt8(code)))
            #expect(text == "\"" + (short[code] ?? (code < 0x20 ? long : plain)) + "\"")
        }
        #expect(json { $0.value("\u{2028}\u{2029}\u{7F}/") } == "\"\u{2028}\u{2029}\u{7F}/\"")
    }

    @Test("one character to escape at every place of a long text")
    func everyOffset() throws {
        for special in ["\"", "\\", "\u{0}", "\u{1F}", "\n", "é", "😀"] {
            for place in 0..<140 {
                let string =
                    String(repeating: "x", count: place) + special
                    + String(repeating: "y", count: 140 - place)
                #expect(try unfragmented(json(capacity: 64) { $0.value(string) }) == string)
            }
        }
    }

    @Test("long stretches are handed on whole, in their place")
    func longStretches() throws {
        var pieces: [Int] = []
        var bytes: [UInt8] = []
        var writer = JSONWriter<Never>(capacity: 64) { span in
            pieces.append(span.byteCount)
            span.withUnsafeBytes { bytes.append(contentsOf: $0) }
        }
        let long = String(repeating: "x", count: 100_000)
        let string = "\n" + long + "\n" + long + "\"end"
        writer.value(string)
        writer.flush()
        #expect(try unfragmented(String(decoding: bytes, as: UTF8.self)) == string)
        #expect(pieces.filter { $0 == 100_000 }.count == 2)
    }

    @Test("the buffer's size is the most that is held back")
    func capacity() {
        var pieces: [Int] = []
        var writer = JSONWriter<Never>(capacity: 100) { pieces.append($0.byteCount) }
        for index in 0..<200 { writer.value(index) }
        writer.flush()
        writer.flush()
        #expect(pieces.allSatisfy { $0 > 0 && $0 <= 100 })
    }

    @Test("commas stand between values, and nowhere else")
    func structure() throws {
        let text = json { writer in
            writer.beginObject()
            writer.key("a")
            writer.beginArray()
            writer.endArray()
            writer.key("b")
            writer.beginObject()
            writer.endObject()
            writer.key("c")
            writer.beginArray()
            writer.beginArray()
            writer.value(1)
            writer.value(-2)
            writer.endArray()
            writer.beginObject()
            writer.key("x\n")
            writer.null()
            writer.key("y")
            writer.value(true)
            writer.endObject()
            writer.value(false)
            writer.value("s")
            writer.endArray()
            writer.key("d")
            writer.value(Int.min)
            writer.endObject()
            writer.newline()
            writer.beginObject()
            writer.endObject()
            writer.newline()
        }
        #expect(
            text == """
                {"a":[],"b":{},"c":[[1,-2],{"x\\n":null,"y":true},false,"s"],"d":-9223372036854775808}
                {}

                """)
    }

    @Test("bytes that are no UTF-8 become U+FFFD, those of an argument too")
    func arguments() {
        let string = OSString(bytes: [0x61, 0xFF, 0xE2, 0x82, 0x22, 0xF0, 0x9F])
        #expect(json { $0.value(string) } == "\"a\u{FFFD}\u{FFFD}\\\"\u{FFFD}\"")
    }

    @Test("an error of the sink's comes out at once, wherever it strikes")
    func sinkErrors() {
        struct Full: Error, Equatable { let after: Int }
        let kept = capture("é\u{0}\"" + String(repeating: "x\n€", count: 200), cap: 1 << 20)
        var completed = false
        for limit in 0..<200 {
            var calls = 0
            var failed: Full?
            var writer = JSONWriter<Full>(capacity: 64) { (_: RawSpan) throws(Full) in
                if calls == limit { throw Full(after: limit) }
                calls += 1
            }
            do throws(Full) {
                try writer.beginArray()
                try writer.value(kept, as: .text)
                try writer.value(kept, as: .base64)
                try writer.value("plain " + kept.text)
                try writer.endArray()
                try writer.flush()
                completed = true
            } catch {
                failed = error
            }
            if completed { break }
            #expect(failed == Full(after: limit) && calls == limit)
        }
        #expect(completed)
    }

    @Test("base64 is Foundation's, for every length and in any stretches")
    func base64() {
        var dice = Dice(seed: 10)
        for length in 0...200 {
            let bytes = (0..<length).map { _ in UInt8(dice.roll(0...255)) }
            for _ in 0..<5 {
                var encoder = Base64()
                var quads: [UInt8] = []
                func take(_ quad: UInt32) { withUnsafeBytes(of: quad) { quads += $0 } }
                var start = 0
                let cuts = (0..<dice.roll(0...4)).map { _ in dice.roll(0...length) }.sorted()
                for end in cuts + [length] {
                    bytes[start..<end].withUnsafeBytes { encoder.feed($0, take) }
                    start = end
                }
                encoder.finish(take)
                #expect(String(decoding: quads, as: UTF8.self) == Data(bytes).base64EncodedString())
            }
        }
    }

    @Test("an encoding of none is null")
    func none() {
        #expect(json { $0.value(capture("x", cap: 5), as: .none) } == "null")
    }
}
