import Foundation
import Testing

/// The published schema of the report. Every report that any test reads is checked against it; here are
/// those of many kinds of runs, and reports that must not pass.
@Suite struct SchemaTests {
    /// `Running.finish().report` checks.
    @Test(arguments: [
        ["true"], ["false"], ["--encode=none", "true"], ["--encode=base64", "echo", "x"], ["nothing-there"],
        ["/"],
        ["-t50ms", "sleep", "60"], ["--idle-timeout=50ms", "sleep", "60"], ["-t50ms", "-k0", "sleep", "60"],
        ["sh", "-c", "kill -9 $$"], ["sh", "-c", "kill -11 $$"],
        ["--drain-grace=0", "sh", "-c", "sleep 60 &"],
        ["--drain-grace=0", "--background=leave", "sh", "-c", "sleep 1 &"],
        ["--max-output=0", "echo", "x"], ["--max-output=1", "--notice", "echo", "xyz"],
        ["--max-output=64", "--keep=both", "--notice", "seq", "1000"],
        ["--keep=tail", "--cut=line", "seq", "99999"],
        ["sh", "-c", "exit 255"], ["printf", "\\377\\376"], ["-C", "/", "pwd"],
        ["--clear-env", "/usr/bin/env"],
        ["--open-files=16", "true"], ["--cpu-time=1", "true"],
    ])
    func `Reports of every kind keep to it`(words: [String]) throws {
        let report = try Running(Programs.drainRun, words).finish().report
        #expect(report.number("schema") == 1)
    }

    @Test func `It says the same keys as the contract`() throws {
        let data = try Data(contentsOf: URL(fileURLWithPath: packageFile("docs/report.schema.json")))
        let schema = try #require(JSONSerialization.jsonObject(with: data) as? [String: Any])
        #expect(Set(schema["required"] as? [String] ?? []) == Set(ReportFormTests.keys))
        #expect(Set((schema["properties"] as? [String: Any] ?? [:]).keys) == Set(ReportFormTests.keys))
        #expect(schema["$schema"] as? String == "https://json-schema.org/draft/2020-12/schema")
    }

    @Test(arguments: ReportFormTests.keys)
    func `A report without one of its keys fails`(key: String) throws {
        var object = try Self.sample()
        object[key] = nil
        #expect(try !Schema.ofReports.complaints(about: object).isEmpty)
    }

    @Test func `Each key fails with a value that cannot be its`() throws {
        let texts = [
            "schema", "timed_out", "duration_ms", "exit_code", "signal", "error", "holders", "survivors",
        ]
        let counts = [
            "stdout_bytes", "stderr_bytes_kept", "stdout_bytes_truncated", "max_rss_bytes", "user_ms",
        ]
        var wrong: [(String, Any)] = (texts + counts).map { ($0, "text") }
        wrong += counts.flatMap { [($0, -1 as Any), ($0, 1.5), ($0, NSNull()), ($0, true)] }
        wrong += [
            ("schema", 2), ("schema", true), ("command", "true"), ("command", [1]), ("command", [String]()),
            ("outcome", "ended"),
            ("outcome", "timed_out"), ("outcome", "signaled"), ("outcome", "failed"),
            ("outcome", "not_started"),
            ("exit_code", 256), ("exit_code", -9), ("exit_code", NSNull()), ("signal", 9), ("signal", 0),
            ("timed_out", true), ("timed_out", 0), ("timed_out", NSNull()), ("error", ["message": "x"]),
            ("error", ["message": "x", "errno": "ENOENT"]), ("started_at", "2026-01-31 10:00:00.000Z"),
            ("started_at", "2026-01-31T10:00:00Z"), ("started_at", "2026-01-31T10:00:00.000+00:00"),
            ("started_at", "2026-13-31T10:00:00.000Z"), ("stdout", 5), ("stdout_truncated", true),
            ("stdout_truncated", 0), ("stdout_bytes_truncated", 7), ("stderr_eof", "yes"),
            ("stdout_eof", NSNull()),
            ("stdout_spool", "path"), ("stdout_spool", ["paths": []]), ("events", "x"), ("events", [1]),
            ("event_lines", 4), ("event_lines", -1), ("kill_method", "hammer"), ("kill_method", 9),
            ("survivors", [0]), ("survivors", ["1"]), ("survivors", NSNull()), ("holders", [1]),
            ("holders", [["pid": 1]]), ("holders", [["pid": 5, "command": "x"]]), ("holders", NSNull()),
        ]
        for (key, value) in wrong {
            var object = try Self.sample()
            object[key] = value
            #expect(try !Schema.ofReports.complaints(about: object).isEmpty, "\(key): \(value)")
        }
    }

    @Test func `More keys may come`() throws {
        var object = try Self.sample()
        object["colour"] = "green"
        #expect(try Schema.ofReports.complaints(about: object).isEmpty)
    }

    @Test func `What later versions put into it passes`() throws {
        var object = try Self.sample()
        object["stdout_spool"] = ["paths": ["/tmp/a"], "offset": 0, "bytes": 5, "error": NSNull()]
        object["events"] = [["type": "result"]]
        for key in ["event_lines", "event_lines_dropped", "event_lines_invalid"] { object[key] = 1 }
        object["kill_method"] = "supervisor"
        #expect(try Schema.ofReports.complaints(about: object) == [])
    }

    @Test func `A rule that the checker does not know is an error`() {
        #expect(throws: Trouble.self) { try Schema(["minContains": 1]).complaints(about: [1]) }
        #expect(throws: Trouble.self) { try Schema(["type": "whole"]).complaints(about: [1]) }
    }

    private static func sample() throws -> [String: Any] { try drainRun("--", "true").object }
}
