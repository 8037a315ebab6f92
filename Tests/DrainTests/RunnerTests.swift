import Foundation
import Testing

@testable import Drain

@Suite struct RunnerTests {
    /// A file that holds a run for as long as nobody has written to it: a FIFO that both ends hold open.
    private final class Gate: Sendable {
        let path = FileManager.default.temporaryDirectory.path + "/drain-gate-" + UUID().uuidString
        private let descriptor: Int32

        init() {
            mkfifo(path, 0o600)
            descriptor = open(path, O_RDWR | O_CLOEXEC)
        }

        deinit {
            close(descriptor)
            unlink(path)
        }

        /// Ends when the gate lets it, and prints a line.
        var command: Command { .shell("read line <'\(path)'; echo through") }

        func letThrough(_ count: Int) {
            for _ in 0..<count { _ = write(descriptor, "\n", 1) }
        }
    }

    @Test func `No more run at once than may, and the others in order of arrival`() async throws {
        let runner = Runner(maxRunning: 2)
        let gate = Gate()
        let order = Order()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for index in 0..<10 {
                group.addTask {
                    let report = try await runner.run(gate.command)
                    #expect(report.stdout.text == "through\n")
                    await order.note(index, startedAt: report.startedAt, duration: report.duration)
                }
                try await eventually(runner) { $0.running + $0.waiting == index + 1 }
            }
            let full = runner.diagnostics
            #expect(full.running == 2 && full.waiting == 8 && full.oldestRunMilliseconds >= 0)
            gate.letThrough(10)
            try await group.waitForAll()
        }
        #expect(runner.diagnostics.runningHighWater == 2)
        #expect(runner.diagnostics.started == 10 && runner.diagnostics.finished == [.exited: 10])
        let starts = await order.starts
        #expect(starts == starts.sorted())
    }

    private actor Order {
        private var noted: [Int: Timestamp] = [:]
        func note(_ index: Int, startedAt: Timestamp, duration: Duration) { noted[index] = startedAt }
        var starts: [Int64] { noted.sorted { $0.key < $1.key }.map(\.value.millisecondsSinceEpoch) }
    }

    @Test func `A small run does not overtake a large one that waits for memory`() async throws {
        let small = Limits(bytes: 1 << 20)
        let large = Limits(bytes: 4 << 20)
        let runner = Runner(maxRunning: 100, memoryBudget: Runner.cost(of: large) + Runner.cost(of: small))
        let gate = Gate()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (index, limits) in [large, large, small, small].enumerated() {
                group.addTask { _ = try await runner.run(gate.command, limits: limits) }
                try await eventually(runner) { $0.running + $0.waiting == index + 1 }
            }
            let full = runner.diagnostics
            #expect(full.running == 1 && full.waiting == 3)
            #expect(full.memoryReserved == Runner.cost(of: large))
            gate.letThrough(4)
            try await group.waitForAll()
        }
        #expect(runner.diagnostics.memoryHighWater <= runner.memoryBudget)
        #expect(runner.diagnostics.memoryReserved == 0)
    }

    @Test func `A run that could never have its turn is refused with the numbers`() async throws {
        let runner = Runner(memoryBudget: 1 << 20)
        for limits in [Limits(bytes: 1 << 20), Limits(bytes: .max)] {
            await #expect {
                _ = try await runner.run(Command("true"), limits: limits)
            } throws: { error in
                let error = error as? DrainError
                return error?.kind == .memoryBudget && error?.description.contains("1048576") == true
            }
        }
        let report = try await runner.run(Command("true"), limits: Limits(bytes: 100_000))
        #expect(report.exitCode == 0 && runner.diagnostics.refused == 2)
    }

    @Test func `Past the queue's limit it says busy at once`() async throws {
        let runner = Runner(maxRunning: 1, maxWaiting: 1)
        let gate = Gate()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for index in 0..<2 {
                group.addTask { _ = try await runner.run(gate.command) }
                try await eventually(runner) { $0.running + $0.waiting == index + 1 }
            }
            do throws(DrainError) {
                _ = try await runner.run(gate.command)
                Issue.record("it ran")
            } catch {
                #expect(error.kind == .busy)
            }
            gate.letThrough(2)
            try await group.waitForAll()
        }
        // It is over now, and with no queue at all one still runs.
        let strict = Runner(maxRunning: 1, maxWaiting: 0)
        for _ in 0..<5 { #expect(try await strict.run(Command("true")).exitCode == 0) }
    }

    @Test func `A run that is cancelled while it waits is never started, and makes way`() async throws {
        let runner = Runner(maxRunning: 1)
        let gate = Gate()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { _ = try await runner.run(gate.command) }
            try await eventually(runner) { $0.running == 1 }
            var waiting: [Task<Report, any Error>] = []
            for index in 0..<200 {
                waiting.append(Task { try await runner.run(gate.command) })
                try await eventually(runner) { $0.waiting == index + 1 }
            }
            for task in waiting.dropLast() { task.cancel() }
            for task in waiting.dropLast() {
                let report = try await task.value
                #expect(report.outcome == .cancelled && report.termination == nil)
                #expect(report.exitCode == nil && report.stdout.totalCount == 0 && report.error == nil)
            }
            #expect(runner.diagnostics.waiting == 1 && runner.diagnostics.started == 1)
            gate.letThrough(2)
            #expect(try await waiting.last!.value.outcome == .exited)
            try await group.waitForAll()
        }
        #expect(runner.diagnostics.finished == [.cancelled: 199, .exited: 2])
    }

    @Test func `The limit on runs follows from the descriptors that may be open`() {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        let runner = Runner()
        #expect(runner.maxRunning >= 1 && runner.maxRunning <= 4096)
        #expect(UInt64(runner.maxRunning * 4) <= limit.rlim_cur)
        #expect(Runner(maxRunning: -3, memoryBudget: -1, maxWaiting: -2).maxRunning == 1)
        #expect(Runner.cost(of: Limits(bytes: .max)) == .max)
    }

    /// 2,000 runs, or as many as the environment variable DRAIN_TEST_RUNS says.
    @Test func `Thousands of runs of every kind are reported once each, within all limits`() async throws {
        let count = Int(ProcessInfo.processInfo.environment["DRAIN_TEST_RUNS"] ?? "") ?? 2000
        let runner = Runner(maxRunning: 60, memoryBudget: 24 << 20)
        let before = runner.diagnostics
        var tally = Tally()
        await withTaskGroup(of: Tally.self) { group in
            for index in 0..<count { group.addTask { await oneOfMany(index, runner) } }
            for await one in group { tally.add(one) }
        }
        let after = runner.diagnostics
        #expect(tally.reports + tally.refusals == count && tally.surprises == [])
        #expect(after.submitted == count && after.refused == tally.refusals)
        #expect(after.finished == tally.outcomes)
        #expect(after.bytesSeen == tally.bytes && after.bytesKept + after.bytesDiscarded == tally.bytes)
        #expect(after.runningHighWater <= 60 && after.memoryHighWater <= 24 << 20)
        // Tests of supervised runs, which have threads of their own, may be in this process.
        #expect(after.threads <= 8)
        // Other tests open descriptors meanwhile.
        #expect(after.leaks(since: before).filter { !$0.hasPrefix("descriptors") } == [])
    }
}

