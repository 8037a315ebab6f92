import Drain
import Foundation
import Testing

/// A library run under a drain-run is the same run, and nobody gets away from it.
@Suite struct SupervisedLibraryTests {
    private func timeouts(_ change: (inout Timeouts) -> Void = { _ in }) -> Timeouts {
        var timeouts = Timeouts(killMethod: .supervisor(drainRun: OSString(Programs.drainRun)))
        change(&timeouts)
        return timeouts
    }

    @Test func `A command runs as it does without a supervisor`() throws {
        let report = try Command("/bin/sh", arguments: ["-c", "echo out; echo err >&2; exit 7"])
            .runBlocking(timeouts: timeouts())
        #expect(report.exitCode == 7 && report.outcome == .exited)
        #expect(report.stdout.text == "out\n" && report.stderr.text == "err\n")
        #expect(report.stdout.reachedEnd && report.stderr.reachedEnd)
        #expect(report.killMethod == nil && report.survivors.isEmpty)
    }

    /// The processes of the drain-runs that supervise for us.
    private func supervisors() -> [pid_t] {
        let processes = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return processes.compactMap { pid_t($0) }.filter { pid in
            let words = (try? Data(contentsOf: URL(fileURLWithPath: "/proc/\(pid)/cmdline"))) ?? Data()
            return String(decoding: words, as: UTF8.self).contains("--supervise\0--\0sleep\09876")
        }
    }

    @Test func `A supervisor that does not answer holds up nobody else`() async throws {
        let runner = Runner(maxRunning: 50)
        let stuck = Task {
            try await runner.run(Command("sleep", "9876"), timeouts: timeouts { $0.killAfter = .zero })
        }
        while runner.diagnostics.started < 1 { try await Task.sleep(for: .milliseconds(2)) }
        let stopped = supervisors()
        #expect(stopped.count == 2)
        for pid in stopped { kill(pid, SIGSTOP) }
        stuck.cancel()
        let start = ContinuousClock.now
        // More than there are threads, so that one of them would have to be the stuck run's.
        try await withThrowingTaskGroup(of: Report.self) { group in
            for _ in 0..<20 { group.addTask { try await runner.run(Command("true")) } }
            for try await report in group { #expect(report.exitCode == 0) }
        }
        // A supervisor is waited for no longer than twelve seconds; where other tests have kept this one from
        // going on for that long, nothing can be said.
        let isStuck = runner.diagnostics.running == 1
        #expect(isStuck || start.duration(to: .now) > .seconds(11))
        for pid in stopped { kill(pid, SIGCONT) }
        #expect(try await stuck.value.outcome == .cancelled)
    }

    @Test func `The signal that ended it is told`() throws {
        let report = try Command("/bin/sh", arguments: ["-c", "kill -9 $$"]).runBlocking(timeouts: timeouts())
        #expect(report.exitCode == -9 && report.outcome == .signaled)
    }

    @Test func `What cannot be started is the same error`() throws {
        #expect {
            try Command("no-such-command").runBlocking(timeouts: timeouts())
        } throws: { error in
            let error = error as? DrainError
            return error?.kind == .notFound && error?.subject == "no-such-command"
        }
        #expect {
            var command = Command("true")
            command.workingDirectory = "/nowhere"
            _ = try command.runBlocking(timeouts: timeouts())
        } throws: { ($0 as? DrainError)?.kind == .workingDirectory }
    }

    @Test func `A supervisor that is none is an error`() {
        for program in ["/nowhere/drain-run", "/bin/true", "/bin/cat"] {
            #expect {
                try Command("true").runBlocking(
                    timeouts: timeouts { $0.killMethod = .supervisor(drainRun: OSString(program)) })
            } throws: { error in
                let error = error as? DrainError
                return error?.kind == .killMethod && error?.description.contains(program) == true
            }
        }
    }

    @Test func `Limits bind the command and not its supervisor`() throws {
        var command = Command(Programs.misbehave, arguments: ["limits"])
        // A sanitizer takes terabytes of address space, without which the command cannot start.
        let memory = Programs.areSanitized ? 1 << 50 : 1 << 30
        command.resources = ResourceLimits(
            cpuTime: .seconds(3), memory: memory, fileSize: 4096, openFiles: 20, processes: 5000)
        let text = try command.runBlocking(timeouts: timeouts()).stdout.text
        #expect(text.contains("cpu 3 4\n") && text.contains("memory \(memory) \(memory)\n"))
        #expect(text.contains("file 4096 4096\n") && text.contains("open 20 20\n"))
        #expect(text.contains("processes 5000 5000\n"))
    }

    @Test func `It has no descriptor but three`() throws {
        let report = try Command(Programs.misbehave, arguments: ["state"]).runBlocking(timeouts: timeouts())
        let lines = report.stdout.text.split(separator: "\n").filter { $0.hasPrefix("fd ") }
        #expect(lines.sorted() == ["fd 0", "fd 1", "fd 2"])
    }

    @Test func `Standard input, environment and directory are the command's`() throws {
        var command = Command("/bin/sh", arguments: ["-c", "cat; echo $NAME; pwd"])
        command.standardInput = .bytes(Array("fed\n".utf8))
        command.environment = Environment.inherited.setting("NAME", to: "value")
        command.workingDirectory = "/"
        #expect(try command.runBlocking(timeouts: timeouts()).stdout.text == "fed\nvalue\n/\n")
    }

    @Test func `A gigabyte is counted`() throws {
        let report = try Command(Programs.misbehave, arguments: ["write", "1000000000", "65536"])
            .runBlocking(limits: Limits(bytes: 10), timeouts: timeouts())
        #expect(report.stdout.totalCount == 1_000_000_000 && report.exitCode == 0)
    }

    @Test func `Background processes can be left`() throws {
        let place = try Workplace()
        let tree = try Reader(fifo: place.fifo("tree"))
        let gate = try place.fifo("gate")
        let report = try Command(
            Programs.misbehave,
            arguments: ["hold", place["tree"], "spawn", "tell", "up", "exec", "/bin/cat", gate, "end"]
        ).runBlocking(
            timeouts: timeouts {
                $0.background = .leave
                $0.drainGrace = .zero
            })
        #expect(report.killMethod == nil && report.exitCode == 0)
        #expect(tree.wait(for: "up"))
        tree.letGo()
        let opened = open(gate, O_WRONLY | O_CLOEXEC)
        #expect(opened >= 0)
        close(opened)
        #expect(tree.waitForEnd())
    }
}
