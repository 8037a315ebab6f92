import Foundation
import Testing

/// --spool-list and --spool-prune, which run nothing.
@Suite struct SpoolUpkeepTests {
    private static let name = "drain-20260131T235959123Z-4711-0123abcd"
    private static let sidecar =
        "{\"type\":\"drain.spool\",\"command\":[\"make\"],\"filter\":null,\"finished\":true}\n"

    private func place() throws -> Workplace {
        let place = try Workplace()
        try place.write("0123", to: Self.name + ".stdout.00000000000000000000")
        try place.write("456789", to: Self.name + ".stdout.00000000000000000004")
        try place.write(Self.sidecar, to: Self.name + ".json")
        try place.write("mine", to: "notes")
        return place
    }

    private func object(_ text: String) throws -> [String: Any] {
        #expect(text.hasSuffix("}\n"))
        return try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    }

    @Test func `What is there is listed as JSON`() throws {
        let place = try place()
        let finished = try run("--spool-list", place.path)
        #expect(finished.code == 0)
        let list = try object(finished.output)
        let runs = try #require(list["runs"] as? [[String: Any]])
        #expect(runs.count == 1)
        #expect(runs[0]["run"] as? String == Self.name)
        #expect(runs[0]["state"] as? String == "finished")
        #expect(runs[0]["started_at"] as? String == "2026-01-31T23:59:59.123Z")
        #expect(runs[0]["command"] as? [String] == ["make"])
        #expect(runs[0]["filter"] is NSNull)
        #expect(runs[0]["stderr"] is NSNull)
        let stdout = try #require(runs[0]["stdout"] as? [String: Any])
        let paths = try #require(stdout["paths"] as? [String])
        #expect(try paths.map { try String(contentsOfFile: $0, encoding: .utf8) } == ["0123", "456789"])
        #expect(stdout["offset"] as? Int == 0)
        #expect(stdout["bytes"] as? Int == 10)
        #expect(list["bytes"] as? Int == 10 + Self.sidecar.utf8.count)
    }

    @Test func `What is too much is removed and told, and nothing else`() throws {
        let place = try place()
        let none = try object(try run("--spool-prune", place.path, "--spool-total", "1k").output)
        #expect(none["removed"] as? [String] == [])
        #expect(none["kept"] as? Int == 1)
        let finished = try run("--spool-prune", place.path, "--spool-age", "1d", "--spool-total", "0")
        #expect(finished.code == 0)
        let pruning = try object(finished.output)
        #expect(pruning["removed"] as? [String] == [Self.name])
        #expect(pruning["kept"] as? Int == 0)
        #expect(pruning["failed"] as? [String] == [])
        #expect(place.names == ["notes"])
    }

    @Test(arguments: [
        (["--spool-prune", "."], "--spool-age DUR"),
        (["--spool-age", "1d", "true"], "--spool-prune DIR"),
        (["--spool-total", "1M", "--", "true"], "--spool-prune DIR"),
        (["--spool-list", ".", "--spool-total", "1M"], "--spool-prune DIR"),
        (["--spool-list", ".", "true"], "'true' is not run"),
        (["--spool-prune", ".", "--spool-total", "1M", "true"], "'true' is not run"),
        (["--spool-list", ""], "a directory"), (["--spool-prune", ""], "a directory"),
        (["--spool-prune", ".", "--spool-age", "old"], "ms, s, m, h or d"),
        (["--spool-prune", ".", "--spool-total", "-1"], "bytes"),
        (["--spool-list", "/nowhere"], "'/nowhere': No such file"),
        (["--spool-prune", "/dev/null", "--spool-age", "1d"], "'/dev/null': Not a directory"),
    ])
    func `A mistake does nothing and is told in one line`(words: [String], right: String) throws {
        let finished = try Running(Programs.drainRun, words).finish()
        #expect(finished.code == 125)
        #expect(finished.stdout.isEmpty)
        #expect(finished.stderr.contains(right), "\(finished.stderr)")
        #expect(finished.stderr.filter { $0 == "\n" }.count == 1)
    }

    private func first(_ place: Workplace) throws -> [String: Any]? {
        try (object(try run("--spool-list", place.path).output)["runs"] as? [[String: Any]])?.first
    }

    @Test func `A run that is being written stays, and what a killed one left is told and can go`() throws {
        let place = try Workplace()
        let running = try start(
            "--spool", place.path, "--max-output", "10", "--", Programs.misbehave, "write", "800", "80",
            "pause")
        let deadline = Date().addingTimeInterval(patience)
        var found: [String: Any]?
        while (found?["stdout"] as? [String: Any])?["bytes"] as? Int != 800 {
            try #require(Date() < deadline, "\(String(describing: found))")
            found = try first(place)
        }
        #expect(found?["state"] as? String == "running")
        #expect(found?["command"] as? [String] == [Programs.misbehave, "write", "800", "80", "pause"])
        let pruning = try object(try run("--spool-prune", place.path, "--spool-total", "0").output)
        #expect(pruning["kept"] as? Int == 1)

        // Both processes at once: either alone would see to it that the run ends in order.
        let worker = try #require(running.children.first)
        let command = try #require(Running.children(of: worker).first)
        for signal in [SIGSTOP, SIGKILL] {
            for pid in [worker, running.pid] { kill(pid, signal) }
        }
        kill(command, SIGKILL)
        _ = try running.finish()
        while found?["state"] as? String == "running" {
            try #require(Date() < deadline)
            found = try first(place)
        }
        #expect(found?["state"] as? String == "interrupted")
        let stdout = try #require(found?["stdout"] as? [String: Any])
        let path = try #require((stdout["paths"] as? [String])?.first)
        #expect(try Data(contentsOf: URL(fileURLWithPath: path)).count == 800)
        #expect(try run("--spool-prune", place.path, "--spool-total", "0").code == 0)
        #expect(place.names.isEmpty)
    }
}
