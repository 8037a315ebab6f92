import Drain
import Foundation
import Testing

/// A line of so many bytes, its newline included.
private func line(_ count: Int, _ name: String = "", type: String = "t") -> String {
    let frame = "{\"type\":\"\(type)\",\"n\":\"\(name)\",\"x\":\"\"}\n".utf8.count
    return
        "{\"type\":\"\(type)\",\"n\":\"\(name)\",\"x\":\"\(String(repeating: "x", count: count - frame))\"}\n"
}

@Suite struct EventsTests {
    @Test(arguments: [[Int.max], [1], [100], [4095, 1, 7]])
    func `A line may be as long as the limit and not a byte longer`(pieces: [Int]) throws {
        let stream = line(4096, "a") + line(4097, "b") + line(100, "c")
        let events = try scan(Array(stream.utf8), ["t"], maxBytes: 4096, pieces: pieces)
        // The third makes the first go.
        #expect(events.map { $0["n"]?.string } == ["c"])
        #expect(events.droppedCount == 2)
        #expect(events.lineCount == 3)
        let alone = try scan(
            Array((line(4097, "b") + line(4096, "a")).utf8), ["t"], maxBytes: 4096, pieces: pieces)
        #expect(alone.map { $0["n"]?.string } == ["a"])
        #expect(alone.droppedCount == 1)
    }

    @Test func `A last line without a newline may be as long as the limit`() throws {
        let last = String(line(4097).dropLast())
        #expect(try scan(last, maxBytes: 4096).count == 1)
        #expect(try scan(last + " ", maxBytes: 4096).droppedCount == 1)
        #expect(try scan(line(2048, "a") + String(line(2049, "b").dropLast()), maxBytes: 4096).count == 2)
        let over = try scan(line(2048, "a") + String(line(2050, "b").dropLast()), maxBytes: 4096)
        #expect(over.map { $0["n"]?.string } == ["b"])
    }

    @Test func `Together they take at most the limit, and the oldest go`() throws {
        let stream = (0..<50).map { line(1000, "\($0)") }.joined()
        for pieces in [[1], [777], [Int.max]] {
            let events = try scan(Array(stream.utf8), ["t"], maxBytes: 4000, pieces: pieces)
            #expect(events.map { $0["n"]?.string } == ["46", "47", "48", "49"])
            #expect(events.droppedCount == 46)
        }
        #expect(try scan(stream, maxBytes: 3999).count == 3)
        #expect(try scan(stream, maxBytes: 0).droppedCount == 50)
        #expect(try scan(stream, maxBytes: -1).droppedCount == 50)
    }

    @Test func `Wherever the type stands, the length counts alone`() throws {
        let filling = String(repeating: "x", count: 300_000)
        let late = "{\"a\":\"\(filling)\",\"item\":{\"b\":\"\(filling)\",\"type\":\"t\"},\"type\":\"u\"}\n"
        let early = "{\"type\":\"t\",\"a\":\"\(filling)\(filling)\"}\n"
        #expect(try scan(late + early, maxBytes: 2_000_000).count == 2)
        let dropped = try scan(late + early + line(100), maxBytes: 500_000)
        #expect(dropped.count == 1)
        #expect(dropped.droppedCount == 2)
        #expect(dropped.invalidCount == 0)
    }

    @Test func `A line too long to be kept is dropped if it was wanted or is no object`() throws {
        let stream = line(200) + line(200, type: "u") + String(repeating: "z", count: 200) + "\n[1]\n"
        let events = try scan(stream, maxBytes: 199)
        #expect(events.lineCount == 4)
        #expect(events.droppedCount == 2)
        #expect(events.invalidCount == 2)
    }

    /// Lines are moved about in the memory that keeps them; none may lose a byte by that.
    @Test func `What is kept is what was written, however much came before`() throws {
        var dice = Dice(seed: 7)
        var stream = ""
        var all: [String] = []
        for index in 0..<900 {
            let type = dice.chance(1, in: 2) ? "t" : "u"
            let text = line(dice.roll(60...9_000), "\(index)", type: type)
            stream += text
            if type == "t" { all.append(text) }
        }
        for most in [9_000, 100_000, 1_000_000] {
            var (room, expected) = (most, [String]())
            for text in all.reversed() {
                room -= text.utf8.count
                if room < 0 { break }
                expected.insert(String(text.dropLast()), at: 0)
            }
            let events = try scan(Array(stream.utf8), ["t"], maxBytes: most, pieces: [5_000, 70_000])
            #expect(events.map(\.text) == expected)
            #expect(events.droppedCount == all.count - expected.count)
            #expect(events.reversed().map(\.text) == expected.reversed())
        }
    }

    @Test func `Blank lines and line ends of every kind count as what they are`() throws {
        let events = try scan("\n\r\n \t\r\n{\"type\":\"t\"}\r\n\n  {\"type\":\"t\"} \r \n\u{0}\n\n")
        #expect(events.map(\.text) == ["{\"type\":\"t\"}", "{\"type\":\"t\"}"])
        #expect(events.lineCount == 3)
        #expect(events.invalidCount == 1)
    }

