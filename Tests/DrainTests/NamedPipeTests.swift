import Foundation
import Testing

@testable import Drain

/// A standard input for which a shell would wait before it starts anything.
@Suite struct NamedPipeTests {
    private func reader(of path: String) -> Command {
        var command = Command("cat")
        command.standardInput = .file(OSString(path))
        return command
    }

    private func withPipe<R>(_ body: (String) async throws -> R) async throws -> R {
        let path = FileManager.default.temporaryDirectory.path + "/drain-pipe-" + UUID().uuidString
        try #require(mkfifo(path, 0o600) == 0)
        defer { unlink(path) }
        return try await body(path)
    }

    @Test func `A pipe that nobody writes to holds up no other run, and a time limit ends its own`()
        async throws
    {
        try await withPipe { path in
            let runner = Runner(maxRunning: 10)
            let waiting = Task { try await runner.run(reader(of: path)) }
            try await eventually(runner) { $0.started == 1 }
            #expect(try await runner.run(Command("true")).exitCode == 0)
            #expect(runner.diagnostics.running == 1)
            waiting.cancel()
            #expect(try await waiting.value.outcome == .cancelled)
            let report = try await runner.run(
                reader(of: path), timeouts: Timeouts(wall: .milliseconds(50), killAfter: .seconds(60)))
            #expect(report.outcome == .timedOut && report.stdout.totalCount == 0)
            #expect(report.command == [OSString("cat")] && report.survivors.isEmpty)
        }
    }

    @Test func `Whoever writes later is read to the end`() async throws {
        try await withPipe { path in
            let waiting = Task { try await reader(of: path).run() }
            let text = await Task.detached {
                // Waits until it is read.
                let writing = open(path, O_WRONLY | O_CLOEXEC)
                let count = write(writing, "late\n", 5)
                close(writing)
                return count
            }.value
            #expect(text == 5)
            let report = try await waiting.value
            #expect(report.stdout.text == "late\n" && report.exitCode == 0)
        }
    }

    @Test func `A file is not read in the way that it was opened`() throws {
        var command = Command.shell("grep flags /proc/self/fdinfo/0")
        command.standardInput = .file("/dev/null")
        // Neither O_NONBLOCK (04000) nor anything but reading.
        #expect(try command.runBlocking().stdout.text.hasSuffix("0100000\n"))
    }
}
