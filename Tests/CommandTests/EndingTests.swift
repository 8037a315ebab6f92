import Foundation
import Testing

/// Who ends a run, and that nothing of its tree is left. Everybody in the tree holds a FIFO: its end of file
/// proves that nobody lives.
@Suite struct EndingTests {
    private let place: Workplace
    private let tree: Reader

    init() throws {
        place = try Workplace()
        tree = try Reader(fifo: place.fifo("tree"))
    }

    /// Starts drain-run on the fixture with these steps, and waits until they have told "up".
    private func up(_ options: [String], _ steps: [String], _ parent: [String] = []) throws -> Running {
        let command = options + ["--", Programs.misbehave, "hold", place["tree"]] + steps
        let running =
            try parent.isEmpty
            ? Running(Programs.drainRun, command)
            : Running(Programs.misbehave, parent + ["exec", Programs.drainRun] + command)
        let isUp = tree.wait(for: "up")
        tree.letGo()
        guard isUp else { throw Trouble("the fixture did not come up: \(running.stderr?.text ?? "")") }
        return running
    }

    @Test(arguments: [(2, 130), (15, 143), (1, 129), (3, 131)] as [(Int32, Int32)])
    func `A signal to drain-run ends the tree, and the report is still written`(
        number: Int32, code: Int32
    ) throws {
        let running = try up([], ["hex", "6869", "spawn", "pause", "end", "drained", "tell", "up", "pause"])
        running.send(number)
        let finished = try running.finish()
        let report = try finished.report
        #expect(finished.code == code)
        #expect(report.outcome == "cancelled")
        #expect(report.number("signal") == Int(number))
        #expect(report.exitCode == -Int(number))
        #expect(report.flag("timed_out") == false)
        #expect(report.text("stdout") == "hi")
        #expect(report.survivors.isEmpty)
        #expect(tree.waitForEnd())
    }

    @Test func `A tree that ignores the signal is killed after the grace`() throws {
        let running = try up(
            ["-k", "100ms"],
            [
                "ignore", "2", "ignore", "15", "spawn", "pause", "end", "spawn", "pause", "end", "tell", "up",
                "pause",
            ])
        running.send(SIGINT)
        let finished = try running.finish()
        #expect(finished.code == 130)
        #expect(try finished.report.number("signal") == 9)
        #expect(try finished.report.hasKilled)
        #expect(tree.waitForEnd())
    }

    @Test func `A signal in the middle of a flood is heard`() throws {
        let running = try up([], ["tell", "up", "write", "1000000000000", "65536"])
        running.send(SIGTERM)
        let finished = try running.finish()
        #expect(finished.code == 143)
        #expect(try finished.report.outcome == "cancelled")
        #expect(try finished.report.flag("stdout_eof") == true)
        #expect(tree.waitForEnd())
    }

    @Test func `A signal while others hold the streams ends the waiting`() throws {
        let running = try up(
            ["--drain-grace", "1h"],
            ["spawn", "ignore", "15", "orphaned", "tell", "up", "pause", "end", "exit", "5"])
        running.send(SIGTERM)
        let finished = try running.finish()
        #expect(finished.code == 143)
        #expect(try finished.report.outcome == "cancelled")
        #expect(try finished.report.exitCode == 5)
        #expect(tree.waitForEnd())
    }

    @Test func `A second signal changes nothing`() throws {
        let running = try up(["-k", "200ms"], ["ignore", "15", "ignore", "2", "tell", "up", "pause"])
        running.send(SIGTERM)
        running.send(SIGINT)
        let finished = try running.finish()
        #expect([143, 130].contains(finished.code))
        #expect(try finished.report.outcome == "cancelled")
        #expect(tree.waitForEnd())
    }

    @Test func `A signal as early as can be leaves a report or nothing at all`() throws {
        tree.letGo()
        for _ in 0..<20 {
            let running = try start("--", "sleep", "60")
            running.send(SIGTERM)
            let finished = try running.finish()
            // Before drain-run has seen to its signals it is like any program, and has started nothing.
            if finished.code == nil {
                #expect(finished.status & 0x7F == SIGTERM)
                #expect(finished.stdout.isEmpty)
            } else {
                #expect(finished.code == 143)
                #expect(try finished.report.outcome == "cancelled")
            }
        }
    }

    @Test func `A signal that a parent like nohup ignores is left alone`() throws {
        let running = try up([], ["tell", "up", "pause"], ["ignore", "1"])
        running.send(SIGHUP)
        running.send(SIGTERM)
        let finished = try running.finish()
        // Had SIGHUP counted, it would have come first.
        #expect(finished.code == 143)
        #expect(tree.waitForEnd())
    }

    @Test func `A stopped tree is ended too`() throws {
        let running = try up(["-t", "300ms"], ["spawn", "kill", "19", "end", "tell", "up", "kill", "19"])
        let finished = try running.finish()
        #expect(finished.code == 124)
        #expect(tree.waitForEnd())
    }

    @Test func `The first signal of a time limit is the one asked for`() throws {
        tree.letGo()
        let report = try drainRun(
            "-t", "200ms", "-s", "USR1", "--", "sh", "-c", "trap 'echo got; exit 3' USR1; sleep 60 & wait")
        #expect(report.text("stdout") == "got\n")
        #expect(report.code == 124)
    }

