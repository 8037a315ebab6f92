import Foundation
import Testing

@testable import Drain

@Suite struct LoopTests {
    private static func threads() -> Int {
        (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/task").count) ?? -1
    }

    @Test func `Five hundred runs at once take no thread each, and end together when they may`() async {
        await #expect(processExitsWith: .success) {
            let path = FileManager.default.temporaryDirectory.path + "/drain-gate-" + UUID().uuidString
            mkfifo(path, 0o600)
            let gate = open(path, O_RDWR | O_CLOEXEC)
            defer { unlink(path) }
            let runner = Runner(maxRunning: 500, memoryBudget: .max)
            let before = LoopTests.threads()
            let command = Command("cat", path)
            try await withThrowingTaskGroup(of: Report.self) { group in
                for _ in 0..<500 { group.addTask { try await runner.run(command) } }
                try await eventually(runner) { $0.started == 500 }
                // Swift's own pool may have grown by a thread for each processor.
                let pool = ProcessInfo.processInfo.processorCount + 1
                #expect(LoopTests.threads() <= before + 4 + pool && runner.diagnostics.threads <= 4)
                #expect(runner.diagnostics.running == 500)
                group.cancelAll()
                for try await report in group { #expect(report.outcome == .cancelled) }
            }
            close(gate)
            #expect(LoopTests.threads() <= before + 8)
        }
    }

    @Test func `A crowd that is cancelled at once leaves nobody, in whatever session`() async throws {
        let path = FileManager.default.temporaryDirectory.path + "/drain-crowd-" + UUID().uuidString
        try #require(mkfifo(path, 0o600) == 0)
        defer { unlink(path) }
        // Whoever is left holds it open: the end of file comes with the last of them.
        let held = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
        defer { close(held) }
        // The one by itself ends at the signal, the other one does not.
        let line = "exec 7>'\(path)'; setsid sh -c 'trap \"\" TERM; echo x >&7; sleep 600' & sleep 600"
        let count = 40
        let runner = Runner(maxRunning: count, memoryBudget: .max)
        let timeouts = Timeouts(killAfter: .milliseconds(200))
        try await withThrowingTaskGroup(of: Report.self) { group in
            for _ in 0..<count {
                group.addTask { try await runner.run(Command.shell(line), timeouts: timeouts) }
            }
            var ready = 0
            var room = [UInt8](repeating: 0, count: 1000)
            try await eventually {
                ready += max(0, read(held, &room, room.count))
                return ready == 2 * count
            }
            // After so long a time all of /proc is looked through, and not a few numbers.
            try await Task.sleep(for: .milliseconds(300))
            group.cancelAll()
            for try await report in group {
                #expect(report.outcome == .cancelled && report.survivors == [] && report.killMethod != nil)
            }
        }
        var end = pollfd(fd: held, events: Int16(POLLIN), revents: 0)
        #expect(poll(&end, 1, 60_000) == 1 && end.revents & Int16(POLLHUP) != 0)
    }

    @Test func `A flood beside ping-pong starves nobody`() async throws {
        let runner = Runner(maxRunning: 40)
        let flood = Task {
            try await runner.run(Command("cat", "/dev/zero"), limits: Limits(bytes: 1000))
        }
        try await eventually(runner) { $0.bytesSeen >= 50 << 20 }
        // Each writes a line when the one before was taken out of the pipe, a hundred times: all of them are
        // through while the flood goes on.
        let steps = (0..<100).flatMap { ["hex", String(format: "%02x0a", 65 + $0 % 26), "drained"] }
        let command = Command(Surroundings.misbehave, arguments: steps)
        try await withThrowingTaskGroup(of: Report.self) { group in
            for _ in 0..<30 {
                group.addTask { try await runner.run(command, timeouts: Timeouts(wall: .seconds(600))) }
            }
            for try await report in group {
                #expect(report.outcome == .exited && report.stdout.totalCount == 200)
            }
        }
        let before = runner.diagnostics.bytesSeen
        try await eventually(runner) { $0.bytesSeen >= before + 50 << 20 }
        flood.cancel()
        let report = try await flood.value
        #expect(report.outcome == .cancelled && report.stdout.keptCount == 1000)
    }

    /// How many pipes of at most that many bytes this process reads from.
    private static func pipes(upTo size: Int32) -> Int {
        (0..<4096).count { descriptor in
            let capacity = fcntl(Int32(descriptor), 1032)  // F_GETPIPE_SZ
            return capacity > 0 && capacity <= size
        }
    }

    @Test func `Many quiet children get small pipes, and a bulk writer among them gets all through`() async {
        await #expect(processExitsWith: .success) {
            let runner = Runner(maxRunning: 200, memoryBudget: .max)
            let size = 30_000_000
            #expect(LoopTests.pipes(upTo: 16 << 10) == 0)
            try await withThrowingTaskGroup(of: Report.self) { group in
                for _ in 0..<150 {
                    group.addTask { try await runner.run(.shell("echo x; exec sleep 600")) }
                }
                try await eventually(runner) { $0.bytesSeen >= 300 }
                // The first 128 runs have usual ones.
                #expect(LoopTests.pipes(upTo: 16 << 10) == 2 * (150 - 128))
                #expect(LoopTests.pipes(upTo: 64 << 10) >= 2 * 150)
                let bulk = try await runner.run(
                    Command(Surroundings.misbehave, arguments: ["write", "\(size)", "65536"]),
                    limits: Limits(bytes: size))
                #expect(bulk.stdout.totalCount == size && bulk.stdout.keptCount == size)
                #expect(bulk.stdout.reachedEnd)
                group.cancelAll()
                for try await report in group {
                    #expect(report.outcome == .cancelled && report.stdout.text == "x\n")
                }
            }
        }
    }

    @Test func `A time limit, an idle limit and a held pipe are kept on a loop too`() async throws {
        async let wall = Command("sleep", "600").run(timeouts: Timeouts(wall: .milliseconds(20)))
        async let idle = Command.shell("echo x; sleep 600").run(timeouts: Timeouts(idle: .milliseconds(50)))
        async let held = Command.shell("sleep 600 & echo y").run(
            timeouts: Timeouts(drainGrace: .milliseconds(20)))
        let (late, silent, left) = try await (wall, idle, held)
        #expect(late.outcome == .timedOut)
        #expect(silent.outcome == .idleTimedOut && silent.stdout.text == "x\n")
        #expect(left.outcome == .exited && left.stdout.text == "y\n" && !left.stdout.reachedEnd)
        #expect(left.killMethod != nil && left.survivors == [] && !left.holders.isEmpty)
    }
}

/// Waits for what comes by itself. Its own turns are counted and not the time: the tests beside it may hold every
/// thread of Swift's pool for minutes.
func eventually(_ holds: () -> Bool, otherwise: () -> String = { "" }) async throws {
    for _ in 0..<200_000 {
        if holds() { return }
        try await Task.sleep(for: .milliseconds(1))
    }
    try #require(holds(), "\(otherwise())")
}

/// Waits for something that the runner will come to.
func eventually(_ runner: Runner, _ holds: (Diagnostics) -> Bool) async throws {
    try await eventually({ holds(runner.diagnostics) }, otherwise: { "\(runner.diagnostics)" })
}
