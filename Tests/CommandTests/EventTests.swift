import Foundation
import Testing

/// `--events` and `--max-event`, as the contract has them.
@Suite struct EventTests {
    /// Runs a command that prints these bytes.
    private func events(_ bytes: [UInt8], _ options: String..., then script: String = "") throws -> ReportView
    {
        let place = try Workplace()
        try Data(bytes).write(to: URL(fileURLWithPath: place["lines"]))
        let running = try Running(
            Programs.drainRun,
            options + ["--encode", "none", "--", "sh", "-c", "cat \"$0\"; \(script)", place["lines"]])
        let finished = try running.finish()
        var report = try finished.report
        report.code = finished.code
        return report
    }

    private func kept(_ report: ReportView) -> [[String: Any]] { report["events"] as? [[String: Any]] ?? [] }

    private func types(_ report: ReportView) -> [String?] { kept(report).map { $0["type"] as? String } }

    @Test func `Without the option there are none`() throws {
        let report = try drainRun("--", "echo", "{\"type\":\"result\"}")
        for key in ["events", "event_lines", "event_lines_dropped", "event_lines_invalid"] {
            #expect(report.isNull(key))
        }
    }

    @Test func `Wanted events are found among line ends, blank lines, log lines and arrays`() throws {
        let lines =
            "starting\r\n\r\n{\"type\":\"a\",\"n\":1}\r\n  \n[1]\n{\"type\":\"x\"}\n42\n{\"type\":\"a\",\"n\":2}"
        let report = try events(Array(lines.utf8), "--events", "a")
        #expect(kept(report).map { $0["n"] as? Int } == [1, 2])
        #expect(report.number("event_lines") == 6)
        #expect(report.number("event_lines_invalid") == 3)
        #expect(report.number("event_lines_dropped") == 0)
    }

    @Test func `Own type, type of a direct member, error and failed, and nothing deeper`() throws {
        let lines = """
            {"type":"result"}
            {"type":"item.completed","item":{"type":"agent_message"}}
            {"type":"item.completed","item":{"type":"tool","output":"\\"type\\":\\"error\\" failed","x":{"type":"result"}}}
            {"type":"Some.Error"}
            {"type":"turn.FAILED"}
            {"item":{"type":"error"}}
            """
        let report = try events(Array(lines.utf8), "--events", "result,agent_message")
        #expect(types(report) == ["result", "item.completed", "Some.Error", "turn.FAILED"])
        let apart = try events(Array(lines.utf8), "--events", "result", "--events", "agent_message")
        #expect(types(apart) == types(report))
    }

    @Test func `Invalid UTF-8 in an event becomes U+FFFD`() throws {
        let line = Array("{\"type\":\"result\",\"result\":\"".utf8) + [0xFF] + Array("é\"}\n".utf8)
        let report = try events(line, "--events", "result")
        #expect(kept(report).first?["result"] as? String == "\u{FFFD}é")
    }

    @Test func `Events stand in the report as they were written`() throws {
        let line =
            "{ \"type\":\"a\",\t\"n\" : [1.50,1E+2, \"\\u0041\\/\"],\"n\":1,\"big\":\(String(repeating: "7", count: 5000))}"
        let finished = try run("--events", "a", "--encode", "none", "--", "printf", "%s  \\r\\n", line)
        // Foundation's own reader takes no number of 5000 digits.
        #expect(finished.output.contains("\"events\":[\(line)],\"event_lines\":1,"))
    }

    @Test func `A large line that only speaks of errors is passed over, and the answer found`() throws {
        let tool = "{\"type\":\"item.completed\",\"item\":{\"type\":\"tool\",\"output\":\""
        let line = tool + String(repeating: "error failed \\n", count: (17 << 20) / 15) + "\"}}\n"
        let stream = Array(line.utf8) + Array("{\"type\":\"result\"}\n".utf8)
        let report = try events(stream, "--events", "result")
        #expect(types(report) == ["result"])
        #expect(report.number("event_lines") == 2)
        let wanted = try events(stream, "--events", "result,tool", "--max-event", "16MiB")
        #expect(types(wanted) == ["result"])
        #expect(wanted.number("event_lines_dropped") == 1)
        #expect(wanted.number("event_lines_invalid") == 0)
    }

