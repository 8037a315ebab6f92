import CDrain
import Foundation
import Testing

@testable import Drain

@Suite("Cancelling, and many runs at once")
struct CancellationTests {
    @Test("another thread ends a blocking run, which yields its report", arguments: [nil, Signal.interrupt])
    func otherThread(signal: Signal?) throws {
        try Surroundings.withDirectory { directory in
            let cancellation = try Cancellation()
            let thread = Thread {
                _ = Surroundings.eventually { FileManager.default.fileExists(atPath: directory + "/ready") }
                cancellation.cancel(signal: signal)
                cancellation.cancel(signal: .kill)
            }
            thread.start()
            let report = try Command.shell("echo kept; : >\(directory)/ready; exec sleep 600").runBlocking(
                cancellation: cancellation)
            #expect(report.outcome == .cancelled && report.stdout.text == "kept\n")
            #expect(report.termination == .signaled(signal?.rawValue ?? 15) && !report.timedOut)
            // It serves later runs as well: they end at once.
            let later = try Command("sleep", "600").runBlocking(cancellation: cancellation)
            #expect(later.outcome == .cancelled && later.duration < EndingTests.soon)
        }
    }

    @Test("a wish that nobody makes changes nothing")
    func unused() throws {
        let report = try Command("echo", "x").runBlocking(cancellation: Cancellation())
        #expect(report.outcome == .exited && report.stdout.text == "x\n")
    }

    @Test("one cancellation ends all runs that use it")
    func several() async throws {
        let cancellation = try Cancellation()
        let reports = await withTaskGroup(of: Report?.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    await withCheckedContinuation { continuation in
                        Thread {
                            let report = try? Command("sleep", "600").runBlocking(cancellation: cancellation)
                            continuation.resume(returning: report)
                        }.start()
                    }
                }
            }
            group.addTask {
                cancellation.cancel()
                return nil
            }
            return await group.reduce(into: []) { $0 += [$1].compactMap { $0 } }
        }
        #expect(reports.count == 4 && reports.allSatisfy { $0.outcome == .cancelled })
    }

    @Test("a task cancelled before its run still gets a report")
    func taskBefore() async throws {
        let task = Task {
            while !Task.isCancelled { await Task.yield() }
            return try await Command("sleep", "600").run()
        }
        task.cancel()
        let report = try await task.value
        #expect(report.outcome == .cancelled && report.duration < EndingTests.soon)
    }

    @Test("a task cancelled during its run gets what was kept")
    func taskDuring() async throws {
        let ready = FileManager.default.temporaryDirectory.path + "/drain-" + UUID().uuidString
        defer { unlink(ready) }
        let task = Task {
            try await Command.shell("echo kept; : >\(ready); exec sleep 600").run()
        }
        while access(ready, F_OK) != 0 { try await Task.sleep(for: .milliseconds(2)) }
        task.cancel()
        let report = try await task.value
        #expect(report.outcome == .cancelled && report.stdout.text == "kept\n")
        #expect(report.termination == .signaled(15))
    }

    @Test("an error comes out of an asynchronous run as well")
    func asyncError() async {
        do throws(DrainError) {
            _ = try await Command("/nowhere/at/all").run()
            Issue.record("it ran")
        } catch {
            #expect(error.kind == .notFound)
        }
    }

    @Test("fifty at once are fifty reports")
    func many() async throws {
        let reports = try await withThrowingTaskGroup(of: (Int, Report).self) { group in
            for index in 0..<50 {
                group.addTask {
                    let line = "seq 1 2000; sleep 0.3; echo \(index) >&2; exit \(index)"
                    return (index, try await Command.shell(line).run(limits: Limits(bytes: 100)))
                }
            }
            return try await group.reduce(into: [Int: Report]()) { $0[$1.0] = $1.1 }
        }
        #expect(reports.count == 50)
        for (index, report) in reports {
            #expect(report.exitCode == index && report.stderr.text == "\(index)\n")
            #expect(report.stdout.totalCount == 8893 && report.stdout.keptCount == 100)
            #expect(report.stdout.reachedEnd && report.killMethod == nil)
        }
    }

    @Test("a report is good for as long as anybody has it, on any thread")
    func shared() async throws {
        let bytes: KeptBytes
        let expected: String
        do {
            let report = try sh("seq 1 5000", Limits(bytes: 3001, keep: .both, cut: .byte))
            expected = report.stdout.text
            let texts = await withTaskGroup(of: String.self) { group in
                for _ in 0..<8 { group.addTask { report.stdout.text } }
                return await group.reduce(into: []) { $0.append($1) }
            }
            #expect(texts == Array(repeating: expected, count: 8))
            bytes = report.stdout.bytes
        }
        // The report is gone, and what it held goes on.
        for _ in 0..<20 { _ = try sh("seq 1 5000", Limits(bytes: 3001, keep: .both, cut: .byte)) }
        #expect(String(decoding: bytes, as: UTF8.self) == expected && bytes.count == 3001)
    }
}
