import Foundation
import Testing

@testable import Drain

@Suite("What a command is given")
struct SettingsTests {
    // MARK: Environment

    static func variables(_ environment: Environment) throws -> Set<String> {
        var command = Command("/usr/bin/env")
        command.environment = environment
        return Set(try command.runBlocking().stdout.text.split(separator: "\n").map(String.init))
    }

    @Test("an environment is empty, inherited, added to and taken from")
    func environment() throws {
        #expect(try Self.variables(.empty) == [])
        #expect(try Self.variables(.empty.setting("A", to: "1").setting("B", to: "")) == ["A=1", "B="])
        #expect(try Self.variables(.empty.setting("A", to: "1").setting("A", to: "2=3")) == ["A=2=3"])
        #expect(try Self.variables(.empty.setting("A", to: "1").removing("A")) == [])
        #expect(try Self.variables(.empty.removing("A").setting("A", to: "1")) == ["A=1"])
        let host = try Self.variables(.inherited)
        let path = try #require(host.first { $0.hasPrefix("PATH=") })
        let removed = try Self.variables(.inherited.removing("PATH"))
        #expect(removed == host.subtracting([path]))
        let changed = try Self.variables(.inherited.setting("PATH", to: "/x").setting("DRAIN_T", to: "é"))
        #expect(changed == host.subtracting([path]).union(["PATH=/x", "DRAIN_T=é"]))
    }

    // MARK: Working directory

    @Test("a command runs where it is told to, and a relative program is looked up there")
    func directory() throws {
        try Surroundings.withDirectory { directory in
            let real = URL(fileURLWithPath: directory).resolvingSymlinksInPath().path
            var command = Command("pwd")
            command.workingDirectory = OSString(directory)
            #expect(try command.runBlocking().stdout.text == real + "\n")
            try Surroundings.write("#!/bin/sh\necho here\n", to: directory + "/prog", mode: 0o755)
            command = Command("./prog")
            #expect(refusal(command)?.kind == .notFound)
            command.workingDirectory = OSString(directory)
            #expect(try command.runBlocking().stdout.text == "here\n")
        }
    }

    @Test("a directory that is none is an error of its own")
    func badDirectory() {
        var command = Command("pwd")
        for (path, name) in [("/nowhere/at/all", "ENOENT"), ("/dev/null", "ENOTDIR")] {
            command.workingDirectory = OSString(path)
            let error = refusal(command)
            #expect(error?.kind == .workingDirectory && error?.errno.name == name)
            #expect(error?.subject == path)
        }
    }

    // MARK: Standard input

    @Test("standard input is empty, a file, bytes or a descriptor")
    func input() throws {
        try Surroundings.withDirectory { directory in
            var command = Command("cat")
            #expect(try command.runBlocking().stdout.totalCount == 0)
            try Surroundings.write("from a file", to: directory + "/in")
            command.standardInput = .file(OSString(directory + "/in"))
            #expect(try command.runBlocking().stdout.text == "from a file")
            command.standardInput = .bytes([])
            #expect(try command.runBlocking().stdout.text == "")
            var ends: [Int32] = [0, 0]
            try #require(pipe(&ends) == 0)
            #expect(Glibc.write(ends[1], "from a pipe", 11) == 11)
            close(ends[1])
            command.standardInput = .descriptor(ends[0])
            #expect(try command.runBlocking().stdout.text == "from a pipe")
            // It stays the caller's.
            #expect(fcntl(ends[0], F_GETFD) >= 0 && close(ends[0]) == 0)
        }
    }

    @Test("a megabyte of input needs nobody to feed it")
    func longInput() throws {
        var dice = Dice(seed: 15)
        let bytes = (0..<1 << 20).map { _ in UInt8(truncatingIfNeeded: dice.next()) }
        var command = Command("cat")
        command.standardInput = .bytes(bytes)
        let report = try command.runBlocking()
        let same = Array(report.stdout.bytes) == bytes
        #expect(same && report.exitCode == 0)
        // Nor anybody to read it.
        command.arguments = ["true"]
        #expect(try command.runBlocking().exitCode == 0)
    }

    @Test("an input that cannot be opened is an error of its own")
    func badInput() {
        var command = Command("cat")
        let inputs: [(Input, String)] = [
            (.file("/nowhere/in"), "ENOENT"), (.descriptor(9999), "EBADF"), (.descriptor(-1), "EBADF"),
        ]
        for (input, name) in inputs {
            command.standardInput = input
            let error = refusal(command)
            #expect(error?.kind == .standardInput && error?.errno.name == name, "\(input)")
        }
    }

    // MARK: Resources

    @Test("limits are those of the child's shell")
    func limits() throws {
        var command = Command.shell("ulimit -n; ulimit -Hn; ulimit -f; ulimit -v; ulimit -t; ulimit -Ht")
        command.resources = ResourceLimits(
            cpuTime: .milliseconds(6500), memory: 1 << 31, fileSize: 512 * 100, openFiles: 17)
        let lines = try command.runBlocking().stdout.text.split(separator: "\n")
        #expect(lines == ["17", "17", "100", "2097152", "7", "8"])
        command = Command.shell("ulimit -t")
        command.resources = ResourceLimits(cpuTime: .zero)
        #expect(try command.runBlocking().stdout.text == "unlimited\n")
    }

    @Test("past its processor time a command gets SIGXCPU")
    func cpuTime() throws {
        var command = Command.shell("echo begun; while :; do :; done")
        command.resources = ResourceLimits(cpuTime: .milliseconds(1))
        let report = try command.runBlocking(timeouts: Timeouts(wall: .seconds(100)))
        #expect(report.signal == Int(SIGXCPU) && report.outcome == .signaled)
        #expect(report.stdout.text == "begun\n")
    }

    @Test("past its file size a command gets SIGXFSZ")
    func fileSize() throws {
        try Surroundings.withDirectory { directory in
            var command = Command("dd", "if=/dev/zero", "of=\(directory)/f", "bs=4096", "count=3")
            command.resources = ResourceLimits(fileSize: 4096)
            let report = try command.runBlocking()
            #expect(report.signal == Int(SIGXFSZ))
        }
    }

    @Test("a limit that the system refuses is named")
    func refusedLimit() {
        var command = Command("true")
        command.resources = ResourceLimits(fileSize: 1 << 40, openFiles: 1 << 40)
        let error = refusal(command)
        #expect(error?.kind == .resourceLimit && error?.subject == "open files (\(1 << 40))")
    }
}
