import Foundation
import Testing

@testable import Drain

@Suite("The report as JSON")
struct ReportTests {
    /// The contract's keys, in its order.
    static let keys: [String] = {
        let stream = [
            "", "_bytes", "_bytes_kept", "_bytes_truncated", "_truncated", "_valid_utf8", "_eof", "_spool",
        ]
        return [
            "schema", "command", "outcome", "exit_code", "signal", "timed_out", "error", "started_at",
            "duration_ms",
        ] + stream.map { "stdout" + $0 } + stream.map { "stderr" + $0 } + [
            "events", "event_lines", "event_lines_dropped", "event_lines_invalid", "user_ms", "system_ms",
            "max_rss_bytes", "kill_method", "survivors", "holders",
        ]
    }()

    /// Keys that this program adds.
    static let added = ["max_rss_floor_bytes"]

    static func report(
        outcome: Report.Outcome = .exited, termination: Report.Termination? = .exited(0),
        error: Report.Problem? = nil, stdout: Capture = Capture(), stderr: Capture = Capture(),
        survivors: [Int32] = [], holders: [Report.Holder] = [], killMethod: Report.KillMethod? = nil
    ) -> Report {
        Report(
            command: ["prog", OSString(bytes: [0x61, 0xFF]), "é\"\n", ""], outcome: outcome,
            termination: termination, error: error,
            startedAt: Timestamp(millisecondsSinceEpoch: 1_234_567_890_123),
            duration: .microseconds(1_234_999), stdout: stdout, stderr: stderr, events: nil, spools: nil,
            usage: Report.Usage(
                user: .milliseconds(7), system: .microseconds(8999), maxResidentBytes: 4096,
                maxResidentFloor: 1024),
            killMethod: killMethod, survivors: survivors, holders: holders)
    }

    static func object(_ json: String) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any])
    }

    /// One text for equal objects.
    static func sorted(_ json: Data) throws -> String {
        let object = try JSONSerialization.jsonObject(with: json)
        let data = try JSONSerialization.data(withJSONObject: object, options: .sortedKeys)
        return String(decoding: data, as: UTF8.self)
    }

    static let rich = report(
        outcome: .timedOut, termination: .signaled(15),
        error: Report.Problem(message: "it\nfailed \"badly\"", errno: Errno(rawValue: 2)),
        stdout: capture("héllo wörld\n", cap: 8),
        stderr: capture(
            [0x41, 0xFF, 0x0A, 0xE2, 0x82], Retention(cap: 99, keep: .head, cut: .byte, notice: false)),
        survivors: [7, 8], holders: [.init(pid: 9, command: "sleep 60"), .init(pid: 10, command: "\"\\")],
        killMethod: .group)

    @Test("it has the contract's keys, each once, and a value of the right kind for each")
    func contract() throws {
        for report in [Self.report(), Self.rich] {
            let object = try Self.object(report.json())
            #expect(Set(object.keys) == Set(Self.keys + Self.added))
        }
        let json = Self.report().json()
        for key in Self.keys { #expect(json.components(separatedBy: "\"\(key)\":").count == 2, "\(key)") }
    }

    @Test("its values are what the run was")
    func values() throws {
        let object = try Self.object(Self.rich.json())
        let expected: [String: Any] = [
            "schema": 1, "command": ["prog", "a\u{FFFD}", "é\"\n", ""], "outcome": "timed_out",
            "exit_code": 124, "signal": NSNull(), "timed_out": true,
            "error": ["message": "it\nfailed \"badly\"", "errno": "ENOENT"],
            "started_at": "2009-02-13T23:31:30.123Z", "duration_ms": 1234, "stdout": "héllo w",
            "stdout_bytes": 14, "stdout_bytes_kept": 8, "stdout_bytes_truncated": 6,
            "stdout_truncated": true, "stdout_valid_utf8": true, "stdout_eof": true,
            "stdout_spool": NSNull(), "stderr": "A\u{FFFD}\n\u{FFFD}", "stderr_bytes": 5,
            "stderr_bytes_kept": 5, "stderr_bytes_truncated": 0, "stderr_truncated": false,
            "stderr_valid_utf8": false, "stderr_eof": true, "stderr_spool": NSNull(),
            "events": NSNull(), "event_lines": NSNull(), "event_lines_dropped": NSNull(),
            "event_lines_invalid": NSNull(), "user_ms": 7, "system_ms": 8, "max_rss_bytes": 4096,
            "max_rss_floor_bytes": 1024, "kill_method": "group", "survivors": [7, 8],
            "holders": [["pid": 9, "command": "sleep 60"], ["pid": 10, "command": "\"\\"]],
        ]
        for (key, value) in expected {
            #expect((object[key] as? NSObject) == (value as? NSObject), "\(key)")
        }
        #expect(object.count == expected.count)
    }

    @Test("a host's own encoder says the same")
    func encodable() throws {
        let failed = Report(
            of: Command("nowhere"), failedWith: DrainError(.notFound, "nowhere", .notFound),
            startedAt: Timestamp(millisecondsSinceEpoch: 0))
        for report in [Self.report(), Self.rich, failed, try sh("echo out; echo err >&2; exit 3")] {
            let theirs = try JSONEncoder().encode(report)
            let ours = try Self.sorted(Data(report.json().utf8))
            #expect(try Self.sorted(theirs) == ours)
        }
    }

    @Test("kept bytes stand as text, as base64 or not at all")
    func encodings() throws {
        #expect(try Self.object(Self.rich.json(encoding: .base64))["stderr"] as? String == "Qf8K4oI=")
        #expect(try Self.object(Self.rich.json(encoding: .none))["stdout"] is NSNull)
        #expect(try Self.object(Self.rich.json(encoding: .none))["stdout_bytes_kept"] as? Int == 8)
    }

    @Test("it is valid through the smallest of buffers, for every outcome")
    func smallBuffer() throws {
        for outcome in Report.Outcome.allCases {
            let report = Self.report(outcome: outcome, stdout: Self.rich.stdout, stderr: Self.rich.stderr)
            let text = json(capacity: 64) { report.write(to: &$0) }
            #expect(text == report.json())
            #expect(try Self.object(text)["outcome"] as? String == outcome.rawValue)
        }
    }

    @Test("exit codes and signals follow the outcome")
    func exitCodes() {
        func codes(_ outcome: Report.Outcome, _ end: Report.Termination?, _ number: Int32 = 0) -> [Int?] {
            let problem = number == 0 ? nil : Report.Problem(message: "", errno: Errno(rawValue: number))
            let report = Self.report(outcome: outcome, termination: end, error: problem)
            return [report.exitCode, report.signal, report.timedOut ? 1 : 0]
        }
        #expect(codes(.exited, .exited(7)) == [7, nil, 0])
        #expect(codes(.signaled, .signaled(9)) == [-9, 9, 0])
        #expect(codes(.timedOut, .exited(0)) == [124, nil, 1])
        #expect(codes(.timedOut, .signaled(15)) == [124, nil, 1])
        #expect(codes(.idleTimedOut, nil) == [124, nil, 1])
        #expect(codes(.cancelled, .signaled(15)) == [-15, 15, 0])
        #expect(codes(.cancelled, .exited(3)) == [3, nil, 0])
        #expect(codes(.notStarted, nil, 2) == [127, nil, 0])
        #expect(codes(.notStarted, nil, 13) == [126, nil, 0])
        #expect(codes(.failed, nil, 12) == [nil, nil, 0])
        #expect(codes(.exited, nil) == [nil, nil, 0])
    }
}
