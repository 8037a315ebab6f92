import Foundation
import Testing

/// What the command runs in: directory, environment, input, descriptors, signals, limits.
@Suite struct SurroundingsTests {
    private static func hex(_ bytes: [UInt8]) -> String {
        bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    }

    private static func lines(_ report: ReportView) -> [String] {
        (report.text("stdout") ?? "").split(separator: "\n", omittingEmptySubsequences: false).dropLast().map
        {
            String($0)
        }
    }

    @Test func `The command starts where it is told`() throws {
        #expect(try drainRun("-C", "/usr", "--", "pwd", "-P").text("stdout") == "/usr\n")
    }

    @Test func `A relative command is looked up from the new directory`() throws {
        let place = try Workplace()
        try place.write("#!/bin/sh\necho there\n", to: "tool", mode: 0o755)
        #expect(try drainRun("-C", place.path, "--", "./tool").text("stdout") == "there\n")
    }

    @Test func `Standard input comes from a file`() throws {
        let place = try Workplace()
        try place.write("from a file", to: "input")
        #expect(try drainRun("-i", place["input"], "--", "cat").text("stdout") == "from a file")
    }

    @Test func `Standard input is ours by default`() throws {
        #expect(try drainRun("--", "cat", input: .bytes(Array("ours".utf8))).text("stdout") == "ours")
        #expect(try drainRun("-i", "-", "--", "cat", input: .bytes([0x61])).text("stdout") == "a")
    }

    @Test func `Sixty-four mebibytes of our standard input pass through and are counted`() throws {
        let bytes = [UInt8](repeating: 0x78, count: 64 << 20)
        let report = try drainRun("--encode", "none", "--", "cat", input: .bytes(bytes))
        #expect(report.number("stdout_bytes") == 64 << 20)
        #expect(report.code == 0)
    }

    @Test func `Variables are set, the last of a name counts, and the others stay`() throws {
        let report = try drainRun(
            "-E", "A=1", "--env=B=x=y", "-EA=2", "-E", "EMPTY=", "--", "sh", "-c",
            "echo \"$A $B ${EMPTY-unset} ${OURS-unset}\"", environment: ["OURS": "here", "A": "0"])
        #expect(report.text("stdout") == "2 x=y  here\n")
    }

    @Test func `An environment can be started from nothing`() throws {
        let report = try drainRun(
            "-E", "A=1", "--clear-env", "-E", "B=2", "--", Programs.misbehave, "environment",
            environment: ["OURS": "here"])
        #expect(Set(Self.lines(report)) == [Self.hex(Array("A=1".utf8)), Self.hex(Array("B=2".utf8))])
    }

    @Test func `The command is looked up along the path of its own environment`() throws {
        let place = try Workplace()
        try place.write("#!/bin/sh\necho mine\n", to: "my-own-tool", mode: 0o755)
        #expect(try drainRun("-E", "PATH=\(place.path)", "--", "my-own-tool").text("stdout") == "mine\n")
    }

    @Test func `Bytes that are not UTF-8 pass through arguments and environment unchanged`() throws {
        let odd: [UInt8] = [0xFF, 0xFE, 0x80, 0xC3, 0x28, 0x20, 0x0A, 0xED, 0xA0, 0x80]
        let variable = Array("ODD=".utf8) + odd
        let words = ["-E", nil, "--", Programs.misbehave, "environment", "arguments", nil]
        let finished = try Running(
            Programs.drainRun, ["--clear-env"],
            rawArguments: words.enumerated().map { index, word in
                word.map { Array($0.utf8) } ?? (index == 1 ? variable : odd)
            }
        ).finish()
        let report = try finished.report
        #expect(Self.lines(report) == [Self.hex(variable), Self.hex(odd)])
        // In the report they are text, as everything there.
        #expect((report["command"] as? [String])?.last == String(decoding: odd, as: UTF8.self))
    }

