import Drain
import Foundation
import Testing

/// Reads a stream in pieces of these sizes, over and over.
func scan(
    _ stream: [UInt8], _ types: [OSString], maxBytes: Int = EventFilter.defaultBytes, pieces: [Int] = [.max]
) throws -> Events {
    var scanner = try EventScanner(EventFilter(types: types, maxBytes: maxBytes))
    var (at, turn) = (0, 0)
    while at < stream.count {
        let end = at + min(pieces[turn % pieces.count], stream.count - at)
        // A copy of its own: what is read past a piece is found by the sanitizer.
        let piece = Array(stream[at..<end])
        scanner.take(piece.span.bytes)
        (at, turn) = (end, turn + 1)
    }
    return scanner.finish()
}

func scan(_ text: String, _ types: [OSString] = ["t"], maxBytes: Int = EventFilter.defaultBytes) throws
    -> Events
{
    try scan(Array(text.utf8), types, maxBytes: maxBytes)
}

@Suite struct EventScannerTests {
    @Test(arguments: 1...60)
    func `Lines are objects, and wanted, as Foundation has it, however they come in pieces`(seed: Int) throws
    {
        var maker = EventMaker(dice: Dice(seed: UInt64(seed)))
        let stream = maker.stream(lines: 60)
        let model = EventModel(["wanted", "wanted2"], stream)
        let sizes = (0..<7).map { _ in maker.dice.roll(1...maker.dice.pick([1, 3, 40, 400])) }
        for pieces in [[.max], [1], sizes, [64], [63, 65, 1]] {
            let events = try scan(stream, ["wanted", "wanted2"], pieces: pieces)
            #expect(events.map(\.text) == model.events, "pieces \(pieces)")
            #expect(events.count == model.events.count)
            #expect(events.lineCount == model.lines)
            #expect(events.invalidCount == model.invalid)
            #expect(events.droppedCount == 0)
        }
    }

    /// Bodies of strings are read by blocks; whatever stands in them is to be found at every place.
    @Test(arguments: [
        ("\\n", true), ("\\\\", true), ("\\\"", true), ("\\u00e9", true), ("\\uDEAD", true), ("\\/", true),
        ("\\b\\f\\r\\t", true), ("\\\\\\\"\\\\\\\\", true), ("\u{7F}é€😀", true), ("\\x", false),
        ("\\u00g9", false), ("\\ug0e9", false), ("\\u0g41", false), ("\\u004g", false), ("\\u00é", false),
        ("\\u12", false), ("\t", false), ("\0", false),
        ("\u{1F}", false),
        ("\"", false), ("\\U0041", false), ("\\u 041", false), ("\\v", false), ("\\", false),
        ("\\\\\\", false),
    ])
    func `A string is valid or not wherever in it something stands`(what: String, valid: Bool) throws {
        for before in 0..<280 {
            // Blocks begin at the first escape: with one in front, what is tested falls on every place of them.
            let lead = (before < 140 ? "" : "\\n") + String(repeating: "x", count: before % 140)
            let tail = String(repeating: "y", count: (before * 7) % 150)
            let line = "{\"s\":\"\(lead)\(what)\(tail)\",\"type\":\"t\"}"
            // What eats the closing quote makes the tail matter: it is no valid ending either way.
            let events = try scan(line)
            #expect(events.count == (valid ? 1 : 0), "\(before)")
            #expect(events.invalidCount == (valid ? 0 : 1), "\(before)")
        }
    }

    @Test(arguments: [
        "0", "-0", "1", "-1", "10", "0.5", "1.50", "1e1", "1E+1", "1e-01", "0e0", "1.0e0", "true", "false",
        "null",
        "[]", "[[]]", "{}", "[1,2]", "\"\"", " 1 ", "\t[\r1 , 2\t]",
        String(repeating: "9", count: 5000), "1e99999",
    ])
    func `What RFC 8259 allows is a value`(value: String) throws {
        #expect(try scan("{\"type\":\"t\",\"v\":\(value)}").count == 1)
        #expect(try scan("{\"v\":[\(value),\(value)],\"type\":\"t\"}").count == 1)
    }

    @Test(arguments: [
        "", "00", "01", "-", "+1", ".5", "1.", "1.e1", "1e", "1e+", "-01", "0x1", "1_0", "tru", "truee",
        "True", "nul",
        "NaN", "Infinity", "[", "]", "[1", "[1,]", "[,1]", "{", "{,}", "{\"a\"}", "{\"a\":}", "{\"a\":1,}",
        "{a:1}",
        "{1:1}", "'a'", "1 2", "[1 2]", "\u{B}1", "\u{C}1", "\u{A0}1", "/**/1", "[1}", "{\"a\":1]",
        "\u{FEFF}1",
        "\"a", "\"\\", "\u{0}",
    ])
    func `What RFC 8259 does not allow is no value`(value: String) throws {
        let events = try scan("{\"type\":\"t\",\"v\":\(value)}\n{\"type\":\"t\"}\n")
        #expect(events.map(\.text) == ["{\"type\":\"t\"}"])
        #expect(events.invalidCount == 1)
    }

    @Test(arguments: [
        "{}}", "{} {}", "{},", "x{}", "{}x", "[{\"type\":\"t\"}]", "{\"type\":\"t\"}0", "\u{0}{}",
    ])
    func `Only one object stands on a line`(line: String) throws {
        let events = try scan(line)
        #expect(events.isEmpty)
        #expect(events.invalidCount == 1)
    }

