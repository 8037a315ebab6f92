import CDrain
import Foundation
import Testing

@testable import Drain

/// What the tests of live runs share.
enum Live {
    static let limits = Limits(bytes: 64 << 10)
    /// The tests that block share a few threads with the bodies, which may have to wait for theirs.
    static let timeouts = Timeouts(wall: .seconds(3600), killAfter: .milliseconds(200))

    /// A command that talks.
    static func talking(_ command: Command) -> Command {
        var command = command
        command.standardInput = .pipe
        return command
    }

    static func misbehave(_ steps: String...) -> Command {
        Command(Surroundings.misbehave, arguments: steps)
    }
}

@Suite("Reading and writing along with a run")
struct LiveTests {
    @Test("lines come as they are printed, and the report has what it has without")
    func lines() async throws {
        let done = try await Command("seq", "1", "5000").withRun(timeouts: Live.timeouts) { run in
            var lines: [String] = []
            for await line in run.lines(.stdout) { lines.append(line.text) }
            return lines
        }
        #expect(try done.get() == (1...5000).map { "\($0)" })
        #expect(done.report.outcome == .exited && done.report.exitCode == 0)
        #expect(done.report.stdout.text == (1...5000).map { "\($0)\n" }.joined())
    }

    @Test("a question is answered, again and again")
    func questions() async throws {
        let command = Live.talking(Command.shell("while read -r n; do echo $((n * n)); done; echo bye"))
        let done = try await command.withRun(timeouts: Live.timeouts) { run in
            let answers = run.lines(.stdout)
            for number in 1...200 {
                #expect(await run.input.write("\(number)\n").isWhole)
                let answer = try await answers.next(within: .seconds(20))
                #expect(answer?.text == "\(number * number)")
            }
            run.input.close()
            let (last, end) = (
                try await answers.next(within: .seconds(20)), try await answers.next(within: .seconds(20))
            )
            #expect(last?.text == "bye" && end == nil)
        }
        try done.get()
        #expect(done.report.outcome == .exited)
    }

    @Test("256 MiB go both ways and over both streams at once")
    func bothWays() async throws {
        let count = 256 << 20
        let command = Live.talking(Command.shell("tee /dev/stderr"))
        let options = LiveOptions(streams: [.stdout, .stderr])
        let done = try await command.withRun(live: options, limits: Live.limits, timeouts: Live.timeouts) {
            run in
            async let written = Task {
                let block = [UInt8](repeating: 65, count: 1 << 20)
                var written = 0
                while written < count {
                    let result = await run.input.write(block)
                    written += result.count
                    if !result.isWhole { break }
                }
                run.input.close()
                return written
            }.value
            async let out = Task { await Self.count(run.bytes(.stdout)) }.value
            async let err = Task { await Self.count(run.bytes(.stderr)) }.value
            return await (written, out, err)
        }
        let (written, out, err) = try done.get()
        #expect(written == count && out == count && err == count)
        #expect(done.report.stdout.totalCount == count && done.report.stderr.totalCount == count)
        #expect(done.report.outcome == .exited && done.report.stdout.keptCount == 64 << 10)
    }

    @Test("a command that reads no more is a result, with how much it took")
    func closed() async throws {
        let deaf = Live.talking(Command.shell("exec 0<&-; echo ready; sleep 600"))
        for command in [deaf, Live.talking(Command("true"))] {
            let done = try await command.withRun(timeouts: Live.timeouts) { run in
                let block = [UInt8](repeating: 65, count: 1 << 20)
                var result = await run.input.write(block)
                while result.isWhole { result = await run.input.write(block) }
                #expect(result.ending == .closed && result.count < block.count && run.input.isClosed)
                #expect(await run.input.write("x") == Written(count: 0, ending: .closed))
                run.cancel()
            }
            try done.get()
        }
    }

    @Test("without a pipe there is nothing to write to, and without a body a pipe is at its end")
    func noPipe() async throws {
        let done = try await Command("cat").withRun(timeouts: Live.timeouts) { run in
            #expect(run.input.isClosed)
            return await run.input.write("x")
        }
        #expect(try done.get() == Written(count: 0, ending: .closed))
        let (alone, blocking) = (
            try await Live.talking(Command("cat")).run(timeouts: Live.timeouts),
            try Live.talking(Command("cat")).runBlocking(timeouts: Live.timeouts)
        )
        #expect(alone.exitCode == 0 && blocking.exitCode == 0)
    }

