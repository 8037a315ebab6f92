import Drain
import Foundation
import Testing

/// What a drain-run leaves when both of its processes are killed is ended by somebody else, and nobody else is.
@Suite struct RegistryTests {
    /// A drain-run whose command holds the FIFO and has said so.
    private struct Orphans {
        let place: Workplace
        let host: Running
        let tree: Reader
        var directory: String { place["runs"] }

        init(_ words: String, method: String = "sweep", background: String = "kill") throws {
            place = try Workplace()
            tree = try Reader(fifo: place.fifo("tree"))
            let steps = "hold \(place["tree"]) \(words)".split(separator: " ").map(String.init)
            host = try Running(
                Programs.drainRun,
                ["--register", place["runs"], "--kill-method", method, "--background", background]
                    + ["--drain-grace", "1d", Programs.misbehave] + steps, output: .null, error: .null)
            try #require(tree.wait(for: "up"))
            tree.letGo()
        }

        /// Both processes of it at once: stopped, neither can do anything about the other's end.
        func killHost() throws {
            let worker = try #require(host.children.first)
            for pid in [worker, host.pid] { kill(pid, SIGSTOP) }
            for pid in [worker, host.pid] { #expect(waitForState("T", of: pid)) }
            for pid in [worker, host.pid] { kill(pid, SIGKILL) }
            _ = try host.finish()
            // The worker is not our child, and for as long as it dies it is an owner that lives.
            #expect(waitForDeath(of: worker))
        }

        private func waitForDeath(of pid: pid_t) -> Bool {
            wait {
                let threads = try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/task")
                return (threads ?? []).count <= 1 && "Z ".contains(state(of: pid))
            }
        }

        private func waitForState(_ state: Character, of pid: pid_t) -> Bool {
            wait { self.state(of: pid) == state }
        }

        /// As /proc has it; a blank if there is no such process.
        private func state(of pid: pid_t) -> Character {
            let stat = text(ofProc: "/proc/\(pid)/stat")
            return stat.split(separator: ")").last?.dropFirst().first ?? " "
        }

        private func wait(_ holds: () -> Bool) -> Bool {
            let deadline = Date().addingTimeInterval(patience)
            while !holds() {
                if Date() > deadline { return false }
                usleep(1000)
            }
            return true
        }

        /// Complete: the command may speak before its owner has written its number down.
        func entry() throws -> String {
            let name = try #require(place.entries.first)
            let deadline = Date().addingTimeInterval(patience)
            while String(decoding: try place.bytes("runs/" + name), as: UTF8.self).contains("leader 0 0") {
                try #require(Date() < deadline)
                usleep(1000)
            }
            return name
        }
    }

    @Test(
        arguments: [
            "ignore 15 ignore 1 tell up pause",
            // The leader has ended; its group lives on.
            "spawn ignore 15 orphaned tell up pause end",
            "spawn session tell up pause end pause",
            "spawn session spawn orphaned ignore 15 tell up pause end end pause",
            "spawn session spawn orphaned tell up kill 19 pause end end pause",
        ], ["sweep", "supervisor", "group"])
    func `Nobody whose host was killed outlives a sweep`(words: String, method: String) throws {
        let orphans = try Orphans(words, method: method)
        try orphans.killHost()
        let swept = try run("--sweep", orphans.directory)
        #expect(swept.code == 0 && swept.stderr == "")
        try #require(swept.output.contains("\"ended\":1") && swept.output.contains("\"survivors\":[]"))
        #expect(orphans.tree.waitForEnd())
        #expect(!swept.output.contains("\"killed\":[]"))
        #expect(orphans.place.entries.isEmpty)
    }

    @Test func `A run whose owner lives is left alone`() throws {
        let orphans = try Orphans("tell up pause")
        let before = try orphans.place.bytes("runs/" + orphans.entry())
        let swept = try run("--sweep", orphans.directory)
        #expect(swept.code == 0 && swept.output.contains("\"alive\":1"))
        #expect(swept.output.contains("\"killed\":[]"))
        #expect(try orphans.place.bytes("runs/" + orphans.entry()) == before)
        #expect(!orphans.host.hasEnded)
        orphans.host.send(SIGTERM)
        _ = try orphans.host.finish()
        #expect(orphans.tree.waitForEnd() && orphans.place.entries.isEmpty)
    }

