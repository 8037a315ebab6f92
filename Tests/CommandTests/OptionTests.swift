import Testing

/// Good and bad values of every option, and where options end.
@Suite struct OptionTests {
    /// Every option that takes a value, with bad values and a word of what would be right.
    static let bad: [(option: String, values: [String], right: String)] = [
        ("--max-output", ["-1", "1x", "", "99999999999999999999", "1.5M", "1 k", "lots"], "bytes"),
        ("--max-stdout", ["-1", "1T", "", "9223372036854775808"], "bytes"),
        ("--max-stderr", ["-1", "k", "", "8589934592G"], "bytes"),
        ("--keep", ["middle", "", "HEAD", "head,tail"], "head, tail, both"),
        ("--cut", ["word", "", "lines"], "byte, character, line"),
        ("--encode", ["hex", "", "Text"], "text, base64, none"),
        ("--report", ["", "fd:", "fd:\u{301}", "fd:x", "fd:-1", "fd:1x", "fd:99999999999"], "fd:N"),
        ("--timeout", ["-1", "1x", "", "1m30s", "99999999999999d", "soon", "nan"], "ms, s, m, h or d"),
        ("--kill-after", ["-1", "5 s", "", "inf"], "ms, s, m, h or d"),
        ("--signal", ["0", "65", "-15", "", "TERMINATE", "15x"], "TERM, SIGTERM or 15"),
        ("--idle-timeout", ["-0.5", "1ss", ""], "ms, s, m, h or d"),
        ("--drain-grace", ["-1ms", "ms", ""], "ms, s, m, h or d"),
        ("--background", ["forget", "", "Kill"], "kill, leave"),
        ("--env", ["NAME", "", "=value"], "NAME=VALUE"),
        ("--cpu-time", ["-1", "1 h", ""], "ms, s, m, h or d"),
        ("--memory", ["-1", "1Q", ""], "bytes"),
        ("--file-size", ["-1", "1.5k", ""], "bytes"),
        ("--open-files", ["-1", "64k", "", "99999999999999999999"], "whole number"),
        ("--processes", ["-1", "many", ""], "whole number"),
    ]

    @Test(arguments: bad)
    func `A bad value starts nothing and says what would be right`(
        option: String, values: [String], right: String
    ) throws {
        let place = try Workplace()
        for value in values {
            let finished = try run("\(option)=\(value)", "--", "touch", place["started"])
            #expect(finished.code == 125, "\(option)=\(value)")
            #expect(finished.stdout.isEmpty)
            #expect(finished.stderr.hasPrefix("drain-run: "))
            #expect(finished.stderr.contains(option))
            #expect(finished.stderr.contains("'\(value)'"))
            #expect(finished.stderr.contains(right), "\(finished.stderr)")
            #expect(finished.stderr.filter { $0 == "\n" }.count == 1)
            #expect(!place.exists("started"))
        }
    }

    @Test(arguments: bad)
    func `An option that lacks its value says so`(option: String, values: [String], right: String) throws {
        let finished = try run(option)
        #expect(finished.code == 125)
        #expect(finished.stdout.isEmpty)
        #expect(finished.stderr.contains(option))
        #expect(finished.stderr.contains("value"))
    }

