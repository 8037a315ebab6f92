import Drain
import Foundation
import Testing

/// Every way out of a tree, against everything that ends a run. Each escapee holds a FIFO: its end of file
/// proves that nobody lives, where a look at the processes could miss one.
@Suite struct EscapeTests {
    enum Escape: String, CaseIterable {
        case inGroup, ownSession, daemon, stopped, chain

        /// Steps of the fixture that tell "up" when it has got away.
        var steps: [String] {
            switch self {
            case .inGroup: ["spawn", "ignore", "15", "tell", "up", "pause", "end"]
            case .ownSession: ["spawn", "session", "ignore", "15", "tell", "up", "pause", "end"]
            case .daemon:
                [
                    "spawn", "session", "spawn", "ignore", "15", "close", "0", "close", "1", "close", "2",
                    "orphaned", "tell", "up", "pause", "end", "end",
                ]
            case .stopped: ["spawn", "session", "tell", "up", "kill", "19", "pause", "end"]
            case .chain: ["spawn", "session", "ignore", "15", "tell", "up", "chain", "end"]
            }
        }
    }

    enum Ending: String, CaseIterable {
        case exit, timeLimit, cancel, guardianKilled, workerKilled

        var options: [String] {
            switch self {
            case .timeLimit: ["--kill-method", "supervisor", "-t", "300ms", "-k", "100ms"]
            case .cancel: ["--kill-method", "supervisor", "-k", "100ms"]
            default: ["--kill-method", "supervisor"]
            }
        }
    }

    @Test(arguments: Escape.allCases, Ending.allCases)
    func `Nobody gets away`(escape: Escape, ending: Ending) throws {
        let place = try Workplace()
        let tree = try Reader(fifo: place.fifo("tree"))
        // The command itself goes on reading until it is told to exit.
        let pipe = try makePipe()
        let running = try Running(
            Programs.drainRun,
            ending.options + ["--", Programs.misbehave, "hold", place["tree"]] + escape.steps + ["input"],
            input: .descriptor(pipe.reading))
        close(pipe.reading)
        let isUp = tree.wait(for: "up")
        tree.letGo()
        #expect(isUp)
        switch ending {
        case .exit: break
        case .timeLimit: break
        case .cancel: running.send(SIGTERM)
        case .guardianKilled: running.send(SIGKILL)
        case .workerKilled: for worker in running.children { kill(worker, SIGKILL) }
        }
        if ending == .exit { close(pipe.writing) }
        let hasEnded = tree.waitForEnd()
        #expect(hasEnded)
        if ending != .exit { close(pipe.writing) }
        let finished = try running.finish()
        guard hasEnded else { return running.killTree() }
        switch ending {
        case .exit: #expect(finished.code == 0)
        case .timeLimit: #expect(finished.code == 124)
        case .cancel: #expect(finished.code == 143)
        case .guardianKilled: #expect(finished.status & 0x7F == SIGKILL)
        case .workerKilled: #expect(finished.code == 125 && finished.stderr.contains("killed"))
        }
        if ending == .exit || ending == .timeLimit || ending == .cancel {
            let report = try finished.report
            #expect(report.survivors.isEmpty && report.text("kill_method") == "supervisor")
        }
    }

    /// The control: what only ends a group must be seen to fail here, or the test above shows nothing.
    @Test func `A library that ends the group alone does not reach an own session`() throws {
        let place = try Workplace()
        let tree = try Reader(fifo: place.fifo("tree"))
        let gate = try place.fifo("gate")
        // The escapee lives until the gate is opened for writing.
        let steps = ["spawn", "session", "tell", "up", "exec", "/bin/cat", gate, "end", "pause"]
        let command = Command(Programs.misbehave, arguments: ["hold", place["tree"]] + steps)
        let report = try command.runBlocking(
            timeouts: Timeouts(wall: .seconds(1), killAfter: .zero, drainGrace: .zero, killMethod: .group))
        #expect(report.outcome == .timedOut && report.killMethod == .group)
        #expect(tree.wait(for: "up"))
        tree.letGo()
        // Only somebody who still reads lets it be opened without waiting.
        let opened = open(gate, O_WRONLY | O_NONBLOCK | O_CLOEXEC)
        #expect(opened >= 0)
        close(opened)
        #expect(tree.waitForEnd())
    }

    @Test func `Orphans that end do not stay zombies while the command runs`() throws {
        let place = try Workplace()
        let tree = try Reader(fifo: place.fifo("tree"))
        let pipe = try makePipe()
        let running = try Running(
            Programs.drainRun,
            ["--", Programs.misbehave, "hold", place["tree"], "litter", "300", "tell", "littered", "input"],
            input: .descriptor(pipe.reading))
        close(pipe.reading)
        #expect(tree.wait(for: "littered"))
        tree.letGo()
        let worker = try #require(running.children.first)
        let deadline = Date().addingTimeInterval(patience)
        var count = Int.max
        while count > 1, Date() < deadline {
            count = text(ofProc: "/proc/\(worker)/task/\(worker)/children").split(separator: " ").count
            sched_yield()
        }
        #expect(count == 1)
        close(pipe.writing)
        let finished = try running.finish()
        #expect(try finished.report.isNull("kill_method"))
    }
}
