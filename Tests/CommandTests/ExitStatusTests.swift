import Foundation
import Testing

/// What drain-run exits with, and what cannot be started.
@Suite struct ExitStatusTests {
    @Test(arguments: [0, 1, 2, 7, 123, 124, 125, 126, 127, 128, 255])
    func `The command's own status is passed on`(code: Int) throws {
        let report = try drainRun("--", "sh", "-c", "exit \(code)")
        #expect(report.code == Int32(code))
        #expect(report.exitCode == code)
        #expect(report.outcome == "exited")
        #expect(report.isNull("signal"))
        #expect(report.flag("timed_out") == false)
    }

    @Test(arguments: [1, 2, 6, 9, 13, 15, 31, 34, 64])
    func `A signal is passed on as 128 and its number`(number: Int) throws {
        let report = try drainRun("--", Programs.misbehave, "kill", "\(number)")
        #expect(report.code == Int32(128 + number))
        #expect(report.exitCode == -number)
        #expect(report.number("signal") == number)
        #expect(report.outcome == "signaled")
        #expect(report.isNull("kill_method"))
    }

    @Test func `Truncation never changes the exit status`() throws {
        let report = try drainRun(
            "--max-output", "1", "--", Programs.misbehave, "write", "100000", "1000", "exit", "3")
        #expect(report.code == 3)
        #expect(report.flag("stdout_truncated") == true)
    }

    @Test(arguments: ["exit 0", "exit 3", "kill -9 $$"])
    func `A time limit is 124, whatever the command then exits with`(last: String) throws {
        let report = try drainRun(
            "-t", "200ms", "--", "sh", "-c", "trap '\(last)' TERM; sleep 60 & wait")
        #expect(report.code == 124)
        #expect(report.exitCode == 124)
        #expect(report.outcome == "timed_out")
        #expect(report.flag("timed_out") == true)
        #expect(report.isNull("signal"))
    }

    @Test(arguments: ["no-such-command-anywhere", "/no/such/file", "./nowhere", ""])
    func `A command that is not found is 127 with a report`(name: String) throws {
        let finished = try run("--", name, "argument")
        let report = try finished.report
        #expect(finished.code == 127)
        #expect(report.exitCode == 127)
        #expect(report.outcome == "not_started")
        #expect(report.errorName == "ENOENT")
        #expect(report["command"] as? [String] == [name, "argument"])
        #expect(finished.stderr.contains("'\(name)'"))
        #expect(finished.stderr.contains("No such file"))
    }

    @Test func `What is found and cannot be run is 126 with a report`() throws {
        let place = try Workplace()
        try place.write("echo no\n", to: "plain", mode: 0o644)
        try place.write("\u{7F}ELF broken", to: "broken", mode: 0o755)
        for (name, error) in [("plain", "EACCES"), ("", "EACCES")] {
            let finished = try run("--", place[name])
            let report = try finished.report
            #expect(finished.code == 126, "\(name)")
            #expect(report.exitCode == 126)
            #expect(report.outcome == "not_started")
            #expect(report.errorName == error)
            #expect(finished.stderr.contains(place[name]))
        }
    }

    @Test func `A file in the path that cannot be executed is 126`() throws {
        let place = try Workplace()
        try place.write("echo no\n", to: "plain-command", mode: 0o644)
        let report = try drainRun("-E", "PATH=/nowhere:\(place.path)", "--", "plain-command")
        #expect(report.code == 126)
    }

    @Test func `A script without a first line runs in the shell`() throws {
        let place = try Workplace()
        try place.write("echo script $1\n", to: "script", mode: 0o755)
        let report = try drainRun("--", place["script"], "argument")
        #expect(report.text("stdout") == "script argument\n")
        #expect(report.code == 0)
    }

    @Test(arguments: [
        ("-C", "/no/such/directory", "No such file"), ("-C", "/dev/null", "Not a directory"),
        ("-i", "/no/such/input", "No such file"), ("--stdin", "", "No such file"),
        ("--chdir", "", "No such file"),
    ])
    func `A surrounding that cannot be is 125, named, with its reason, and no report`(
        option: String, name: String, reason: String
    ) throws {
        let place = try Workplace()
        let finished = try run(option, name, "--", "touch", place["started"])
        #expect(finished.code == 125)
        #expect(finished.stdout.isEmpty)
        #expect(finished.stderr.contains("'\(name)'"))
        #expect(finished.stderr.contains(reason))
        #expect(!place.exists("started"))
    }

    @Test func `A report that cannot be written is 125 and said`() throws {
        let finished = try run("--", "echo", "hello", output: .file("/dev/full", O_WRONLY))
        #expect(finished.code == 125)
        #expect(finished.stderr.contains("No space left on device"))
        #expect(finished.stderr.contains("report"))
    }

    @Test func `Help that cannot be written is 125 and said`() throws {
        let finished = try run("--help", output: .file("/dev/full", O_WRONLY))
        #expect(finished.code == 125)
        #expect(finished.stderr.contains("No space left on device"))
    }

    @Test func `A closed standard output is refused before anything starts`() throws {
        let place = try Workplace()
        let finished = try run("--", "touch", place["started"], output: .closed)
        #expect(finished.code == 125)
        #expect(finished.stderr.contains("standard output"))
        #expect(!place.exists("started"))
    }

    @Test func `A closed standard input is an empty one`() throws {
        let report = try Running(Programs.drainRun, ["--", "cat"], input: .closed).finish().report
        #expect(report.exitCode == 0)
        #expect(report.number("stdout_bytes") == 0)
    }

    @Test func `A closed standard error is no obstacle`() throws {
        let finished = try run("--", "sh", "-c", "echo out; echo err >&2; exit 4", error: .closed)
        let report = try finished.report
        #expect(finished.code == 4)
        #expect(report.text("stdout") == "out\n")
        #expect(report.text("stderr") == "err\n")
    }

    @Test func `All three closed, the report still reaches its file`() throws {
        let place = try Workplace()
        let finished = try run(
            "--report", place["report"], "--", "sh", "-c", "cat; echo out; echo err >&2", input: .closed,
            output: .closed, error: .closed)
        #expect(finished.code == 0)
        let report = try ReportView(file: place["report"])
        #expect(report.text("stdout") == "out\n")
        #expect(report.text("stderr") == "err\n")
    }
}
