import Foundation
import Testing

/// Both streams passed on as they arrive.
@Suite struct LiveTests {
    @Test func `Both streams pass byte for byte, with no report unless asked`() throws {
        let all = (0...255).map { String(format: "%02x", $0) }.joined()
        let finished = try run(
            "--live", "--", Programs.misbehave, "hex", all, "hex", all + "00", "stderr", "exit", "6")
        #expect(finished.code == 6)
        #expect(finished.stdout == (0...255).map { UInt8($0) })
        #expect(finished.stderrBytes == (0...255).map { UInt8($0) } + [0])
    }

    @Test func `A report that is asked for follows what was passed on`() throws {
        let finished = try run("--live", "--report", "-", "--", "echo", "hello")
        let lines = finished.output.split(separator: "\n", maxSplits: 1)
        #expect(lines.first == "hello")
        #expect(try ReportView(Array(try #require(lines.last).utf8)).text("stdout") == "hello\n")
    }

    @Test(arguments: ["head", "tail", "both"])
    func `The streams pass up to their caps, whichever end is kept`(keep: String) throws {
        let place = try Workplace()
        let count = 3_000_000
        let finished = try run(
            "--live", "--keep", keep, "--cut", "byte", "--max-output", "1000000", "--max-stderr", "4M",
            "--report",
            place["report"], "--", Programs.misbehave, "write", "\(count)", "4096", "write", "\(count)",
            "4096",
            "stderr")
        let whole = Self.written(count, 4096)
        #expect(areSame(finished.stdout, Array(whole.prefix(1_000_000))))
        #expect(areSame(finished.stderrBytes, whole))
        let report = try ReportView(file: place["report"])
        #expect(report.number("stdout_bytes") == count)
        #expect(report.number("stdout_bytes_kept") == 1_000_000)
        #expect(report.flag("stderr_truncated") == false)
    }

    @Test(arguments: ["character", "line"])
    func `A cut of what is passed on falls where it was asked for`(cut: String) throws {
        let finished = try run(
            "--live", "--max-output", "6", "--cut", cut, "--", "printf", "ab\\ncd\\303\\251x\\n")
        #expect(finished.output == (cut == "line" ? "ab\n" : "ab\ncd"))
    }

    @Test func `A notice says what is missing, behind what was passed on`() throws {
        let finished = try run("--live", "--notice", "--max-output", "100", "--", "seq", "1000")
        let parts = finished.output.components(separatedBy: "[drain: ")
        #expect(parts.count == 2)
        let shown = parts[0]
        #expect(shown.hasSuffix("\n"))
        let whole = (1...1000).map { "\($0)\n" }.joined()
        #expect(whole.hasPrefix(shown) || whole.hasPrefix(shown.dropLast()))
        let missing = try #require(parts.last.flatMap { Int($0.prefix { $0.isNumber }) })
        let count = whole.utf8.count - missing
        #expect(count == shown.utf8.count || count == shown.utf8.count - 1)
        #expect(finished.stdout.count <= 100)
    }

    @Test func `A stream appears while the command goes on`() throws {
        let pipe = try makePipe()
        let running = try start(
            "--live", "--", Programs.misbehave, "hex", "6869", "hex", "796f", "stderr", "input",
            input: .descriptor(pipe.reading))
        close(pipe.reading)
        #expect(running.stdout?.wait(for: "hi") == true)
        #expect(running.stderr?.wait(for: "yo") == true)
        #expect(!running.hasEnded)
        close(pipe.writing)
        #expect(try running.finish().code == 0)
    }

    @Test func `Live output goes to a file whole and in its place`() throws {
        let place = try Workplace()
        try place.write("before\n", to: "log")
        let finished = try run(
            "--live", "--", "seq", "100000", output: .file(place["log"], O_WRONLY | O_APPEND))
        #expect(finished.code == 0)
        let whole = "before\n" + (1...100000).map { "\($0)\n" }.joined()
        #expect(try areSame(place.bytes("log"), Array(whole.utf8)))
    }

    @Test(arguments: ["head", "tail", "both"])
    func `A slow reader loses nothing`(keep: String) throws {
        let pipe = try makePipe()
        let running = try start(
            "--live", "--keep", keep, "--cut", "byte", "--max-output", "2M", "--", Programs.misbehave,
            "write",
            "2000000", "65536", output: .descriptor(pipe.writing))
        close(pipe.writing)
        // Nobody reads before the pipe is known to have something and cannot have all of it.
        var set = pollfd(fd: pipe.reading, events: Int16(POLLIN), revents: 0)
        #expect(poll(&set, 1, Int32(patience * 1000)) == 1)
        #expect(!running.hasEnded)
        let reader = Reader(pipe.reading)
        #expect(try running.finish().code == 0)
        #expect(reader.waitForEnd())
        #expect(areSame(reader.bytes, Self.written(2_000_000, 65536)))
    }

