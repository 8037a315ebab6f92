import Drain
import Foundation

/// Children with which the library plays ping-pong, and others that wait for each of their pages to be read,
/// beside one that writes as fast as it can and without it; all through one `Runner`.
func floodGroup(_ tools: Tools) -> Group {
    let count = tools.quick ? 20 : 99
    let rounds = tools.quick ? 20 : 40
    let (subject, calm) = ("\(count) ping-pong beside a flood", "\(count) ping-pong alone")
    let (pages, calmPages) = ("\(count) wait for pages beside a flood", "\(count) wait for pages alone")
    func contender(_ name: String, _ game: @escaping Game, floods: Bool) -> Contender {
        Contender(name: name) {
            let table = FloodTable(program: tools.misbehave, count: count, rounds: rounds, floods: floods)
            return try table.measure(game)
        }
    }
    return Group(
        name: "flood", title: "round trips with \(count) children at once",
        rounds: tools.quick ? 1 : 5, warmups: 0,
        contenders: [
            contender(subject, playPingPong, floods: true), contender(calm, playPingPong, floods: false),
            contender(pages, answerPages, floods: true), contender(calmPages, answerPages, floods: false),
        ],
        columns: [.figure(.usual), .figure(.rare), .ratio(.usual)], subject: subject,
        notes: [
            "ping-pong: a line to the standard input of cat and back, by withRun, every 50 ms, \(rounds) times",
            "pages: each child times itself: two pages into a pipe that holds one, as often",
            "p50 and p99 of each child; of these the median over all children",
        ],
        goals: [Goal(.usual, by: calm, most: 2), Goal(.usual, of: pages, by: calmPages, most: 2)])
}

/// One child's part: the median and the 99th percentile of its round trips, in milliseconds.
private typealias Game = @Sendable (FloodTable, Runner) async throws -> [Double]

private struct FloodTable: Sendable {
    let program: String
    let count: Int
    let rounds: Int
    let floods: Bool

    func measure(_ game: @escaping Game) throws -> Sample {
        raiseDescriptorLimit()
        let figures = try waitFor {
            let runner = Runner(maxRunning: count + 1, memoryBudget: 64 << 30)
            let flood = Task {
                guard floods else { return 0 }
                let endless = Command(program, "write", "\(1 << 60)", "65536")
                return try await runner.run(endless, limits: Limits(bytes: 4096)).stdout.totalCount
            }
            while floods, runner.diagnostics.bytesSeen < 100 << 20 {
                try await Task.sleep(for: .milliseconds(5))
            }
            let figures = try await withThrowingTaskGroup(of: [Double].self) { group in
                for _ in 0..<count { group.addTask { try await game(self, runner) } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            flood.cancel()
            guard floods == (try await flood.value > 0) else { throw Failure("the flood did not last") }
            return figures
        }
        guard figures.allSatisfy({ $0.count == 2 }),
            let usual = figures.map({ $0[0] }).median, let rare = figures.map({ $0[1] }).median
        else { throw Failure("a child did not tell its figures") }
        return [.usual: usual, .rare: rare]
    }
}

@Sendable private func playPingPong(_ table: FloodTable, _ runner: Runner) async throws -> [Double] {
    var command = Command("cat")
    command.standardInput = .pipe
    let trips = try await runner.withRun(command, limits: Limits(bytes: 4096)) { run in
        var lines = run.lines(.stdout).makeAsyncIterator()
        var trips: [Double] = []
        for _ in 0..<table.rounds {
            try await Task.sleep(for: .milliseconds(50))
            let start = now()
            await run.input.write("1234567\n")
            guard await lines.next(isolation: nil) != nil else { throw Failure("cat has ended") }
            trips.append((now() - start) * 1000)
        }
        run.input.close()
        while await lines.next(isolation: nil) != nil {}
        return trips
    }.get().sorted()
    return [trips[trips.count / 2], trips[trips.count * 99 / 100]]
}

@Sendable private func answerPages(_ table: FloodTable, _ runner: Runner) async throws -> [Double] {
    let command = Command(table.program, "answered", "\(table.rounds)", "50")
    let limits = Limits(bytes: 64, keep: .tail, cut: .line)
    let text = try await runner.run(command, limits: limits).stdout.text
    return text.split(whereSeparator: \.isWhitespace).compactMap { Double($0).map { $0 / 1000 } }
}
