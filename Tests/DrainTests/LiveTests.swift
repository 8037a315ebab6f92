import CDrain
import Foundation
import Testing

@testable import Drain

/// What the tests of live runs share.
enum Live {
    static let limits = Limits(bytes: 64 << 10)
    static let timeouts = Timeouts(wall: .seconds(120), killAfter: .milliseconds(200))

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

    private static func count(_ bytes: LiveBytes) async -> Int {
        var count = 0
        for await chunk in bytes {
            guard chunk.offset == count else { return -1 }
            count += chunk.count
        }
        return count
    }
}
