import Drain
import Foundation

/// Many that run, all cancelled together: from there to the last report. Whoever they left anywhere is looked for.
func cancelGroup(_ tools: Tools) -> Group {
    raiseDescriptorLimit()
    let counts = tools.quick ? [10, 100] : [10, 100, 1000]
    let contenders = counts.map { count in
        Contender("library, Runner", at: count, named: "\(count)") {
            try waitFor { try await cancelled(count) }
        }
    }
    return Group(
        name: "cancel", title: "children at once that sleep, all cancelled together",
        rounds: tools.quick ? 1 : 5, contenders: contenders, columns: [.figure(.wall), .figure(.cpu)],
        subject: "library, Runner, \(counts.last!)",
        notes: ["from the cancellation to the last report, when each has run for 0.3 s at least"],
        growth: "children")
}

private func cancelled(_ count: Int) async throws -> Sample {
    let runner = Runner(maxRunning: count, memoryBudget: 64 << 30)
    let runs = Task {
        try await withThrowingTaskGroup(of: Report.self) { group in
            for _ in 0..<count {
                group.addTask { try await runner.run(Command("sleep", "600"), limits: Limits(bytes: 4096)) }
            }
            return try await group.reduce(0) { $0 + ($1.outcome == .cancelled && $1.survivors == [] ? 1 : 0) }
        }
    }
    while runner.diagnostics.started < count { try await Task.sleep(for: .milliseconds(10)) }
    // Of those that have run for less, few numbers are asked about.
    try await Task.sleep(for: .milliseconds(300))
    let (start, cpu) = (now(), ownCPU())
    runs.cancel()
    let ended = try await runs.value
    guard ended == count else { throw Failure("\(ended) of \(count) were cancelled and ended") }
    return [.wall: (now() - start) * 1000, .cpu: (ownCPU() - cpu) * 1000]
}