    @Test func `A name of a file may be any bytes`() throws {
        let place = try Workplace()
        let name = Array(place.path.utf8) + [0x2F, 0xFF, 0xFE]
        let descriptor = (name + [0]).withUnsafeBytes {
            open($0.baseAddress!.assumingMemoryBound(to: CChar.self), O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        }
        #expect(descriptor >= 0)
        write(descriptor, "odd", 3)
        close(descriptor)
        let finished = try Running(
            Programs.drainRun, ["-i"], rawArguments: [name, Array("--".utf8), Array("cat".utf8)]
        ).finish()
        #expect(try finished.report.text("stdout") == "odd")
    }

    @Test func `Ignored and blocked signals of a parent do not reach the command`() throws {
        let finished = try Running(
            Programs.misbehave,
            [
                "ignore", "13", "ignore", "2", "ignore", "3", "ignore", "17", "ignore", "34", "mask", "10",
                "mask", "15",
            ]
                + ["exec", Programs.drainRun, "--", Programs.misbehave, "state"]
        ).finish()
        let report = try finished.report
        let lines = Self.lines(report)
        for name in ["SigBlk", "SigIgn"] {
            let line = try #require(lines.first { $0.hasPrefix(name) })
            #expect(line.hasSuffix("0000000000000000"), "\(line)")
        }
        #expect(finished.code == 0)
    }

    @Test func `The yes of a parent that ignores SIGPIPE ends with its reader`() throws {
        let finished = try Running(
            Programs.misbehave,
            ["ignore", "13", "exec", Programs.drainRun, "-t", "30", "--", "sh", "-c", "yes | head -n 1"]
        ).finish()
        #expect(finished.code == 0)
        #expect(try finished.report.text("stdout") == "y\n")
        #expect(try finished.report.text("stderr") == "")
    }

    @Test func `The command has three descriptors and a session of its own`() throws {
        let pipe = try makePipe()
        defer {
            close(pipe.reading)
            close(pipe.writing)
        }
        let finished = try run(
            "--", Programs.misbehave, "state", extra: [5: pipe.writing, 100: pipe.reading])
        let lines = Self.lines(try finished.report)
        #expect(lines.filter { $0.hasPrefix("fd ") }.sorted() == ["fd 0", "fd 1", "fd 2"])
        #expect(lines.contains("leader 1"))
    }

    @Test func `Resource limits are those that are asked for`() throws {
        let report = try drainRun(
            "--cpu-time", "90", "--memory", "64G", "--file-size", "1M", "--open-files", "64", "--processes",
            "4000",
            "--", "sh", "-c", "ulimit -t; ulimit -v; ulimit -n; cat /proc/self/limits")
        let lines = Self.lines(report)
        #expect(Array(lines.prefix(3)) == ["90", "\(64 << 20)", "64"])
        func row(_ name: String) -> [Substring] {
            lines.first { $0.hasPrefix(name) }?.dropFirst(name.count).split(separator: " ") ?? []
        }
        #expect(row("Max file size").prefix(2) == ["1048576", "1048576"])
        #expect(row("Max processes").prefix(2) == ["4000", "4000"])
        #expect(row("Max address space").prefix(2) == ["68719476736", "68719476736"])
    }

    @Test func `Limits that are not asked for are ours`() throws {
        let ours = try Running(Programs.misbehave, ["limits"]).finish().output
        #expect(try drainRun("--", Programs.misbehave, "limits").text("stdout") == ours)
    }

    @Test func `A limit that cannot be set is 125, named`() throws {
        // Not even root may have more descriptors than the kernel allows.
        let finished = try run("--open-files", "4611686018427387904", "--", "true")
        #expect(finished.code == 125)
        #expect(finished.stdout.isEmpty)
        #expect(finished.stderr.contains("open files"))
    }

    @Test func `A command past its processor time ends by SIGXCPU`() throws {
        let report = try drainRun("--cpu-time", "1", "-t", "50", "--", Programs.misbehave, "burn")
        #expect(report.number("signal") == 24)
        #expect(report.exitCode == -24)
        #expect(report.outcome == "signaled")
        #expect(report.code == 152)
    }

    @Test func `A file past its size is a signal to its writer`() throws {
        let place = try Workplace()
        let report = try drainRun(
            "--file-size", "4k", "--", "dd", "if=/dev/zero", "of=\(place["file"])", "bs=1024", "count=64")
        #expect(report.number("signal") == 25)
        #expect(try place.bytes("file").count == 4096)
    }

    @Test func `Limits on the command do not bind the report`() throws {
        let place = try Workplace()
        let finished = try run(
            "--file-size", "1k", "--open-files", "16", "--report", place["report"], "--", Programs.misbehave,
            "write", "100000", "1000")
        #expect(finished.code == 0)
        #expect(try ReportView(file: place["report"]).number("stdout_bytes_kept") == 100_000)
    }

    @Test func `Started with SIGCHLD ignored, it still learns how the command ended`() throws {
        let script = "trap '' CHLD; exec $1 -- sh -c 'sleep 600 & exit 3'"
        let finished = try Running("/bin/sh", ["-c", script, "sh", Programs.drainRun]).finish()
        let report = try finished.report
        #expect(finished.code == 3 && report.text("outcome") == "exited" && report.hasKilled)
    }
}