    @Test(arguments: [(4096, 1), (4097, 0)])
    func `A wanted line may be as long as the limit, and the next one is read`(length: Int, count: Int) throws
    {
        let frame = "{\"x\":\"\",\"type\":\"a\"}\n".utf8.count
        let line = "{\"x\":\"\(String(repeating: "x", count: length - frame))\",\"type\":\"a\"}\n"
        let report = try events(
            Array((line + "{\"type\":\"b\"}\n").utf8), "--events", "a,b", "--max-event",
            "\(4096 + (count == 1 ? 13 : 0))")
        // Both fit together where the limit is larger by the second: 13 bytes.
        #expect(types(report) == (count == 1 ? ["a", "b"] : ["b"]))
        #expect(report.number("event_lines_dropped") == 1 - count)
        let alone = try events(Array(line.utf8), "--events", "a", "--max-event", "4096")
        #expect(types(alone).count == count)
        #expect(alone.number("event_lines_dropped") == 1 - count)
    }

    @Test func `Deep nesting and long numbers are the lines they are`() throws {
        let deep = String(repeating: "[", count: 200_000)
        let number = String(repeating: "1", count: 5000)
        let lines = "{\"type\":\"a\",\"v\":\(deep)\n\(deep)\n{\"type\":\"b\",\"v\":\(number)}\n"
        let report = try events(Array(lines.utf8), "--events", "a")
        #expect(report.number("event_lines") == 3)
        #expect(report.number("event_lines_invalid") == 2)
        #expect(kept(report).isEmpty)
    }

    @Test func `A time limit keeps what came before it, and a line cut off by it is none`() throws {
        let lines = "{\"type\":\"a\"}\n{\"type\":\"result\",\"resu"
        let report = try events(Array(lines.utf8), "--events", "a,result", "-t", "1", then: "sleep 60")
        #expect(report.outcome == "timed_out")
        #expect(types(report) == ["a"])
        #expect(report.number("event_lines") == 2)
        #expect(report.number("event_lines_invalid") == 1)
    }

    @Test func `What is kept of the stream, and passed on, is the same with events`() throws {
        let place = try Workplace()
        let lines = (0..<20_000).map { "{\"type\":\"\($0 % 2 == 0 ? "a" : "b")\",\"n\":\($0)}\n" }.joined()
        try place.write(lines, to: "lines")
        for keep in ["head", "tail", "both"] {
            for cap in ["0", "1000", "300k"] {
                let options = ["--keep", keep, "--max-output", cap, "--cut", "byte", "--notice"]
                let plain = try Running(Programs.drainRun, options + ["--", "cat", place["lines"]]).finish()
                let read = try Running(
                    Programs.drainRun, options + ["--events", "a", "--", "cat", place["lines"]]
                ).finish()
                let (without, with) = (try plain.report, try read.report)
                for key in ["stdout", "stdout_bytes", "stdout_bytes_kept"] {
                    #expect("\(without[key]!)" == "\(with[key]!)", "\(keep) \(cap) \(key)")
                }
                #expect(kept(with).count == 10_000)
            }
        }
        let live = ["--live", "--keep", "tail", "--max-output", "10k", "--report", place["report"]]
        let plain = try Running(Programs.drainRun, live + ["--", "cat", place["lines"]]).finish()
        let read = try Running(Programs.drainRun, live + ["--events", "a", "--", "cat", place["lines"]])
            .finish()
        #expect(read.stdout == plain.stdout)
        #expect(kept(try ReportView(file: place["report"])).count == 10_000)
    }

    @Test func `A command that cannot be started has no events`() throws {
        let report = try drainRun("--events", "a", "--", "/nonexistent/program")
        #expect(kept(report).isEmpty)
        #expect(report.number("event_lines") == 0)
    }

    @Test(arguments: ["", ",", "a,", ",a", "a,,b"])
    func `A type that is empty is refused`(types: String) throws {
        let finished = try run("--events", types, "--", "true")
        #expect(finished.code == 125)
        #expect(finished.output.isEmpty)
        #expect(finished.stderr.contains("--events"))
        #expect(finished.stderr.contains("none of them empty"))
    }

    @Test func `A size that is none is refused`() throws {
        let finished = try run("--events", "a", "--max-event", "5x", "--", "true")
        #expect(finished.code == 125)
        #expect(finished.stderr.contains("--max-event"))
    }
}
