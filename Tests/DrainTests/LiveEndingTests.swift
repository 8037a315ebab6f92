import CDrain
import Foundation
import Testing

@testable import Drain

@Suite("How a body and its run end", .serialized)
struct LiveEndingTests {
    private struct Oops: Error {}

    /// Prints its process id and that of a child, then more and more.
    private static let flood = Command.shell("sleep 600 & echo $$ $!; exec yes")

    /// Nothing of the run lives on, and the report says that it was ended.
    private static func check<T>(_ done: LiveResult<T>) {
        #expect(done.report.outcome == .cancelled && done.report.survivors.isEmpty)
        let pids = done.report.stdout.text.prefix { $0 != "\n" }.split(separator: " ").compactMap {
            Int32($0)
        }
        #expect(pids.count == 2 && Surroundings.eventually { !pids.contains { Surroundings.isAlive($0) } })
    }

    @Test("a break out of a loop ends the run")
    func breaking() async throws {
        let done = try await Self.flood.withRun(limits: Live.limits, timeouts: Live.timeouts) { run in
            for await _ in run.lines(.stdout) { break }
            // The loop has let go of its sequence: the end comes by itself.
            await run.exit()
        }
        Self.check(done)
    }

    @Test("an error thrown by the body ends the run, and comes out beside the report")
    func throwing() async throws {
        let done = try await Self.flood.withRun(limits: Live.limits, timeouts: Live.timeouts) { run in
            let lines = run.lines(.stdout)
            _ = try await lines.next(within: .seconds(20))
            throw Oops()
        }
        Self.check(done)
        #expect(throws: Oops.self) { try done.get() }
    }

    @Test("a body that returns before the end of what it reads ends the run")
    func returning() async throws {
        let done = try await Self.flood.withRun(limits: Live.limits, timeouts: Live.timeouts) { run in
            let lines = run.lines(.stdout)
            let first = try await lines.next(within: .seconds(20))
            return (first?.text, lines)
        }
        Self.check(done)
        // Kept beyond the body it says what it has in its hands, and ends.
        let (first, lines) = try done.get()
        #expect(first != nil)
        for await line in lines { #expect(line.text == "y") }
    }

    @Test("a sequence that is dropped without a look ends the run")
    func dropping() async throws {
        let done = try await Self.flood.withRun(limits: Live.limits, timeouts: Live.timeouts) { run in
            let bytes = run.bytes(.stdout)
            _ = try await bytes.next(within: .seconds(20))
            _ = consume bytes
            await run.exit()
        }
        Self.check(done)
    }

    @Test("a cancelled task ends the run, and its body")
    func cancelling() async throws {
        let began = Bell()
        let task = Task {
            try await Self.flood.withRun(limits: Live.limits, timeouts: Live.timeouts) { run in
                var count = 0
                for await _ in run.lines(.stdout) {
                    count += 1
                    if count == 1000 { began.ring() }
                }
                return count
            }
        }
        await began.wait()
        task.cancel()
        let done = try await task.value
        Self.check(done)
        #expect(try done.get() >= 1000)
    }

    @Test("a task cancelled before its turn calls no body, and has a report")
    func cancelledBefore() async throws {
        let task = Task {
            while !Task.isCancelled { await Task.yield() }
            return try await Command("yes").withRun { _ in Issue.record("the body was called") }
        }
        task.cancel()
        let done = try await task.value
        #expect(done.report.outcome == .cancelled)
        #expect(throws: CancellationError.self) { try done.get() }
    }

    @Test("a command that cannot be run is an error")
    func notFound() async {
        do throws(DrainError) {
            _ = try await Command("/nowhere/at/all").withRun { _ in Issue.record("the body was called") }
            Issue.record("it ran")
        } catch {
            #expect(error.kind == .notFound)
        }
    }

    @Test(
        "a body that reads nothing while its command floods is ended by the time limit",
        arguments: LiveOptions.Overflow.allCases)
    func limit(overflow: LiveOptions.Overflow) async throws {
        let timeouts = Timeouts(wall: .milliseconds(300), killAfter: .milliseconds(100))
        let options = LiveOptions(overflow: overflow)
        let done = try await Command("yes").withRun(live: options, limits: Live.limits, timeouts: timeouts) {
            run in
            await run.exit()
        }
        #expect(done.report.outcome == .timedOut && done.report.stdout.totalCount > 1 << 20)
        #expect(done.report.stdout.keptCount == 64 << 10)
    }

    @Test("a body that returns without having read what is live ends the run")
    func leavingAtOnce() async throws {
        let done = try await Command("sleep", "3600").withRun(timeouts: Live.timeouts) { _ in 1 }
        #expect(try done.get() == 1)
        #expect(done.report.outcome == .cancelled)
    }

    @Test("a body that is through leaves its command to its own end, with standard input closed")
    func leaving() async throws {
        let command = Live.talking(Command.shell("echo ready; cat >/dev/null; echo done >&2; exit 7"))
        let none = LiveOptions(streams: [])
        let unread = try await command.withRun(live: none, timeouts: Live.timeouts) { run in
            await run.input.write("x\n")
        }
        #expect(unread.report.exitCode == 7 && unread.report.stderr.text == "done\n")
        #expect(try unread.get().isWhole)
        let known = try await command.withRun(timeouts: Live.timeouts) { run in
            let lines = run.lines(.stdout)
            _ = try await lines.next(within: .seconds(20))
            run.input.close()
            try await run.exit(within: .seconds(20))
        }
        try known.get()
        #expect(known.report.exitCode == 7 && known.report.outcome == .exited)
    }

    @Test("what the command left in its pipe is not lost to a slow reader, however short the grace")
    func slow() async throws {
        var timeouts = Live.timeouts
        timeouts.drainGrace = .milliseconds(5)
        let command = Live.misbehave("write", "60000", "1000")
        let done = try await command.withRun(live: LiveOptions(bufferBytes: 4096), timeouts: timeouts) {
            run in
            await run.exit()
            var count = 0
            for await chunk in run.bytes(.stdout) {
                count += chunk.count
                // Only to be slower than the grace: it is right without.
                try await Task.sleep(for: .milliseconds(20))
            }
            return count
        }
        #expect(try done.get() == 60_000)
        #expect(
            done.report.outcome == .exited && done.report.stdout.totalCount == 60_000
                && done.report.stdout.reachedEnd)
    }