    @Test(arguments: ["--frobnicate", "--frobnicate=3", "-x", "-Z1", "-é", "--max-outputs=1", "-tx"])
    func `An unknown option starts nothing`(option: String) throws {
        let place = try Workplace()
        let finished = try run(option, "--", "touch", place["started"])
        #expect(finished.code == 125)
        #expect(finished.stdout.isEmpty)
        #expect(
            finished.stderr.contains(
                option == "-tx"
                    ? "--timeout"
                    : String(option.prefix { $0 != "=" }.prefix(option.hasPrefix("--") ? 99 : 2))))
        #expect(!place.exists("started"))
    }

    @Test(arguments: ["--notice=1", "--live=yes", "--clear-env=", "--progress=no", "--help=x"])
    func `An option without a value takes none`(option: String) throws {
        let finished = try run(option, "--", "true")
        #expect(finished.code == 125)
        #expect(finished.stdout.isEmpty)
        #expect(finished.stderr.contains(String(option.prefix { $0 != "=" })))
    }

    @Test func `A command must be given`() throws {
        for arguments in [[], ["--"], ["--notice"], ["-t", "5"]] {
            let finished = try Running(Programs.drainRun, arguments).finish()
            #expect(finished.code == 125)
            #expect(finished.stdout.isEmpty)
            #expect(finished.stderr.contains("command"))
        }
    }

    /// Every option with good values, in all the ways to write them.
    @Test(arguments: [
        ["--max-output", "1k"], ["--max-output=0"], ["--max-stdout", "1KiB", "--max-stderr=2MB"],
        ["--keep", "tail"], ["--keep=both"], ["--cut=line"], ["--cut", "byte"], ["--notice"],
        ["--encode=base64"], ["--encode", "none"], ["--report", "-"], ["--report=fd:1"], ["-t", "10"],
        ["-t10s"],
        ["--timeout=1.5m"], ["--timeout", "0"], ["-k0"], ["-k", "1h"], ["--kill-after=250ms"], ["-s", "INT"],
        ["-sSIGINT"], ["--signal=2"], ["--idle-timeout=1d"], ["--idle-timeout", "0"], ["--drain-grace", "0"],
        ["--background=leave"], ["--background", "kill"], ["-C", "/"], ["--chdir=/"], ["-E", "A=b"], ["-EA="],
        ["--env=A=b=c"], ["--clear-env", "--env=PATH=/usr/bin:/bin"], ["-i", "-"], ["-i", "/dev/null"],
        ["--stdin=/dev/null"], ["--cpu-time", "0"], ["--cpu-time=5"], ["--memory=100G"],
        ["--file-size", "1G"],
        ["--open-files=64"], ["--processes=4096"], ["--progress"],
        // Abbreviations, as getopt_long has them, and repetitions, the last of which counts.
        ["--max-outp=3"], ["--ti", "5"], ["--no"], ["-t", "1ms", "-t", "1h"],
        ["--report=/nowhere/at/all", "--report=-"],
    ])
    func `Every option takes its good values`(options: [String]) throws {
        let finished = try Running(Programs.drainRun, options + ["--", "true"]).finish()
        #expect(finished.code == 0, "\(options): \(finished.stderr)")
        #expect(finished.stderr.isEmpty)
        #expect(try finished.report.exitCode == 0)
    }

    @Test func `An abbreviation that could be two options is refused`() throws {
        let finished = try run("--max-std=5", "--", "true")
        #expect(finished.code == 125)
        #expect(finished.stderr.contains("--max-stdout"))
        #expect(finished.stderr.contains("--max-stderr"))
    }

    @Test func `Options end at the first word that is not one`() throws {
        let report = try drainRun("--max-output", "5", "echo", "-n", "--max-output", "1", "--", "-t")
        #expect(report["command"] as? [String] == ["echo", "-n", "--max-output", "1", "--", "-t"])
        #expect(report.text("stdout") == "--max")
    }

    @Test func `Options end at two dashes`() throws {
        let place = try Workplace()
        try place.write("#!/bin/sh\necho dashed $1\n", to: "--live", mode: 0o755)
        let report = try drainRun("-E", "PATH=\(place.path):/usr/bin:/bin", "--", "--live", "--")
        #expect(report.text("stdout") == "dashed --\n")
        #expect(report["command"] as? [String] == ["--live", "--"])
    }

    @Test func `A single dash is a command's name`() throws {
        let report = try drainRun("-")
        #expect(report["command"] as? [String] == ["-"])
        #expect(report.code == 127)
    }

    @Test func `Help is on standard output and tells every option`() throws {
        for option in ["--help", "-h"] {
            let finished = try run(option)
            #expect(finished.code == 0)
            #expect(finished.stderr.isEmpty)
            for name in Self.bad.map(\.option) + [
                "--notice", "--live", "--clear-env", "--progress", "--version",
            ] {
                #expect(finished.output.contains(name))
            }
        }
    }

    @Test func `The version is one line`() throws {
        let finished = try run("--version")
        #expect(finished.code == 0)
        #expect(finished.output.hasPrefix("drain-run "))
        #expect(finished.output.filter { $0 == "\n" }.count == 1)
    }

    @Test func `The environment's cap is used where no option says otherwise`() throws {
        let cap = ["DRAIN_MAX_OUTPUT_BYTES": "1k"]
        let write = [Programs.misbehave, "write", "3000", "100", "write", "3000", "100", "stderr"]
        func kept(_ options: [String], _ environment: [String: String]) throws -> [Int?] {
            let finished = try Running(Programs.drainRun, options + ["--"] + write, environment: environment)
                .finish()
            let report = try finished.report
            return [report.number("stdout_bytes_kept"), report.number("stderr_bytes_kept")]
        }
        #expect(try kept([], cap) == [1024, 1024])
        #expect(try kept(["--max-output", "10"], cap) == [10, 10])
        #expect(try kept(["--max-stdout", "10"], cap) == [10, 1024])
        #expect(try kept(["--max-stderr", "10"], cap) == [1024, 10])
        #expect(try kept(["--max-stderr", "10", "--max-output", "20"], cap) == [20, 10])
    }

    @Test(arguments: ["", "x", "-5", "1.5k", "99999999999999999999"])
    func `A bad cap in the environment costs one line and nothing else`(value: String) throws {
        let finished = try run(
            "--", Programs.misbehave, "write", "9000000", "65536",
            environment: ["DRAIN_MAX_OUTPUT_BYTES": value])
        #expect(finished.code == 0)
        #expect(finished.stderr.filter { $0 == "\n" }.count == 1)
        #expect(finished.stderr.contains("DRAIN_MAX_OUTPUT_BYTES"))
        #expect(finished.stderr.contains("'\(value)'"))
        #expect(try finished.report.number("stdout_bytes_kept") == 8 << 20)
    }

    @Test func `The default cap is eight mebibytes`() throws {
        let report = try drainRun("--encode", "none", "--", Programs.misbehave, "write", "9000000", "65536")
        #expect(report.number("stdout_bytes_kept") == 8 << 20)
    }
}
