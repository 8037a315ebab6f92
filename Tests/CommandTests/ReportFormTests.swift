import Foundation
import Testing

/// The report's keys and values.
@Suite struct ReportFormTests {
    static let keys: [String] =
        [
            "schema", "command", "outcome", "exit_code", "signal", "timed_out", "error", "started_at",
            "duration_ms",
        ]
        + ["stdout", "stderr"].flatMap { name in
            [name]
                + ["bytes", "bytes_kept", "bytes_truncated", "truncated", "valid_utf8", "eof", "spool"].map {
                    "\(name)_\($0)"
                }
        }
        + ["events", "event_lines", "event_lines_dropped", "event_lines_invalid"]
        + ["user_ms", "system_ms", "max_rss_bytes", "kill_method", "survivors", "holders"]
        // Not in the contract, which allows for more.
        + ["max_rss_floor_bytes"]

    @Test(arguments: [
        ["true"], ["no-such-command"], ["sh", "-c", "kill -15 $$"], ["sh", "-c", "sleep 60 &"], ["/"],
        [Programs.misbehave, "write", "100", "10", "stderr"],
    ])
    func `Every key is there, and no other`(command: [String]) throws {
        let finished = try Running(Programs.drainRun, ["--drain-grace", "10ms", "--"] + command).finish()
        let report = try finished.report
        #expect(Set(report.object.keys) == Set(Self.keys))
        #expect(report.number("schema") == 1)
        #expect(report["command"] as? [String] == command)
        for key in ["stdout_spool", "stderr_spool", "events", "event_lines", "event_lines_dropped"] {
            #expect(report.isNull(key), "\(key)")
        }
        #expect(report.isNull("event_lines_invalid"))
        // No key twice.
        let line = String(decoding: report.line, as: UTF8.self)
        for key in Self.keys where key != "command" {
            #expect(line.components(separatedBy: "\"\(key)\":").count == 2, "\(key)")
        }
    }

    @Test func `The start and the duration are those of the command`() throws {
        let before = Date()
        let report = try drainRun("--", "sleep", "0.2")
        let after = Date()
        let form = ISO8601DateFormatter()
        form.formatOptions = [.withInternetDateTime, .withFractionalSeconds]
        let text = try #require(report.text("started_at"))
        let started = try #require(form.date(from: text))
        #expect(started.timeIntervalSince(before) > -0.01)
        #expect(started <= after)
        let duration = try #require(report.number("duration_ms"))
        #expect(duration >= 200)
        #expect(Double(duration) <= after.timeIntervalSince(before) * 1000 + 1)
    }

    @Test func `The duration ends with the command, not with its background`() throws {
        let before = Date()
        let report = try drainRun("--drain-grace", "700ms", "--", "sh", "-c", "sleep 60 &")
        let duration = try #require(report.number("duration_ms"))
        #expect(duration < 700)
        // The grace comes on top of it, however slow everything is.
        #expect(Double(duration) + 700 <= Date().timeIntervalSince(before) * 1000 + 1)
    }

    @Test func `Processor time and memory are those of the command and what it waited for`() throws {
        let loop = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done"
        let report = try drainRun("--", "sh", "-c", "sh -c '\(loop)'")
        let used = (report.number("user_ms") ?? 0) + (report.number("system_ms") ?? 0)
        #expect(used > 10)
        #expect(used <= 4 * (report.number("duration_ms") ?? 0) + 100)
        #expect(try #require(report.number("max_rss_bytes")) > 100_000)
    }

    @Test func `A stream that the command closed has ended, whatever else goes on`() throws {
        let report = try drainRun("--", Programs.misbehave, "close", "1", "write", "10", "10", "stderr")
        #expect(report.flag("stdout_eof") == true)
        #expect(report.number("stdout_bytes") == 0)
        #expect(report.number("stderr_bytes") == 10)
    }

    @Test func `A stream that one holds is not at its end, and the other is`() throws {
        let place = try Workplace()
        let tree = try Reader(fifo: place.fifo("tree"))
        let report = try drainRun(
            "--drain-grace", "50ms", "--", Programs.misbehave, "hold", place["tree"], "spawn", "close", "1",
            "pause",
            "end", "hex", "6869")
        tree.letGo()
        #expect(report.flag("stdout_eof") == true)
        #expect(report.flag("stderr_eof") == false)
        #expect(report.text("stdout") == "hi")
        #expect(report.holders.count == 1)
        let command = try #require(report.holders.first?["command"] as? String)
        #expect(command.contains("misbehave hold"))
        #expect(tree.waitForEnd())
        #expect(report.hasKilled)
        #expect(report.survivors.isEmpty)
    }

    @Test func `Nothing killed is told as nothing`() throws {
        let report = try drainRun("--", "true")
        #expect(report.isNull("kill_method"))
        #expect(report.survivors.isEmpty)
        #expect(report.holders.isEmpty)
    }

    @Test func `Strings with everything that JSON escapes come back as they were`() throws {
        let text = "quote \" slash \\ / tab \t bell \u{7} del \u{7F} nul-free \u{1F600} \u{2028} end\r\n"
        let report = try drainRun("--", "printf", "%s", text)
        #expect(report.text("stdout") == text)
        #expect(report["command"] as? [String] == ["printf", "%s", text])
    }

    @Test func `A command that writes every byte has a report that parses`() throws {
        let all = (0...255).map { String(format: "%02x", $0) }.joined()
        let report = try drainRun("--", Programs.misbehave, "hex", all)
        let bytes = (0...255).map { UInt8($0) }
        #expect(report.text("stdout") == String(decoding: bytes, as: UTF8.self))
        #expect(report.flag("stdout_valid_utf8") == false)
        #expect(report.number("stdout_bytes") == 256)
    }
}
