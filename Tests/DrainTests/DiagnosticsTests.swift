import Foundation
import Testing

@testable import Drain

@Suite struct DiagnosticsTests {
    @Test func `Both encoders write the same numbers under the same names`() async throws {
        let runner = Runner()
        _ = try await runner.run(.shell("echo 12345; exit 3"), limits: Limits(bytes: 4, cut: .byte))
        let diagnostics = runner.diagnostics
        var bytes: [UInt8] = []
        var writer = JSONWriter<Never> { span in
            span.withUnsafeBytes { bytes.append(contentsOf: $0) }
        }
        diagnostics.write(to: &writer)
        writer.flush()
        let own = try JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Int]
        let foreign =
            try JSONSerialization.jsonObject(with: JSONEncoder().encode(diagnostics)) as? [String: Int]
        #expect(own == foreign)
        #expect(own?["finished_exited"] == 1 && own?["finished_cancelled"] == 0 && own?["running"] == 0)
        #expect(own?["bytes_seen"] == 6 && own?["bytes_kept"] == 4 && own?["bytes_discarded"] == 2)
        #expect(own?["oldest_run_ms"] == -1 && own?["memory_budget_bytes"] == runner.memoryBudget)
    }

    @Test func `Two of them show a leaked descriptor, and nothing where nothing leaks`() async {
        await #expect(processExitsWith: .success) {
            let runner = Runner(maxRunning: 8)
            func some() async throws {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for _ in 0..<40 { group.addTask { _ = try await runner.run(.shell("echo x; exit 1")) } }
                    try await group.waitForAll()
                }
            }
            try await some()
            let before = runner.diagnostics
            for _ in 0..<5 { try await some() }
            let after = runner.diagnostics
            #expect(after.leaks(since: before) == [])
            #expect(after.descriptors == before.descriptors && after.threads <= 4)
            try #require(before.descriptors > 0, "needs Linux 6.2")
            let leaked = open("/dev/null", O_RDONLY | O_CLOEXEC)
            #expect(runner.diagnostics.leaks(since: before).count == 1)
            close(leaked)
        }
    }

    @Test func `A run that is not over, and a report that never came, are told`() async throws {
        let runner = Runner()
        let ready = FileManager.default.temporaryDirectory.path + "/drain-" + UUID().uuidString
        defer { unlink(ready) }
        let task = Task { try await runner.run(.shell("echo kept; : >\(ready); exec sleep 600")) }
        while access(ready, F_OK) != 0 { try await Task.sleep(for: .milliseconds(2)) }
        let during = runner.diagnostics
        #expect(during.running == 1 && during.started == 1 && during.oldestRunMilliseconds >= 0)
        #expect(during.leaks(since: Diagnostics()).contains("running: 0, then 1"))
        task.cancel()
        _ = try await task.value
        var forged = runner.diagnostics
        #expect(forged.leaks(since: forged) == [] && forged.bytesSeen == 5)
        forged.submitted += 1
        forged.bytesSeen += 7
        #expect(
            forged.leaks(since: forged) == [
                "runs without a report: 1", "bytes neither kept nor discarded: 7",
            ])
    }
}
