import Foundation
import Testing

/// Descendants that have left the process group, and the end of drain-run itself.
@Suite struct TreeTests {
    private let place: Workplace
    private let tree: Reader

    init() throws {
        place = try Workplace()
        tree = try Reader(fifo: place.fifo("tree"))
    }

    /// A daemon's way: a session of its own, and its parent gone.
    private static let daemon = [
        "spawn", "session", "ignore", "15", "spawn", "ignore", "15", "orphaned", "tell", "up", "pause", "end",
        "end",
    ]

    private func up(_ options: [String], _ steps: [String]) throws -> Running {
        let running = try Running(
            Programs.drainRun, options + ["--", Programs.misbehave, "hold", place["tree"]] + steps)
        let isUp = tree.wait(for: "up")
        tree.letGo()
        guard isUp else { throw Trouble("the fixture did not come up: \(running.stderr?.text ?? "")") }
        return running
    }

    @Test func `A daemon in a session of its own does not outlive a time limit`() throws {
        let finished = try up(["-t", "500ms", "-k", "100ms"], Self.daemon + ["pause"]).finish()
        #expect(finished.code == 124)
        #expect(tree.waitForEnd())
        #expect(try finished.report.survivors.isEmpty)
    }

    @Test func `A daemon does not outlive a cancellation`() throws {
        let running = try up(["-k", "100ms"], Self.daemon + ["pause"])
        running.send(SIGTERM)
        #expect(try running.finish().code == 143)
        #expect(tree.waitForEnd())
    }

    @Test func `SIGKILL to drain-run leaves nothing of the tree running`() throws {
        for steps in [["pause"], ["ignore", "15", "spawn", "pause", "end", "pause"]] {
            let place = try Workplace()
            let tree = try Reader(fifo: place.fifo("tree"))
            let running = try Running(
                Programs.drainRun,
                ["--", Programs.misbehave, "hold", place["tree"]] + Self.daemon + steps)
            #expect(tree.wait(for: "up"))
            tree.letGo()
            running.send(SIGKILL)
            #expect(try running.finish().status & 0x7F == SIGKILL)
            #expect(tree.waitForEnd())
        }
        tree.letGo()
    }
}