    @Test(arguments: [
        ("{\"type\":\"t\"}", true),
        ("{\"\\u0074\\u0079pe\":\"\\u0074\"}", true),
        ("{\"item\":{\"type\":\"t\"}}", true),
        ("{\"item\":{\"x\":{\"type\":\"u\"},\"type\":\"t\"},\"type\":\"u\"}", true),
        ("{\"x\":1,\"y\":[{\"type\":\"t\"}],\"type\":\"t\"}", true),
        ("{\"type\":\"u\",\"type\":\"t\"}", true),
        ("{\"type\":\"t\",\"type\":\"u\"}", false),
        ("{\"type\":\"t\",\"type\":1}", false),
        ("{\"type\":\"t\",\"type\":{\"a\":\"t\"}}", false),
        ("{\"type\":{\"type\":\"t\"}}", true),
        ("{\"item\":{\"type\":\"t\",\"type\":null}}", false),
        ("{\"item\":{\"type\":\"u\"},\"b\":{\"type\":\"t\"}}", true),
        ("{\"a\":{\"type\":\"t\"},\"b\":{\"type\":\"u\"},\"type\":\"u\"}", true),
        ("{\"a\":{\"b\":{\"type\":\"t\"}}}", false),
        ("{\"a\":[{\"type\":\"t\"}]}", false),
        ("{\"Type\":\"t\",\"typ\":\"t\",\"types\":\"t\",\"type \":\"t\"}", false),
        ("{\"type\":\"tt\"}", false), ("{\"type\":\"\"}", false), ("{\"type\":\"T\"}", false),
        ("{\"text\":\"\\\"type\\\":\\\"t\\\"\"}", false),
        ("{\"type\":\"x.Error\"}", true), ("{\"type\":\"FAILED\"}", true),
        ("{\"type\":\"\\u0065rror\"}", true),
        ("{\"type\":\"erro\"}", false), ("{\"type\":\"fail\"}", false),
        ("{\"item\":{\"type\":\"error\"}}", false), ("{\"error\":\"failed\"}", false),
        ("{\"type\":\"\\ud83d\\ude00\"}", true), ("{\"type\":\"😀\"}", true),
        ("{\"type\":\"\\ude00\\ud83d\"}", false),
    ])
    func `An object is wanted for its own type or that of a direct member`(line: String, wanted: Bool) throws
    {
        for pieces in [[1], [.max], [2, 3]] {
            let events = try scan(Array(line.utf8), ["t", "😀"], pieces: pieces)
            #expect(events.map(\.text) == (wanted ? [line] : []))
            #expect(events.lineCount == 1)
            #expect(events.invalidCount == 0)
        }
    }

    @Test func `A type longer than any that is wanted may still be an error's`() throws {
        for before in 0..<200 {
            let type = String(repeating: "e", count: before) + "Error" + String(repeating: "r", count: 90)
            #expect(try scan("{\"type\":\"\(type)\"}").count == 1)
            #expect(try scan("{\"type\":\"\(type.replacing("Error", with: "Erro_"))\"}").isEmpty)
        }
        let long = String(repeating: "long.", count: 1000)
        #expect(try scan("{\"type\":\"\(long)\"}", [OSString(long)]).count == 1)
        #expect(try scan("{\"type\":\"\(long)x\"}", [OSString(long)]).isEmpty)
    }

    @Test func `Nesting counts to 512`() throws {
        func nested(_ depth: Int) -> String {
            let inner = depth - 1
            return
                "{\"type\":\"t\",\"v\":\(String(repeating: "[", count: inner))\(String(repeating: "]", count: inner))}"
        }
        #expect(try scan(nested(512)).count == 1)
        #expect(try scan(nested(513)).invalidCount == 1)
        #expect(try scan(nested(200_000)).invalidCount == 1)
        let open = String(repeating: "{\"a\":", count: 200_000)
        #expect(try scan(open).invalidCount == 1)
    }

    @Test func `A byte-order mark is skipped where the stream starts, and only there`() throws {
        let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
        let line = Array("{\"type\":\"t\"}\n".utf8)
        for pieces in [[1], [2], [.max]] {
            let events = try scan(mark + line + mark + line, ["t"], maxBytes: line.count, pieces: pieces)
            #expect(events.map(\.text) == ["{\"type\":\"t\"}"])
            #expect(events.lineCount == 2)
            #expect(events.invalidCount == 1)
            #expect(try scan(mark, ["t"], pieces: pieces).lineCount == 0)
            #expect(try scan(mark + [10] + line, ["t"], pieces: pieces).lineCount == 1)
            for part in 1...2 {
                let events = try scan(mark.prefix(part) + line, ["t"], pieces: pieces)
                #expect(events.isEmpty && events.lineCount == 1 && events.invalidCount == 1)
                #expect(try scan(Array(mark.prefix(part)), ["t"], pieces: pieces).invalidCount == 1)
            }
        }
    }

    @Test func `Bytes that are not UTF-8 are allowed in a string and nowhere else`() throws {
        let events = try scan(
            Array("{\"type\":\"t\",\"s\":\"".utf8) + [0xFF, 0xC3, 0x28] + Array("\"}\n".utf8), ["t"])
        #expect(events.map(\.text) == ["{\"type\":\"t\",\"s\":\"\u{FFFD}\u{FFFD}(\"}"])
        #expect(try scan(Array("{\"type\":\"t\"".utf8) + [0xFF] + Array("}\n".utf8), ["t"]).invalidCount == 1)
        #expect(try scan([0xFF], ["t"]).invalidCount == 1)
    }
}
