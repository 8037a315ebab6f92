import Foundation
import Testing

/// The table of systems.md: what the systems that this replaces get wrong, as far as it is about one run of
/// one command.
@Suite struct CasesThatDecideTests {
    @Test(arguments: [0, 9, 10])
    func `A stream within its cap is kept whole`(count: Int) throws {
        let report = try drainRun("--max-output", "10", "--", Programs.misbehave, "write", "\(count)", "10")
        #expect(report.text("stdout") == String("abcdefghij".prefix(count)))
        #expect(report.number("stdout_bytes") == count)
        #expect(report.flag("stdout_truncated") == false)
    }

    @Test func `One byte over the cap is one byte truncated`() throws {
        let report = try drainRun("--max-output", "10", "--", Programs.misbehave, "write", "11", "11")
        #expect(report.text("stdout") == "abcdefghij")
        #expect(report.number("stdout_bytes_kept") == 10)
        #expect(report.number("stdout_bytes_truncated") == 1)
        #expect(report.flag("stdout_truncated") == true)
    }

    @Test func `A child that writes more than the cap is never blocked`() throws {
        let report = try drainRun(
            "--max-output", "65536", "--", Programs.misbehave, "write", "200000", "200000")
        #expect(report.number("stdout_bytes_kept") == 65536)
        #expect(report.number("stdout_bytes_truncated") == 134464)
        #expect(report.exitCode == 0)
        #expect(report.code == 0)
        #expect(report.text("stdout")?.utf8.count == 65536)
    }

    @Test(arguments: [("5", true), ("0", false)])
    func `A cap of nothing keeps nothing and says whether there was something`(
        count: String, truncated: Bool
    ) throws {
        let report = try drainRun("--max-output", "0", "--", Programs.misbehave, "write", count, "5")
        #expect(report.text("stdout") == "")
        #expect(report.flag("stdout_truncated") == truncated)
        #expect(report.number("stdout_bytes") == Int(count))
    }

    @Test func `A cap never splits a character`() throws {
        let report = try drainRun("--max-output", "2", "--", "printf", "h\u{E9}llo")
        #expect(report.text("stdout") == "h")
        #expect(report.flag("stdout_truncated") == true)
        #expect(report.number("stdout_bytes_kept") == 1)
        #expect(report.flag("stdout_valid_utf8") == true)
    }

    @Test func `Both streams and the exit code are there`() throws {
        let report = try drainRun("--", "sh", "-c", "echo out; echo err >&2; exit 7")
        #expect(report.text("stdout") == "out\n")
        #expect(report.text("stderr") == "err\n")
        #expect(report.exitCode == 7)
        #expect(report.code == 7)
    }

    @Test func `A command that SIGKILL ended has minus nine, and 137 outside`() throws {
        let report = try drainRun("--", "sh", "-c", "kill -9 $$")
        #expect(report.exitCode == -9)
        #expect(report.number("signal") == 9)
        #expect(report.outcome == "signaled")
        #expect(report.code == 137)
    }

    @Test func `What came before a time limit is kept`() throws {
        let report = try drainRun("-t", "1", "--", "sh", "-c", "echo early; sleep 30")
        #expect(report.code == 124)
        #expect(report.exitCode == 124)
        #expect(report.outcome == "timed_out")
        #expect(report.text("stdout") == "early\n")
        let duration = try #require(report.number("duration_ms"))
        #expect((1000..<3000).contains(duration))
    }

    @Test func `A leader that traps TERM is killed after the grace, and its output kept`() throws {
        let report = try drainRun(
            "-t", "1", "-k", "1", "--", "sh", "-c", "trap '' TERM; echo kept; while :; do sleep 1; done")
        #expect(report.code == 124)
        #expect(report.exitCode == 124)
        #expect(report.isNull("signal"))
        #expect(report.text("stdout") == "kept\n")
        #expect(report.hasKilled)
        let duration = try #require(report.number("duration_ms"))
        #expect((2000..<6000).contains(duration))
    }

    @Test func `A background process does not hold up the result, and is named`() throws {
        let begun = Date()
        let report = try drainRun("--", "sh", "-c", "echo KEEPME; sleep 60 &")
        #expect(Date().timeIntervalSince(begun) < 10)
        #expect(report.text("stdout") == "KEEPME\n")
        #expect(report.code == 0)
        #expect(report.exitCode == 0)
        #expect(report.outcome == "exited")
        #expect(report.flag("stdout_eof") == false)
        #expect(report.flag("stderr_eof") == false)
        #expect(report.holders.map { $0["command"] as? String } == ["sleep 60"])
    }

    @Test func `A grandchild that ignores TERM does not outlive a time limit`() throws {
        let place = try Workplace()
        let tree = try Reader(fifo: place.fifo("tree"))
        let running = try start(
            "-t", "300ms", "-k", "200ms", "--", Programs.misbehave, "hold", place["tree"], "spawn", "ignore",
            "15",
            "tell", "up", "pause", "end", "pause")
        #expect(tree.wait(for: "up"))
        tree.letGo()
        let report = try running.finish().report
        #expect(report.outcome == "timed_out")
        #expect(tree.waitForEnd())
        #expect(report.survivors.isEmpty)
    }

    @Test(arguments: [1_000_000, 1 << 30])
    func `All of standard input passes through cat and is counted`(count: Int) throws {
        let pipe = try makePipe()
        let source = try Running(
            Programs.misbehave, ["write", "\(count)", "65536"], output: .descriptor(pipe.writing))
        close(pipe.writing)
        let running = try start("--max-output", "1k", "--", "cat", input: .descriptor(pipe.reading))
        close(pipe.reading)
        let report = try running.finish().report
        #expect(try source.finish().code == 0)
        #expect(report.number("stdout_bytes") == count)
        #expect(report.flag("stdout_eof") == true)
        #expect(report.exitCode == 0)
    }

    @Test func `Much on standard error and nothing on standard output is no deadlock`() throws {
        let report = try drainRun("--", Programs.misbehave, "write", "\(4 << 20)", "65536", "stderr")
        #expect(report.number("stdout_bytes") == 0)
        #expect(report.number("stderr_bytes") == 4 << 20)
        #expect(report.number("stderr_bytes_kept") == 4 << 20)
        #expect(report.code == 0)
    }

    @Test func `Cut at lines, only whole lines are kept`() throws {
        let line = "for i in $(seq 100); do echo xxxxxxxxxx; done"
        let report = try drainRun("--max-output", "372", "--cut", "line", "--", "sh", "-c", line)
        #expect(report.number("stdout_bytes_kept") == 363)
        #expect(report.number("stdout_bytes_truncated") == 737)
        #expect(report.text("stdout") == String(repeating: "xxxxxxxxxx\n", count: 33))
    }

    @Test func `A gigabyte without a newline is counted to the byte`() throws {
        let report = try drainRun(
            "--max-output", "1M", "--cut", "line", "--", "head", "-c", "\(1 << 30)", "/dev/zero")
        #expect(report.number("stdout_bytes") == 1 << 30)
        #expect(report.number("stdout_bytes_kept") == 0)
        #expect(report.code == 0)
    }
}
