import Drain
import Foundation

private final class Box<T>: @unchecked Sendable { var result: Result<T, any Error>? }

/// The async library from a thread that may wait.
func waitFor<T: Sendable>(_ body: @escaping @Sendable () async throws -> T) throws -> T {
    let (box, done) = (Box<T>(), DispatchSemaphore(value: 0))
    Task.detached {
        do { box.result = .success(try await body()) } catch { box.result = .failure(error) }
        done.signal()
    }
    done.wait()
    return try box.result!.get()
}

private func runMany(_ command: Command, _ count: Int, _ limits: Limits) throws -> Int {
    try waitFor {
        let runner = Runner(maxRunning: count, memoryBudget: 64 << 30)
        return try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<count {
                group.addTask { try await runner.run(command, limits: limits).stdout.totalCount }
            }
            return try await group.reduce(0, +)
        }
    }
}

/// A thousand at once, a KiB each, and how it grows.
func burstGroup(_ tools: Tools) -> Group {
    raiseDescriptorLimit()
    let words = [tools.misbehave, "write", "1024", "1024"]
    let command = Command(words[0], arguments: Array(words.dropFirst()))
    func timed(_ name: String, _ count: Int, _ body: @escaping () throws -> Int) -> Contender {
        Contender(name, at: count, named: "\(count)") {
            let (start, cpu) = (now(), ownCPU())
            let seen = try body()
            guard seen == count << 10 else { throw Failure("\(count) KiB were written and \(seen) B seen") }
            return [.wall: (now() - start) * 1000, .cpu: (ownCPU() - cpu) * 1000]
        }
    }
    var contenders: [Contender] = []
    for count in tools.quick ? [10, 100] : [10, 100, 1000] {
        contenders.append(
            timed("library, Runner", count) { try runMany(command, count, Limits(bytes: 64 << 10)) })
        contenders.append(timed("C, one poll loop", count) { try Floor.shared.many(words, count) })
        for peer in tools.peers.many {
            contenders.append(
                Contender(peer.name, at: count, named: "\(count)") {
                    let answer = try peer.server.ask(peer.verb, words, cap: count)
                    return [.wall: answer.wall * 1000, .cpu: answer.cpu * 1000]
                })
        }
    }
    let subject = "library, Runner, \(tools.quick ? 100 : 1000)"
    return Group(
        name: "burst", title: "children at once, 1 KiB each", rounds: tools.quick ? 1 : 5,
        contenders: contenders, columns: [.figure(.wall), .figure(.cpu), .ratio(.wall)], subject: subject,
        goals: [Goal(.wall, by: "C, one poll loop, 1000", most: 1.2)], growth: "children")
}

/// A thousand at once that say little; in a fresh process each time.
func quietGroup(_ tools: Tools) -> Group {
    let count = tools.quick ? 50 : 1000
    let subject = "library, Runner"
    return Group(
        name: "quiet", title: "\(count) children at once, 10 lines a second each",
        rounds: tools.quick ? 1 : 5,
        warmups: 0,
        contenders: [
            Contender(name: subject) {
                let pipe = try CloseOnExecPipe()
                let child = try Spawned(
                    [ownPath, OwnErrand.quiet, "\(count)", tools.misbehave], stdout: pipe.writing)
                pipe.closeWriting()
                var data = Data()
                while pipe.readSome(into: &data) {}
                _ = try child.finish("bench")
                let told = String(decoding: data, as: UTF8.self).split(separator: " ").map { Double($0) }
                guard told.count == 4, let share = told[0], let threads = told[1], let each = told[2] else {
                    throw Failure("it answered something else")
                }
                return [.share: share, .threads: threads, .each: each]
            }
        ], columns: [.figure(.share), .figure(.threads), .figure(.each)], subject: subject,
        notes: [
            "taken over a second in the middle, when all run; threads are Drain's own",
            "KiB each: what the process's resident size has grown by",
        ],
        goals: [Goal(.share, most: 10), Goal(.threads, most: 4), Goal(.each, most: 32)])
}

extension OwnErrand {
    static func runQuiet(_ count: Int, _ program: String) -> Int32 {
        raiseDescriptorLimit()
        let runner = Runner(maxRunning: count, memoryBudget: 64 << 30)
        let command = Command(program, "tick", "60", "100")
        _ = try? waitFor { try await runner.run(Command(program, "tick", "1", "1")) }
        let before = residentKiB()
        let answer: String? = try? waitFor {
            try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<count {
                    group.addTask {
                        try await runner.run(command, limits: Limits(bytes: 4096)).stdout.totalCount
                    }
                }
                while runner.diagnostics.started < count + 1 {
                    try await Task.sleep(for: .milliseconds(10))
                }
                let (start, cpu) = (now(), ownCPU())
                try await Task.sleep(for: .seconds(1))
                let share = (ownCPU() - cpu) / (now() - start) * 100
                let (seen, each) = (runner.diagnostics, (residentKiB() - before) / Double(count))
                guard seen.running == count else { throw Failure("only \(seen.running) were running") }
                let sum = try await group.reduce(0, +)
                guard sum == count * 300 else { throw Failure("\(sum) bytes") }
                return "\(share) \(seen.threads) \(each) \(sum)"
            }
        }
        guard let answer else { return 1 }
        print(answer, terminator: "")
        return 0
    }
}

private func residentKiB() -> Double {
    let text = (try? String(contentsOfFile: "/proc/self/statm", encoding: .ascii)) ?? ""
    let pages = text.split(separator: " ").dropFirst().first.flatMap { Double($0) } ?? 0
    return pages * Double(getpagesize()) / 1024
}

func raiseDescriptorLimit() {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(7), &limit) == 0 else { return }
    limit.rlim_cur = limit.rlim_max
    setrlimit(__rlimit_resource_t(7), &limit)
}