    @Test("a deadline for each request, and the answer that comes later is whole")
    func deadlines() async throws {
        let command = Live.talking(Command.shell("printf par; read -r x; echo tial; read -r x; echo end"))
        let done = try await command.withRun(timeouts: Live.timeouts) { run in
            let lines = run.lines(.stdout)
            for _ in 1...3 {
                await #expect(throws: DeadlineExceeded(limit: .milliseconds(30))) {
                    _ = try await lines.next(within: .milliseconds(30))
                }
            }
            await run.input.write("go\n")
            let (first, nothing) = (
                try await lines.next(within: .seconds(20)), try? await lines.next(within: .zero)
            )
            #expect(first?.text == "partial" && nothing == nil)
            await #expect(throws: DeadlineExceeded.self) { try await run.exit(within: .milliseconds(10)) }
            run.input.close()
            let (last, end) = (
                try await lines.next(within: .seconds(20)), try await lines.next(within: .seconds(20))
            )
            #expect(last?.text == "end" && end == nil)
        }
        try done.get()
        #expect(done.report.outcome == .exited)
    }

    @Test("a write that finds no room ends in time, and says how much went")
    func writeDeadline() async throws {
        let command = Live.talking(Command("sleep", "600"))
        let done = try await command.withRun(timeouts: Live.timeouts) { run in
            let block = [UInt8](repeating: 65, count: 8 << 20)
            let result = await run.input.write(block, within: .milliseconds(50))
            #expect(result.ending == .deadline && result.count >= 65536 && result.count < block.count)
            let task = Task { await run.input.write(block) }
            task.cancel()
            #expect(await task.value.ending == .cancelled && !run.input.isClosed)
            run.cancel()
        }
        try done.get()
        #expect(done.report.outcome == .cancelled)
    }

    @Test("both streams come in the order of their arrival, each line with its source")
    func merged() async throws {
        let options = LiveOptions(streams: [.stdout, .stderr])
        let line = "echo a; read -r x; echo b >&2; read -r x; echo c; printf d >&2"
        let turns = try await Live.talking(Command.shell(line)).withRun(
            live: options, timeouts: Live.timeouts
        ) { run in
            var seen: [String] = []
            for await line in run.lines() {
                seen.append("\(line.source) \(line.text)")
                if line.text < "c" { await run.input.write("\n") }
            }
            return seen
        }
        #expect(try turns.get() == ["stdout a", "stderr b", "stdout c", "stderr d"])
        let many = try await Live.misbehave("alternate", "20000").withRun(
            live: options, timeouts: Live.timeouts
        ) { run in
            var seen: [Drain.Stream: [String]] = [:]
            for await line in run.lines() { seen[line.source, default: []].append(line.text) }
            return seen
        }
        let seen = try many.get()
        #expect(
            seen[.stdout] == (1...20_000).map { "out \($0)" }
                && seen[.stderr] == (1...20_000).map { "err \($0)" })
    }

    @Test(
        "what is too much is dropped and counted, the newest or the oldest",
        arguments: [LiveOptions.Overflow.dropNewest, .dropOldest])
    func dropping(overflow: LiveOptions.Overflow) async throws {
        let count = 30_000_000
        let options = LiveOptions(bufferBytes: 100_000, overflow: overflow)
        let command = Live.misbehave("write", "\(count)", "5000")
        let done = try await command.withRun(live: options, limits: Live.limits, timeouts: Live.timeouts) {
            run in
            await run.exit()
            var chunks: [(offset: Int, bytes: [UInt8])] = []
            for await chunk in run.bytes(.stdout) { chunks.append((chunk.offset, chunk.bytes)) }
            return (chunks, run.droppedCount(.stdout))
        }
        let (chunks, dropped) = try done.get()
        let delivered = chunks.reduce(0) { $0 + $1.bytes.count }
        #expect(delivered + dropped == count && dropped > 0 && done.droppedCount(.stdout) == dropped)
        #expect(done.report.stdout.totalCount == count && done.report.stdout.keptCount == 64 << 10)
        for (offset, bytes) in chunks {
            let first = offset % 5000
            #expect(bytes.first == (first % 80 == 79 ? 0x0A : UInt8(97 + first % 26)))
        }
        if overflow == .dropNewest { #expect(chunks.first?.offset == 0 && delivered >= 50_000) }
        if overflow == .dropOldest { #expect(chunks.last.map { $0.offset + $0.bytes.count } == count) }
    }

    @Test(
        "lines of which bytes were dropped are marked, and everything is accounted for",
        arguments: [LiveOptions.Overflow.dropNewest, .dropOldest])
    func droppedLines(overflow: LiveOptions.Overflow) async throws {
        let count = 30_000_000
        let options = LiveOptions(bufferBytes: 100_000, overflow: overflow)
        let command = Live.misbehave("write", "\(count)", "80000")
        let done = try await command.withRun(live: options, limits: Live.limits, timeouts: Live.timeouts) {
            run in
            var (sum, cut) = (0, 0)
            for await line in run.lines(.stdout) {
                sum += line.text.utf8.count + 1 + line.missingCount
                if line.isCut { cut += 1 } else { #expect(line.text.utf8.count == 79) }
                if sum < 200_000 { await Task.yield() }
            }
            return (sum, cut)
        }
        let (sum, cut) = try done.get()
        // A line that ends with the stream has no newline.
        #expect(sum == count || sum == count + 1)
        #expect(cut > 0 || done.droppedCount(.stdout) == 0)
    }

    @Test("long lines come as their first part, with what is missing of them")
    func long() async throws {
        let options = LiveOptions(longestLine: 1000)
        let command = Command.shell(
            "head -c 5000000 /dev/zero; echo; echo short; printf 'x\\r\\n'; printf 'no newline'")
        let done = try await command.withRun(live: options, timeouts: Live.timeouts) { run in
            var seen: [String] = []
            for await line in run.lines(.stdout) {
                seen.append(line.isCut ? "\(line.bytes.count)+\(line.missingCount)" : line.text)
            }
            return seen
        }
        #expect(try done.get() == ["1000+4999000", "short", "x", "no newline"])
    }

    @Test("events as they come are those of the report")
    func events() async throws {
        let filter = EventFilter(types: ["result", "agent_message"])
        let lines = (1...2000).flatMap { number in
            [
                #"{"type":"noise","n":\#(number)}"#, "no object", #"  {"type":"result","n":\#(number)} "#,
                #"{"item":{"type":"agent_message"}}"#,
            ]
        }
        var command = Command("cat")
        command.standardInput = .bytes(Array((lines.joined(separator: "\n") + "\n{\"type\":\"error\"}").utf8))
        let done = try await command.withRun(timeouts: Live.timeouts, events: filter) { run in
            let events = try run.events(filter)
            var texts: [String] = []
            for await event in events { texts.append(event.text) }
            return (texts, events.lineCount, events.invalidCount, events.droppedCount)
        }
        let (texts, seen, invalid, dropped) = try done.get()
        let kept = try #require(done.report.events)
        #expect(texts == kept.map { $0.text } && texts.count == 4001)
        #expect(seen == kept.lineCount && invalid == kept.invalidCount && invalid == 2000 && dropped == 0)
    }

    @Test("a longest event is as long as the filter says, and many short ones are all handed out")
    func shortEvents() async throws {
        let filter = EventFilter(types: ["a"], maxBytes: 40)
        let line =
            #"for i in 1 2 3 4 5 6 7 8 9; do echo '{"type":"a"}'; done; echo '{"type":"a","long":"long, longer and too long"}'"#
        let done = try await Command.shell(line).withRun(timeouts: Live.timeouts) { run in
            let events = try run.events(filter)
            var count = 0
            while try await events.next(within: .seconds(20)) != nil { count += 1 }
            return (count, events.droppedCount)
        }
        #expect(try done.get() == (9, 1))
    }

    @Test("a supervised command talks as any other")
    func supervised() async throws {
        let program = Surroundings.product("drain-run")
        guard FileManager.default.isExecutableFile(atPath: program) else { return }
        var timeouts = Live.timeouts
        timeouts.killMethod = .supervisor(drainRun: OSString(program))
        let done = try await Live.talking(Command("cat")).withRun(timeouts: timeouts) { run in
            let lines = run.lines(.stdout)
            for turn in 1...20 {
                await run.input.write("\(turn)\n")
                let answer = try await lines.next(within: .seconds(20))
                #expect(answer?.text == "\(turn)")
            }
            run.input.close()
            let end = try await lines.next(within: .seconds(20))
            #expect(end == nil)
        }
        try done.get()
        #expect(done.report.outcome == .exited && done.report.exitCode == 0)
        let gone = try await Live.talking(Command("true")).withRun(timeouts: timeouts) { run in
            var result = await run.input.write("x")
            while result.isWhole { result = await run.input.write([UInt8](repeating: 65, count: 65536)) }
            return result.ending
        }
        #expect(try gone.get() == .closed)
    }

    private static func count(_ bytes: LiveBytes) async -> Int {
        var count = 0
        for await chunk in bytes {
            guard chunk.offset == count else { return -1 }
            count += chunk.count
        }
        return count
    }
}
