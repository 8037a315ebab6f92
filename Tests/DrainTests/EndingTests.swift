import CDrain
import Foundation
import Testing

@testable import Drain

@Suite("Ending a run")
struct EndingTests {
    /// Far more than any of these should take, and far less than what they run would.
    static let soon = Duration.seconds(25)

    // MARK: Limits

    @Test("a wall limit ends a run, and what was said before is kept")
    func wall() throws {
        let report = try sh("echo early; sleep 600", Limits(), Timeouts(wall: .seconds(1)))
        #expect(report.outcome == .timedOut && report.timedOut && report.exitCode == 124)
        #expect(report.signal == nil && report.termination == .signaled(15))
        #expect(report.stdout.text == "early\n" && report.stdout.reachedEnd)
        #expect(report.killMethod == .sweep && report.survivors.isEmpty && report.duration < Self.soon)
        #expect(report.duration >= .seconds(1))
    }

    @Test("a silent command meets its idle limit, one that goes on talking does not")
    func idle() throws {
        let silent = try sh("echo x; sleep 600", Limits(), Timeouts(idle: .milliseconds(300)))
        #expect(silent.outcome == .idleTimedOut && silent.exitCode == 124 && silent.stdout.text == "x\n")
        let line = "for i in 1 2 3 4 5 6 7 8 9 10; do echo $i >&2; sleep 0.1; done"
        let talking = try sh(line, Limits(), Timeouts(idle: .seconds(20)))
        #expect(talking.outcome == .exited && talking.stderr.totalCount == 21)
    }

    @Test("who ignores the first signal gets SIGKILL, with all the rest of the group")
    func ignorer() throws {
        let report = try cancelled(
            "trap '' TERM; sleep 600 & echo $!; while :; do sleep 600; done", after: 1,
            Timeouts(killAfter: .milliseconds(200)))
        #expect(report.outcome == .cancelled && report.termination == .signaled(9))
        #expect(report.exitCode == -9 && report.signal == 9 && report.survivors.isEmpty)
        #expect(!Surroundings.isAlive(report.stdout.pid) && report.duration < Self.soon)
    }

    @Test("a grandchild that ignores the signal dies too, though its leader obeys")
    func grandchild() throws {
        let line = "sh -c 'trap \"\" TERM; echo $$; while :; do sleep 600; done' & wait"
        let report = try cancelled(line, after: 1, Timeouts(killAfter: .milliseconds(200)))
        #expect(report.termination == .signaled(15) && report.outcome == .cancelled)
        #expect(report.survivors.isEmpty && !Surroundings.isAlive(report.stdout.pid))
        #expect(report.stdout.reachedEnd)
    }

    @Test("a command that cleans up when asked has the time to")
    func cleansUp() throws {
        let line = "trap 'echo clean; exit 3' INT; echo ready; while :; do sleep 0.05; done"
        let report = try cancelled(line, after: 6, signal: .interrupt, Timeouts(killAfter: .seconds(60)))
        #expect(report.stdout.text == "ready\nclean\n" && report.exitCode == 3)
        #expect(report.outcome == .cancelled && report.signal == nil)
    }

    @Test("a stopped command learns of its end")
    func stopped() throws {
        let report = try cancelled(
            "echo $$; kill -STOP $$", after: 1, Timeouts(killAfter: .seconds(120)))
        #expect(report.termination == .signaled(15) && report.duration < .seconds(60))
    }

    @Test("a flood does not keep a limit from coming")
    func flood() throws {
        let report = try Command("yes").runBlocking(
            limits: Limits(bytes: 100), timeouts: Timeouts(wall: .milliseconds(300)))
        #expect(report.outcome == .timedOut && report.stdout.keptCount == 100)
        #expect(report.stdout.text.hasPrefix("y\ny\n") && report.duration < Self.soon)
    }

    @Test("closed streams are no exit")
    func closedStreams() throws {
        let report = try sh("exec >&- 2>&-; sleep 0.2; exit 5")
        #expect(report.exitCode == 5 && report.stdout.reachedEnd && report.stderr.reachedEnd)
    }

    // MARK: What is left behind

    @Test("a background process holds up nothing, is named, and is gone afterwards")
    func background() throws {
        let report = try sh("echo KEEPME; sleep 600 & exit 4")
        #expect(report.outcome == .exited && report.exitCode == 4 && report.stdout.text == "KEEPME\n")
        #expect(!report.stdout.reachedEnd && !report.stderr.reachedEnd && report.duration < Self.soon)
        #expect(report.holders.map(\.command) == ["sleep 600"] && report.killMethod == .sweep)
        #expect(report.survivors.isEmpty)
        #expect(report.holders.allSatisfy { !Surroundings.isAlive($0.pid) })
    }

    @Test("a background process without our streams is ended too")
    func silentBackground() throws {
        let report = try sh("sleep 600 >/dev/null 2>&1 & echo $!")
        #expect(report.stdout.reachedEnd && report.holders.isEmpty && report.killMethod == .sweep)
        #expect(!Surroundings.isAlive(report.stdout.pid))
    }

    @Test("one that ends within the grace is waited for")
    func endsInGrace() throws {
        let report = try sh(
            "(sleep 0.2; echo late) &", Limits(),
            Timeouts(wall: .seconds(100), drainGrace: .seconds(90)))
        #expect(report.stdout.text == "late\n" && report.stdout.reachedEnd)
        #expect(report.duration < .seconds(90))
    }

    @Test("a background that is left lives on, without a reader")
    func leave() throws {
        let report = try sh(
            "sleep 600 & echo $!", Limits(), Timeouts(drainGrace: .milliseconds(1), background: .leave))
        let pid = report.stdout.pid
        #expect(report.killMethod == nil && !report.stdout.reachedEnd && report.exitCode == 0)
        #expect(report.holders.map(\.pid) == [pid] && Surroundings.isAlive(pid))
        kill(pid, SIGKILL)
        #expect(Surroundings.eventually { !Surroundings.isAlive(pid) })
    }

    @Test("one that left the group holds up nothing either, and is named")
    func leftGroup() throws {
        let report = try sh(
            "setsid sleep 600 & exec true", Limits(), Timeouts(drainGrace: .milliseconds(300)))
        #expect(report.exitCode == 0 && !report.stdout.reachedEnd && report.duration < Self.soon)
        #expect(report.holders.count == 1)
        for holder in report.holders { kill(holder.pid, SIGKILL) }
    }

    @Test("what was written before a stream is given up is counted")
    func countedToTheEnd() throws {
        let report = try sh(
            "sleep 600 & seq 1 20000", Limits(bytes: 10), Timeouts(drainGrace: .zero))
        #expect(report.stdout.totalCount == CoreTests.numbers.count && !report.stdout.reachedEnd)
    }
}