    @Test func `What stands in an event can be looked up`() throws {
        let text =
            #"{ "a" : {"b\u0062":[1,{"c":"}"},"x\\\""],"n":-5} ,"s":"\ud83d\ude00\n\ud83d!\u00e9","type":"t","a2":null}"#
        let event = try #require(try scan(text).first)
        #expect(event.type == "t")
        #expect(event["a"]?["bb"]?.text == #"[1,{"c":"}"},"x\\\""]"#)
        #expect(event["a"]?["n"]?.integer == -5)
        #expect(event["s"]?.string == "😀\n\u{FFFD}!é")
        #expect(event["a2"]?.text == "null")
        #expect(event["b"] == nil)
        #expect(event["s"]?["x"] == nil)
        #expect(event["a"]?.string == nil)
        #expect(event.withSpan { $0.byteCount } == text.utf8.count)
    }

    @Test func `A host's encoder writes events as the values they are`() throws {
        let line =
            #"{"type":"t","n":[1,-2.5,true,false,null,18446744073709551615,1e400],"o":{"k":"v\u0041"}}"#
        let events = try scan(line)
        let data = try JSONEncoder().encode(Array(events))
        let decoded = try JSONSerialization.jsonObject(with: data) as? [[String: Any]]
        let object = try #require(decoded?.first)
        #expect(object["type"] as? String == "t")
        #expect((object["o"] as? [String: String]) == ["k": "vA"])
        let numbers = try #require(object["n"] as? [Any])
        #expect(numbers[0] as? Int == 1)
        #expect(numbers[1] as? Double == -2.5)
        #expect(numbers[2] as? Bool == true)
        #expect(numbers[4] is NSNull)
        #expect(numbers[5] as? UInt64 == .max)
        #expect(numbers[6] as? String == "1e400")
    }

    @Test func `A run keeps events whatever it keeps of the stream`() throws {
        let script = "printf '{\"type\":\"a\"}\\nlog\\n{\"type\":\"b\"}\\n'"
        for keep in Limits.Keep.allCases {
            for cap in [0, 5, 1 << 20] {
                let report = try Command("sh", arguments: ["-c", script]).runBlocking(
                    limits: Limits(bytes: cap, keep: keep, cut: .byte), events: EventFilter(types: ["b"]))
                #expect(report.events?.map(\.text) == ["{\"type\":\"b\"}"])
                #expect(report.events?.lineCount == 3)
                #expect(report.stdout.totalCount == 30)
                #expect(report.stdout.keptCount == min(cap, 30))
            }
        }
        #expect(try Command("true").runBlocking().events == nil)
    }

    @Test func `Without blocking it is the same`() async throws {
        let report = try await Command("echo", arguments: ["{\"type\":\"a\"}"]).run(
            events: EventFilter(types: ["a"]))
        #expect(report.events?.first?.type == "a")
    }
}

@Suite struct TranscriptTests {
    private func transcript(_ lines: String...) throws -> Transcript {
        Transcript(try scan(lines.joined(separator: "\n"), Transcript.types))
    }

    private let message = #"{"type":"item.completed","item":{"type":"agent_message","text":"one"}}"#
    private let last = #"{"type":"item.completed","item":{"type":"agent_message","text":"two"}}"#

    @Test func `The first result is the answer`() throws {
        let found = try transcript(
            message, #"{"type":"result","result":"a"}"#, #"{"type":"result","result":"b"}"#,
            #"{"type":"turn.completed","usage":{"n":1},"model":"m"}"#)
        #expect(found.text == "a")
        #expect(found.usage?["n"]?.integer == 1)
        #expect(found.model == "m")
        #expect(found.error == nil)
    }

    @Test func `Without one it is the last message of the agent`() throws {
        let tool =
            #"{"type":"item.completed","item":{"type":"tool","text":"\"type\":\"result\" agent_message"}}"#
        let found = try transcript(message, last, tool, #"{"type":"other","item":{"type":"agent_message"}}"#)
        #expect(found.text == "two")
        #expect(found.answer?["item"]?.type == "agent_message")
    }

    @Test func `Usage and model are each of the last turn that has them`() throws {
        let found = try transcript(
            message, #"{"type":"turn.completed","usage":{"n":1},"model":"m"}"#,
            #"{"type":"session.end","usage":{"n":2},"model":null}"#,
            #"{"type":"turn.completed","usage":null}"#)
        #expect(found.usage?["n"]?.integer == 2)
        #expect(found.model == "m")
    }

    @Test func `A terminal failure comes before an error that is later`() throws {
        let found = try transcript(
            #"{"type":"error","n":1}"#, #"{"type":"turn.failed","n":2}"#, #"{"type":"task.failed","n":3}"#,
            #"{"type":"error","n":4}"#)
        #expect(found.error?["n"]?.integer == 3)
        #expect(
            try transcript(#"{"type":"error","n":1}"#, #"{"type":"item.Failed","n":2}"#).error?["n"]?.integer
                == 2)
        #expect(try transcript(message).error == nil)
        #expect(try transcript("log").answer == nil)
    }
}
