import Foundation
import Testing

@testable import Drain

@Suite("Starting a program")
struct StartTests {
    @Test("an exit code is a result", arguments: [0, 1, 7, 126, 127, 255])
    func exitCodes(code: Int) throws {
        let report = try sh("echo out; echo err >&2; exit \(code)")
        #expect(report.outcome == .exited && report.termination == .exited(Int32(code)))
        #expect(report.exitCode == code && report.signal == nil && report.killMethod == nil)
        #expect(report.stdout.text == "out\n" && report.stderr.text == "err\n")
        #expect(report.stdout.reachedEnd && report.stderr.reachedEnd)
        #expect(report.survivors.isEmpty && report.holders.isEmpty && report.error == nil)
    }

    @Test("an end by a signal is a result", arguments: [9, 15, 6, 13, 1])
    func signals(number: Int) throws {
        let report = try sh("kill -\(number) $$")
        #expect(report.outcome == .signaled && report.exitCode == -number && report.signal == number)
    }

    @Test("what is not there is not found", arguments: ["/nowhere/at/all", "drain-no-such-program", ""])
    func notFound(program: String) {
        let error = refusal(Command(program))
        #expect(error?.kind == .notFound && error?.errno.name == "ENOENT" && error?.subject == program)
    }

    @Test("what cannot be executed says so")
    func notExecutable() throws {
        try Surroundings.withDirectory { directory in
            try Surroundings.write("#!/bin/sh\n", to: directory + "/plain")
            for program in [directory + "/plain", directory] {
                let error = refusal(Command(program))
                #expect(error?.kind == .notExecutable && error?.errno.name == "EACCES")
            }
            // Along PATH, a file that cannot be executed is passed over, and remembered.
            var command = Command("plain")
            command.environment = .empty.setting("PATH", to: OSString(directory + ":/bin"))
            #expect(refusal(command)?.kind == .notExecutable)
            try Surroundings.write("", to: directory + "/echo")
            command = Command("echo", "the other one")
            command.environment = .empty.setting("PATH", to: OSString(directory + ":/usr/bin:/bin"))
            #expect(try command.runBlocking().stdout.text == "the other one\n")
        }
    }

    @Test("an interpreter that is missing is not found, and one through a file is no directory")
    func badPaths() throws {
        try Surroundings.withDirectory { directory in
            try Surroundings.write("#!/nowhere/sh\n", to: directory + "/drain-script", mode: 0o755)
            #expect(refusal(Command(directory + "/drain-script"))?.kind == .notFound)
            #expect(refusal(Command(directory + "/drain-script/x"))?.errno.name == "ENOTDIR")
        }
    }

    @Test("a script without an interpreter's line goes to the shell, its arguments with it")
    func scriptWithoutLine() throws {
        try Surroundings.withDirectory { directory in
            try Surroundings.write("echo \"$0|$1|$2|$#\"\n", to: directory + "/drain-script", mode: 0o755)
            let direct = try Command(directory + "/drain-script", "a b", "").runBlocking()
            #expect(direct.stdout.text == "\(directory)/drain-script|a b||2\n")
            var command = Command("drain-script", "x")
            command.environment = .inherited.setting("PATH", to: OSString("/bin:" + directory))
            #expect(try command.runBlocking().stdout.text == "\(directory)/drain-script|x||1\n")
        }
    }

    @Test("the PATH that is searched is the command's own")
    func path() throws {
        try Surroundings.withDirectory { directory in
            try Surroundings.write("#!/bin/sh\necho mine\n", to: directory + "/drain-mine", mode: 0o755)
            var command = Command("drain-mine")
            #expect(refusal(command)?.kind == .notFound)
            command.environment = .inherited.setting("PATH", to: OSString("/nowhere:" + directory))
            #expect(try command.runBlocking().stdout.text == "mine\n")
            // An empty element is the directory the command runs in, in every place.
            command.workingDirectory = OSString(directory)
            for path in ["", ":/bin", "/bin:", "/bin::/usr/bin"] {
                command.environment = .inherited.setting("PATH", to: OSString(path))
                #expect(try command.runBlocking().stdout.text == "mine\n", "PATH=\(path)")
            }
            command.environment = .inherited.setting("PATH", to: "/bin")
            #expect(refusal(command)?.kind == .notFound)
        }
        var command = Command("echo", "default")
        command.environment = .empty
        #expect(try command.runBlocking().stdout.text == "default\n")
    }

    @Test("arguments come through as bytes")
    func arguments() throws {
        let odd = OSString(bytes: [0x61, 0xFF, 0x0A, 0x20, 0xC3])
        let report = try Command(["printf", "%s.", "", "a b", odd, "é"]).runBlocking()
        #expect(Array(report.stdout.bytes) == Array(".a b.".utf8) + odd.bytes + Array(".é.".utf8))
        #expect(report.command == ["printf", "%s.", "", "a b", odd, "é"])
    }

    @Test("what execve cannot be told is refused before anything starts")
    func invalid() {
        var commands = [Command([]), Command("a\u{0}b"), Command("echo", "a\u{0}"), Command("echo")]
        commands[3].workingDirectory = "/tmp\u{0}"
        for name: OSString in ["", "A=B", "A\u{0}"] {
            var command = Command("echo")
            command.environment = .inherited.setting(name, to: "x")
            commands.append(command)
        }
        var command = Command("echo")
        command.environment = .inherited.setting("A", to: "\u{0}")
        commands.append(command)
        command = Command("echo")
        command.standardInput = .file("a\u{0}")
        commands.append(command)
        for command in commands {
            let error = refusal(command)
            #expect(error?.kind == .invalidCommand && error?.errno.name == "EINVAL", "\(command)")
        }
    }

    @Test("an argument too long for the system is an error, not a crash")
    func tooLong() {
        let error = refusal(Command("echo", String(repeating: "x", count: 1 << 20)))
        #expect(error?.errno.name == "E2BIG" && error?.kind == .notExecutable)
    }

    @Test("the time and the resources of a run are told")
    func usage() throws {
        let before = Timestamp.now().millisecondsSinceEpoch
        let report = try sh("i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done")
        #expect(report.startedAt.millisecondsSinceEpoch >= before - 1)
        #expect(report.duration > .zero && report.duration < .seconds(60))
        #expect(report.usage.user > .zero && report.usage.maxResidentBytes > 100_000)
        #expect(report.usage.maxResidentFloor > 100_000)
    }
}
