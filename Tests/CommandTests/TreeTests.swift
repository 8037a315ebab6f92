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

    /// A cgroup that processes of a cgroup made below it cannot be born into; nil where none can be made.
    private func threadedCgroup() -> String? {
        let mounts = text(ofProc: "/proc/mounts").split(separator: "\n").map { $0.split(separator: " ") }
        guard let mount = mounts.first(where: { $0.count > 2 && $0[2] == "cgroup2" })?[1] else { return nil }
        let path = "\(mount)/drain-tests-\(getpid())-\(UInt32.random(in: 0 ... .max))"
        guard mkdir(path, 0o755) == 0 else { return nil }
        let type = open(path + "/cgroup.type", O_WRONLY | O_CLOEXEC)
        defer { close(type) }
        if write(type, "threaded", 8) == 8 { return path }
        rmdir(path)
        return nil
    }

    @Test func `Where a cgroup cannot be joined, the supervisor does alone, unless the cgroup was asked for`()
        throws
    {
        // Without a cgroup of version 2 that may be written to there is nothing to fall back from.
        guard let cgroup = threadedCgroup() else { return }
        defer { rmdir(cgroup) }
        func start(_ method: String) throws -> Finished {
            try Running(
                "/bin/sh",
                [
                    "-c",
                    "echo 0 >$1/cgroup.procs && exec $2 --kill-method $3 -- sh -c 'sleep 600 & echo kept'",
                    "sh", cgroup, Programs.drainRun, method,
                ]
            ).finish()
        }
        let report = try start("auto").report
        #expect(report.text("stdout") == "kept\n" && report.text("kill_method") == "supervisor")
        let refused = try start("cgroup")
        #expect(refused.code == 125 && refused.stdout.isEmpty && refused.stderr.contains("cgroup"))
    }
}