    @Test(arguments: [["-k", "0"], ["-s", "KILL", "-k", "1h"]])
    func `SIGKILL at once leaves no time for a trap`(options: [String]) throws {
        let running = try up(
            ["-t", "200ms"] + options, ["ignore", "15", "spawn", "pause", "end", "tell", "up", "pause"])
        let finished = try running.finish()
        #expect(finished.code == 124)
        #expect(try finished.report.hasKilled)
        #expect(tree.waitForEnd())
    }

    @Test func `A command that falls silent is ended, and one that talks is not`() throws {
        tree.letGo()
        let silent = try drainRun("--idle-timeout", "300ms", "--", "sh", "-c", "echo hi; sleep 60")
        #expect(silent.code == 124)
        #expect(silent.outcome == "idle_timed_out")
        #expect(silent.exitCode == 124)
        #expect(silent.flag("timed_out") == true)
        #expect(silent.text("stdout") == "hi\n")
        let talking = try drainRun(
            "--idle-timeout", "5", "--", "sh", "-c", "for i in 1 2 3 4; do sleep 0.1; echo $i >&2; done")
        #expect(talking.outcome == "exited")
        #expect(talking.text("stderr") == "1\n2\n3\n4\n")
    }

    @Test func `A flood does not keep the time limit from coming`() throws {
        tree.letGo()
        let report = try drainRun("-t", "300ms", "--max-output", "1k", "--", "sh", "-c", "yes")
        #expect(report.code == 124)
        #expect(report.outcome == "timed_out")
        #expect(report.number("stdout_bytes_kept") == 1024)
        #expect(try #require(report.number("duration_ms")) < 10000)
    }

    @Test func `No limit is no limit`() throws {
        tree.letGo()
        let report = try drainRun("-t", "0", "--idle-timeout", "0", "--cpu-time", "0", "--", "sleep", "0.3")
        #expect(report.outcome == "exited")
        #expect(report.code == 0)
    }

    @Test func `What a command leaves running is killed, also where it holds no stream`() throws {
        let pipe = try makePipe()
        let running = try start(
            "--", Programs.misbehave, "hold", place["tree"], "spawn", "close", "1", "close", "2", "ignore",
            "15",
            "tell", "up", "pause", "end", "input", "exit", "0", input: .descriptor(pipe.reading))
        close(pipe.reading)
        #expect(tree.wait(for: "up"))
        tree.letGo()
        close(pipe.writing)
        let finished = try running.finish()
        let report = try finished.report
        #expect(finished.code == 0)
        #expect(report.outcome == "exited")
        #expect(report.flag("stdout_eof") == true)
        #expect(report.hasKilled)
        #expect(report.holders.isEmpty)
        #expect(tree.waitForEnd())
    }

    @Test func `What a command leaves running lives on where that is asked for`() throws {
        let pipe = try makePipe()
        let command = [
            "--background", "leave", "--drain-grace", "50ms", "--", Programs.misbehave, "hold", place["tree"],
            "spawn",
            "input", "tell", "alive", "end", "exit", "0",
        ]
        let running = try Running(Programs.drainRun, command, input: .descriptor(pipe.reading))
        close(pipe.reading)
        let finished = try running.finish()
        let report = try finished.report
        #expect(finished.code == 0)
        #expect(report.isNull("kill_method"))
        #expect(report.flag("stdout_eof") == false)
        #expect(report.holders.count == 1)
        #expect(!tree.text.contains("alive"))
        // It goes on only now.
        close(pipe.writing)
        #expect(tree.wait(for: "alive"))
        tree.letGo()
        #expect(tree.waitForEnd())
    }

    @Test func `No waiting at all for a stream that others hold`() throws {
        let running = try up(
            ["--drain-grace", "0"], ["hex", "6869", "spawn", "pause", "end", "tell", "up", "exit", "0"])
        let report = try running.finish().report
        #expect(report.text("stdout") == "hi")
        #expect(report.flag("stdout_eof") == false)
        #expect(tree.waitForEnd())
    }

    @Test func `A background that ends in the grace leaves streams that have ended`() throws {
        tree.letGo()
        let report = try drainRun(
            "--drain-grace", "50", "--", "sh", "-c", "(sleep 0.2; echo late) & echo early")
        #expect(report.text("stdout") == "early\nlate\n")
        #expect(report.flag("stdout_eof") == true)
        #expect(report.holders.isEmpty)
        #expect(report.isNull("kill_method"))
    }

    @Test(arguments: ["auto", "supervisor", "sweep", "group"])
    func `The first signal comes once to each process of the group`(method: String) throws {
        let place = try Workplace()
        let tree = try Reader(fifo: place.fifo("tree"))
        let script = """
            exec 3>$1
            (trap 'echo told' TERM; echo up >&3; while :; do sleep 0.01; done) &
            trap : TERM; wait; wait
            """
        let running = try start(
            "--kill-method", method, "-k", "700ms", "--", "/bin/sh", "-c", script, "sh", place["tree"])
        #expect(tree.wait(for: "up"))
        tree.letGo()
        running.send(SIGTERM)
        let report = try running.finish().report
        #expect(report.text("stdout") == "told\n" && report.text("outcome") == "cancelled")
    }
}
