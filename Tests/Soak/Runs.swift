import Drain

/// Runs of every kind, and how they ended.
@MainActor final class Runs {
    private var outcomes: [String: Int] = [:]
    private var number = 0
    /// Ends that were not expected.
    private(set) var surprises: [String] = []

    private nonisolated static let limits = Limits(bytes: 1 << 16, keep: .both)
    private nonisolated static let soon = Timeouts(wall: .milliseconds(2), killAfter: .zero)
    private nonisolated static let late = Timeouts(wall: .seconds(600))
    private nonisolated static let together = 10

    var summary: String {
        outcomes.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }.joined(separator: ", ")
    }

    func perform(_ count: Int) async {
        let end = number + count
        while number < end {
            let batch = min(Self.together, end - number)
            if number / Self.together % 2 == 0 {
                for kind in 0..<batch { note(Self.blocking(kind), kind) }
            } else {
                await asynchronous(batch)
            }
            number += batch
        }
    }

    private func note(_ outcome: String, _ kind: Int) {
        outcomes[outcome, default: 0] += 1
        if outcome != Self.expected(kind), surprises.count < 10 {
            surprises.append("a run of kind \(kind) ended so: \(outcome)")
        }
    }

    private static func expected(_ kind: Int) -> String {
        switch kind {
        case 7: "timed_out"
        case 8: "cancelled"
        case 9: "refused"
        default: "exited"
        }
    }

    private nonisolated static func command(_ kind: Int) -> Command {
        switch kind {
        case 5: .shell("head -c 200000 /dev/zero")
        case 6: .shell("echo error >&2; exit 3")
        case 7, 8: Command("/bin/sleep", "600")
        case 9: Command("/nowhere/at/all")
        default: Command("/bin/true")
        }
    }

    private nonisolated static func timeouts(_ kind: Int) -> Timeouts {
        kind == 7 ? soon : kind % 2 == 0 ? Timeouts(killAfter: .zero) : late
    }

    private nonisolated static func blocking(_ kind: Int) -> String {
        do throws(DrainError) {
            let cancellation = try Cancellation()
            if kind == 8 { cancellation.cancel() }
            return try command(kind).runBlocking(
                limits: limits, timeouts: timeouts(kind), cancellation: cancellation
            ).outcome.rawValue
        } catch { return error.kind == .notFound ? "refused" : error.description }
    }

    private nonisolated static func alone(_ kind: Int) async -> String {
        do throws(DrainError) {
            return try await command(kind).run(limits: limits, timeouts: timeouts(kind)).outcome.rawValue
        } catch { return error.kind == .notFound ? "refused" : error.description }
    }

    private func asynchronous(_ batch: Int) async {
        let tasks = (0..<batch).map { kind in Task { await Self.alone(kind) } }
        if batch > 8 { tasks[8].cancel() }
        for (kind, task) in tasks.enumerated() { note(await task.value, kind) }
    }
}