private struct Tally: Sendable {
    var reports = 0
    var refusals = 0
    var bytes = 0
    var outcomes: [Report.Outcome: Int] = [:]
    var surprises: [String] = []

    mutating func add(_ other: Tally) {
        reports += other.reports
        refusals += other.refusals
        bytes += other.bytes
        outcomes.merge(other.outcomes) { $0 + $1 }
        surprises += other.surprises
    }
}

/// One run of a kind that its number decides, and whether it came out as it should.
private func oneOfMany(_ index: Int, _ runner: Runner) async -> Tally {
    var dice = Dice(seed: UInt64(index))
    var tally = Tally()
    let size = dice.chance(1, in: 10) ? dice.roll(0...2_000_000) : dice.roll(0...2000)
    let error = dice.roll(0...5000)
    let limits = Limits(bytes: dice.roll(0...300_000), keep: dice.pick(Limits.Keep.allCases), cut: .byte)
    let kind = dice.roll(0...9)
    let writes = ["write", "\(size)", "4096", "write", "\(error)", "100", "stderr"]
    var command = Command(Surroundings.misbehave, arguments: writes)
    switch kind {
    case 0: command = Command("/nowhere/at/all")
    case 1: command = Command(Surroundings.misbehave, arguments: writes + ["exit", "7"])
    case 2: command = Command(Surroundings.misbehave, arguments: writes + ["kill", "9"])
    case 3, 4: command = Command(Surroundings.misbehave, arguments: writes + ["pause"])
    default: break
    }
    let pause = dice.roll(0...20)
    let timeouts = Timeouts(wall: kind == 3 ? .milliseconds(30) : .seconds(600))
    let task = Task { try await runner.run(command, limits: limits, timeouts: timeouts) }
    if kind == 4 {
        try? await Task.sleep(for: .milliseconds(pause))
        task.cancel()
    }
    do {
        let report = try await task.value
        tally.reports = 1
        tally.outcomes = [report.outcome: 1]
        tally.bytes = report.stdout.totalCount + report.stderr.totalCount
        let all = report.stdout.totalCount == size && report.stderr.totalCount == error
        let kept =
            report.stdout.keptCount == min(report.stdout.totalCount, limits.stdoutBytes)
            && report.stderr.keptCount == min(report.stderr.totalCount, limits.stderrBytes)
        let expected: Report.Outcome =
            kind == 2 ? .signaled : kind == 3 ? .timedOut : kind == 4 ? .cancelled : .exited
        if report.outcome != expected || !kept || !(all || kind == 3 || kind == 4) || kind == 0 {
            tally.surprises = ["run \(index) of kind \(kind): \(report.outcome), \(report.exitCode ?? -1)"]
        }
    } catch {
        tally.refusals = 1
        if kind != 0 { tally.surprises = ["run \(index) of kind \(kind): \(error)"] }
    }
    return tally
}