    @Test func `A stranger who has got the leader's number is never signalled`() throws {
        let place = try Workplace()
        let registry = try RunRegistry(OSString(place["runs"]))
        // A whole session of its own, as the leader's was.
        let report = try Command(Programs.drainRun, "--version").runBlocking(registry: registry)
        #expect(report.exitCode == 0)
        let orphans = try Orphans("tell up pause")
        let name = try orphans.entry()
        var lines = String(decoding: try orphans.place.bytes("runs/" + name), as: UTF8.self)
            .components(separatedBy: "\n")
        let leader = lines[4].split(separator: " ")
        let start = try #require(UInt64(leader[2]))
        // The same number and an owner that is dead, but started a tick before or after; and nothing else to go by.
        lines[3] = "owner \(Int32.max) 1"
        lines[6] = "marker 0"
        for (index, wrong) in [start - 1, start + 1].enumerated() {
            lines[4] = "leader \(leader[1]) \(wrong)"
            try place.write(lines.joined(separator: "\n"), to: "runs/run-\(index)", mode: 0o600)
        }
        let swept = try registry.sweep()
        #expect(swept.damaged.isEmpty && swept.entries == 2 && swept.ended == 2 && swept.killed.isEmpty)
        #expect(kill(pid_t(leader[1])!, 0) == 0 && !orphans.host.hasEnded)
        // And with the right time it is, or the above would show nothing.
        lines[4] = "leader \(leader[1]) \(start)"
        try place.write(lines.joined(separator: "\n"), to: "runs/run-2", mode: 0o600)
        #expect(try registry.sweep().killed == [pid_t(leader[1])!])
        #expect(orphans.tree.waitForEnd())
        _ = try orphans.host.finish()
    }

    @Test func `A sweeper never ends the run that it is a part of`() throws {
        let place = try Workplace()
        let orphans = try Orphans("tell up pause")
        let good = try orphans.place.bytes("runs/" + orphans.entry())
        try place.write(String(decoding: good, as: UTF8.self), to: "good")
        // A session of its own, or a failure would end the tests.
        let script = """
            set -e
            start=$(sed 's/.*) //' /proc/$$/stat | cut -d' ' -f20)
            mkdir -m 700 runs
            sed -e 's/^owner .*/owner 2147483647 1/' -e 's/^marker .*/marker 0/' \
                -e "s/^leader .*/leader $$ $start/" good >runs/run-1
            chmod 600 runs/run-1
            "$1" --sweep runs
            echo alive
            """
        var command = Command("/bin/sh", "-c", script, "sh", Programs.drainRun)
        command.workingDirectory = OSString(place.path)
        let report = try command.runBlocking()
        #expect(report.stdout.text.contains("\"own\":1") && report.stdout.text.hasSuffix("alive\n"))
        #expect(place.entries == ["run-1"])
        orphans.host.send(SIGTERM)
        _ = try orphans.host.finish()
    }

    @Test func `Entries that cannot be trusted are told of, and nothing is done by them`() throws {
        let place = try Workplace()
        let registry = try RunRegistry(OSString(place["runs"]))
        let orphans = try Orphans("tell up pause")
        let good = String(decoding: try orphans.place.bytes("runs/" + orphans.entry()), as: UTF8.self)
        let dead = good.replacingOccurrences(of: "owner ", with: "owner 1")
        try place.write(good, to: "elsewhere", mode: 0o600)
        symlink(place["elsewhere"], place["runs/run-link"])
        mkfifo(place["runs/run-fifo"], 0o600)
        mkdir(place["runs/run-directory"], 0o700)
        try place.write(String(repeating: "x", count: 1 << 20), to: "runs/run-huge", mode: 0o600)
        try place.write("", to: "runs/run-empty", mode: 0o600)
        try place.write(String(dead.dropLast(5)), to: "runs/run-cut", mode: 0o600)
        try place.write(dead + "more\n", to: "runs/run-longer", mode: 0o600)
        try place.write(
            dead.replacingOccurrences(of: "leader ", with: "leader -"), to: "runs/run-negative", mode: 0o600)
        try place.write(
            dead.replacingOccurrences(of: "leader ", with: "leader 0"), to: "runs/run-zero", mode: 0o600)
        try place.write(dead, to: "runs/run-writable", mode: 0o666)
        try place.write(good, to: "runs/other", mode: 0o600)
        let names = place.names(in: "runs")
        let swept = try registry.sweep()
        #expect(swept.damaged.count == 10 && swept.entries == 10)
        #expect(swept.killed.isEmpty && swept.ended == 0)
        #expect(place.names(in: "runs") == names)
        #expect(!orphans.host.hasEnded)
        orphans.host.send(SIGTERM)
        _ = try orphans.host.finish()
    }