    @Test("the body signals and cancels")
    func signals() async throws {
        let line = "trap 'echo caught; exit 3' INT; echo ready; while :; do sleep 0.01; done"
        let done = try await Command.shell(line).withRun(timeouts: Live.timeouts) { run in
            let lines = run.lines(.stdout)
            _ = try await lines.next(within: .seconds(20))
            #expect(run.pid > 0 && Surroundings.isAlive(run.pid))
            run.signal(.interrupt)
            let answer = try await lines.next(within: .seconds(20))
            let end = try await lines.next(within: .seconds(20))
            #expect(answer?.text == "caught" && end == nil)
        }
        try done.get()
        #expect(done.report.exitCode == 3 && done.report.outcome == .exited)
        let ended = try await Self.flood.withRun(limits: Live.limits, timeouts: Live.timeouts) { run in
            var lines = run.lines(.stdout).makeAsyncIterator()
            _ = await lines.next()
            run.cancel()
            while await lines.next() != nil {}
        }
        Self.check(ended)
    }

    @Test("two hundred talk at once")
    func many() async throws {
        let right = try await withThrowingTaskGroup(of: Bool.self) { group in
            for number in 0..<200 {
                group.addTask {
                    let command = Live.talking(Command("cat"))
                    let done = try await command.withRun(limits: Limits(bytes: 1024), timeouts: Live.timeouts)
                    { run in
                        let lines = run.lines(.stdout)
                        for turn in 0..<5 {
                            await run.input.write("\(number) \(turn)\n")
                            guard try await lines.next(within: .seconds(60))?.text == "\(number) \(turn)"
                            else { return false }
                        }
                        run.input.close()
                        return try await lines.next(within: .seconds(60)) == nil
                    }
                    return try done.get() && done.report.outcome == .exited
                }
            }
            return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(right == 200)
    }

    @Test("live runs of every kind leave no descriptor, child or memory")
    func leaks() async {
        await #expect(processExitsWith: .success) {
            func run(_ kind: Int) async throws {
                let command = Live.talking(Command.shell("echo a; cat; echo b >&2"))
                let options = LiveOptions(streams: [.stdout, .stderr], bufferBytes: 4 << 20)
                _ = try await command.withRun(live: options, timeouts: Live.timeouts) { run in
                    switch kind % 5 {
                    case 0:
                        run.input.close()
                        for await _ in run.lines() {}
                    case 1: for await _ in run.lines() { break }
                    case 2: throw Oops()
                    case 3:
                        await run.input.write(
                            [UInt8](repeating: 65, count: 10 << 20), within: .milliseconds(5))
                        run.cancel()
                    default: break
                    }
                }
            }
            for kind in 0..<20 { try await run(kind) }
            let before = LeakTests.Count()
            for kind in 0..<100 { try await run(kind) }
            let after = LeakTests.Count()
            #expect(after.descriptors <= before.descriptors + 4, "\(before) \(after)")
            #expect(after.children == before.children, "\(before) \(after)")
            // Two rings of 4 MiB in each of a hundred runs would be 800 MiB.
            #expect(after.address < before.address + 256 << 10, "\(before) \(after)")
        }
    }
}