    @Test(arguments: ["head", "tail", "both"])
    func `A reader that reads nothing does not delay the time limit`(keep: String) throws {
        let place = try Workplace()
        let pipe = try makePipe()
        let tree = try Reader(fifo: place.fifo("tree"))
        let begun = Date()
        let running = try start(
            "--live", "--keep", keep, "-t", "500ms", "--max-output", "1M", "--report", place["report"], "--",
            Programs.misbehave, "hold", place["tree"], "tell", "up", "write", "100000000000", "65536",
            output: .descriptor(pipe.writing))
        close(pipe.writing)
        #expect(tree.wait(for: "up"))
        tree.letGo()
        #expect(try running.finish().code == 124)
        #expect(Date().timeIntervalSince(begun) < 15)
        #expect(try ReportView(file: place["report"]).outcome == "timed_out")
        #expect(tree.waitForEnd())
        close(pipe.reading)
    }

    @Test(arguments: ["head", "tail", "both"])
    func `A reader that goes away when all is over holds nobody up`(keep: String) throws {
        let place = try Workplace()
        let pipe = try makePipe()
        let tree = try Reader(fifo: place.fifo("tree"))
        let running = try start(
            "--live", "--keep", keep, "-t", "300ms", "--drain-grace", "0", "--max-output", "1M", "--report",
            place["report"], "--", Programs.misbehave, "hold", place["tree"], "tell", "up", "write",
            "100000000000", "65536",
            output: .descriptor(pipe.writing))
        close(pipe.writing)
        #expect(tree.wait(for: "up"))
        tree.letGo()
        #expect(tree.waitForEnd())
        // The command is dead and its pipes are given up; what was not passed on waits for a reader.
        let worker = try #require(running.children.first)
        let deadline = Date().addingTimeInterval(patience)
        while Self.readsPipes(worker), Date() < deadline { sched_yield() }
        close(pipe.reading)
        #expect(try running.finish().code == 124)
        #expect(try ReportView(file: place["report"]).outcome == "timed_out")
    }

    private static func readsPipes(_ pid: pid_t) -> Bool {
        let list = "/proc/\(pid)/fd"
        return (try? FileManager.default.contentsOfDirectory(atPath: list))?.contains { name in
            let target = try? FileManager.default.destinationOfSymbolicLink(atPath: "\(list)/\(name)")
            var status = stat()
            guard target?.hasPrefix("pipe:") == true, lstat("\(list)/\(name)", &status) == 0 else {
                return false
            }
            return status.st_mode & S_IRUSR != 0
        } ?? false
    }

    @Test func `A reader that goes away ends the run`() throws {
        let place = try Workplace()
        let tree = try Reader(fifo: place.fifo("tree"))
        let line = "\"$0\" --live --report \"$2\" -- \"$1\" hold \"$3\" tell up exec yes | head -n 1"
        let shell = try Running(
            "/bin/sh", ["-c", line, Programs.drainRun, Programs.misbehave, place["report"], place["tree"]])
        #expect(tree.wait(for: "up"))
        tree.letGo()
        let finished = try shell.finish()
        #expect(finished.output == "y\n")
        #expect(finished.stderr.isEmpty)
        #expect(tree.waitForEnd())
        let report = try ReportView(file: place["report"])
        #expect(["cancelled", "signaled"].contains(report.outcome))
    }

    @Test func `A full disk under live output is 125 and said`() throws {
        let finished = try run("--live", "--", "echo", "hello", output: .file("/dev/full", O_WRONLY))
        #expect(finished.code == 125)
        #expect(finished.stderr.contains("No space left on device"))
        #expect(finished.stderr.contains("standard output"))
    }

    @Test func `Standard output that others share keeps its flags`() throws {
        let pipe = try makePipe()
        let reader = Reader(pipe.reading)
        let before = fcntl(pipe.writing, F_GETFL)
        let finished = try run("--live", "--", "seq", "10", output: .descriptor(pipe.writing))
        #expect(fcntl(pipe.writing, F_GETFL) == before)
        close(pipe.writing)
        #expect(finished.code == 0)
        #expect(reader.waitForEnd())
        #expect(reader.text == (1...10).map { "\($0)\n" }.joined())
    }

    /// A failed == of large arrays has the testing library look for their differences, for hours.
    private func areSame(_ one: [UInt8], _ other: [UInt8]) -> Bool { one == other }

    /// What the fixture writes.
    static func written(_ count: Int, _ block: Int) -> [UInt8] {
        let one = (0..<block).map { $0 % 80 == 79 ? UInt8(ascii: "\n") : UInt8(ascii: "a") + UInt8($0 % 26) }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count + block)
        while bytes.count < count { bytes += one }
        return Array(bytes.prefix(count))
    }
}