    @Test func `Entries of an earlier start of the system are removed`() throws {
        let place = try Workplace()
        let orphans = try Orphans("tell up pause")
        var lines = String(decoding: try orphans.place.bytes("runs/" + orphans.entry()), as: UTF8.self)
            .components(separatedBy: "\n")
        lines[1] = "boot 00000000-0000-0000-0000-000000000000"
        let registry = try RunRegistry(OSString(place["runs"]))
        try place.write(lines.joined(separator: "\n"), to: "runs/run-1", mode: 0o600)
        let swept = try registry.sweep()
        #expect(swept.ended == 1 && swept.killed.isEmpty && place.entries.isEmpty)
        #expect(!orphans.host.hasEnded)
        orphans.host.send(SIGTERM)
        _ = try orphans.host.finish()
    }

    @Test func `Many sweeps at once end it once`() throws {
        let orphans = try Orphans("spawn session ignore 15 tell up pause end pause", method: "supervisor")
        try orphans.killHost()
        let sweepers = try (0..<8).map { _ in try start("--sweep", orphans.directory) }
        for sweeper in sweepers { #expect(try sweeper.finish().code == 0) }
        #expect(orphans.tree.waitForEnd() && orphans.place.entries.isEmpty)
    }

    @Test func `An entry is there while the command runs and gone afterwards`() async throws {
        let place = try Workplace()
        let registry = try RunRegistry(OSString(place["runs"]))
        let list = Command("/bin/sh", "-c", "ls \(place["runs"])")
        #expect(try list.runBlocking(registry: registry).stdout.text.hasPrefix("run-"))
        #expect(place.names(in: "runs").isEmpty)
        #expect(try await list.run(registry: registry).stdout.text.hasPrefix("run-"))
        #expect(place.names(in: "runs").isEmpty)
        #expect(throws: DrainError.self) {
            _ = try Command("no-such-command").runBlocking(registry: registry)
        }
        #expect(place.names(in: "runs").isEmpty)
        let cancellation = try Cancellation()
        cancellation.cancel()
        let report = try Command(Programs.misbehave, "pause").runBlocking(
            cancellation: cancellation, registry: registry)
        #expect(report.outcome == .cancelled && place.names(in: "runs").isEmpty)
    }

    @Test func `A directory that others may write to is refused`() throws {
        let place = try Workplace()
        mkdir(place["runs"], 0o700)
        chmod(place["runs"], 0o777)
        let refused = try run("--register", place["runs"], "true")
        #expect(refused.code == 125 && refused.stderr.contains("others may write to it"))
        let swept = try run("--sweep", place["runs"])
        #expect(swept.code == 125 && swept.stderr.contains("others may write to it"))
        try place.write("", to: "file")
        #expect(try run("--sweep", place["file"]).code == 125)
        #expect(try run("--sweep", place["no/such"]).code == 125)
        #expect(try run("--sweep", "").code == 125)
    }
}

extension Workplace {
    fileprivate func names(in directory: String) -> [String] {
        (try? FileManager.default.contentsOfDirectory(atPath: self[directory]))?.sorted() ?? []
    }

    fileprivate var entries: [String] { names(in: "runs").filter { $0.hasPrefix("run-") } }
}
