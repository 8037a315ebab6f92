import Drain
import Foundation

/// Children that wait for each of their pages to be read, beside one that writes as fast as it can and
/// without it; all through one `Runner`.
func floodGroup(_ tools: Tools) -> Group {
    let count = tools.quick ? 20 : 99
    let rounds = tools.quick ? 20 : 100
    let (subject, calm) = ("\(count) children beside a flood", "\(count) children alone")
    func contender(_ name: String, floods: Bool) -> Contender {
        Contender(name: name) { try measureAnswers(tools.misbehave, count, rounds, floods: floods) }
    }
    return Group(
        name: "flood", title: "from a page to its being read, for \(count) children at once",
        rounds: tools.quick ? 1 : 5,
        contenders: [contender(subject, floods: true), contender(calm, floods: false)],
        columns: [.figure(.usual), .figure(.rare), .ratio(.usual)], subject: subject,
        notes: [
            "each child times itself: two pages into a pipe that holds one, every 50 ms, \(rounds) times",
            "p50 and p99 of each child; of these the median over all children",
        ],
        goals: [Goal(.usual, by: calm, most: 2)])
}

private func measureAnswers(_ program: String, _ count: Int, _ rounds: Int, floods: Bool) throws -> Sample {
    raiseDescriptorLimit()
    let lines = try waitFor {
        let runner = Runner(maxRunning: count + 1, memoryBudget: 64 << 30)
        let flood = Task {
            guard floods else { return 0 }
            let endless = Command(program, "write", "\(1 << 60)", "65536")
            return try await runner.run(endless, limits: Limits(bytes: 4096)).stdout.totalCount
        }
        while floods, runner.diagnostics.bytesSeen < 100 << 20 { try await Task.sleep(for: .milliseconds(5)) }
        let command = Command(program, "answered", "\(rounds)", "50")
        let lines = try await withThrowingTaskGroup(of: String.self) { group in
            for _ in 0..<count {
                group.addTask {
                    let limits = Limits(bytes: 64, keep: .tail, cut: .line)
                    return try await runner.run(command, limits: limits).stdout.text
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        flood.cancel()
        guard floods == (try await flood.value > 0) else { throw Failure("the flood did not last") }
        return lines
    }
    let figures = lines.map { $0.split(whereSeparator: \.isWhitespace).compactMap { Double($0) } }
    guard figures.allSatisfy({ $0.count == 2 }),
        let usual = figures.map({ $0[0] }).median, let rare = figures.map({ $0[1] }).median
    else { throw Failure("a child did not tell its figures") }
    return [.usual: usual / 1000, .rare: rare / 1000]
}
