import Foundation
import Testing

/// The library in hosts that make it hard, each a process of its own: see Tests/Host.
@Suite struct HardHostTests {
    /// By the library alone, and under a supervisor.
    static let methods = ["automatic", Programs.drainRun]

    private func report(
        _ method: String, _ settings: String..., under wrapper: [String] = [], run command: [String]
    ) throws -> ReportView {
        let words = wrapper + [Programs.host, method] + settings + ["--"] + command
        let path = wrapper.isEmpty ? words[0] : "/usr/bin/env"
        let pipe = try makePipe()
        defer { close(pipe.writing) }
        let host = try Running(
            path, wrapper.isEmpty ? Array(words.dropFirst()) : words, input: .descriptor(pipe.reading))
        close(pipe.reading)
        return try host.finish().report
    }

    @Test(arguments: methods)
    func `A host that has the kernel reap its children gets what was kept`(method: String) throws {
        let report = try report(method, "sigchld=ignored", run: ["/bin/sh", "-c", "echo kept; exit 3"])
        #expect(report.text("stdout") == "kept\n")
        // A supervisor's children are its own, and so is their status.
        let isSupervised = method != "automatic"
        #expect(report.text("outcome") == (isSupervised ? "exited" : "failed"))
        #expect(report.number("exit_code") == (isSupervised ? 3 : nil))
    }

    @Test(arguments: methods)
    func `A host that waits for any child in another thread gets what was kept`(method: String) throws {
        let report = try report(method, "sigchld=waited", run: ["/bin/sh", "-c", "echo kept; exit 3"])
        #expect(report.text("stdout") == "kept\n")
        // Whoever comes first has the status; it is told rightly or not at all.
        let outcome = report.text("outcome")
        #expect(outcome == "exited" || (outcome == "failed" && report.isNull("exit_code")))
        #expect(report.isNull("exit_code") || report.number("exit_code") == 3)
    }

    @Test(arguments: methods, ["ignored", "waited"])
    func `Nobody gets away in such a host`(method: String, habit: String) throws {
        let place = try Workplace()
        let tree = try Reader(fifo: place.fifo("tree"))
        let escape = ["spawn", "session", "ignore", "15", "tell", "up", "pause", "end"]
        let report = try report(
            method, "sigchld=\(habit)", "limit=1500",
            run: [Programs.misbehave, "hold", place["tree"]] + escape + ["pause"])
        #expect(report.hasKilled && tree.wait(for: "up"))
        tree.letGo()
        #expect(tree.waitForEnd())
    }

    @Test(arguments: methods)
    func `A host with thousands of descriptors gives none to the command`(method: String) throws {
        let report = try report(method, "descriptors=3000", run: [Programs.misbehave, "state"])
        let lines = try #require(report.text("stdout")).split(separator: "\n").filter { $0.hasPrefix("fd ") }
        #expect(lines.sorted() == ["fd 0", "fd 1", "fd 2"] && report.number("exit_code") == 0)
    }

    @Test(.enabled(if: Programs.canHaveNamespace, "the machine allows no PID namespace"), arguments: methods)
    func `A host that is the first process of its container`(method: String) throws {
        let wrapper = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child=KILL"]
        let command = ["/bin/sh", "-c", "(setsid sleep 600 >/dev/null 2>&1 &); echo kept; exit 3"]
        let report = try report(method, under: wrapper, run: command)
        #expect(report.text("stdout") == "kept\n" && report.number("exit_code") == 3)
        #expect(report.survivors.isEmpty && report.hasKilled)
    }

    @Test(arguments: ["automatic", "strongest", "group"])
    func `What a host that was killed has left is swept up`(method: String) throws {
        let place = try Workplace()
        let tree = try Reader(fifo: place.fifo("tree"))
        let steps = [
            "hold", place["tree"], "spawn", "session", "ignore", "15", "tell", "up", "pause", "end", "pause",
        ]
        let pipe = try makePipe()
        defer { close(pipe.writing) }
        let host = try Running(
            Programs.host, [method, "register=\(place["runs"])", "--", Programs.misbehave] + steps,
            input: .descriptor(pipe.reading))
        close(pipe.reading)
        #expect(tree.wait(for: "up"))
        tree.letGo()
        host.send(SIGKILL)
        _ = try host.finish()
        let swept = try run("--sweep", place["runs"])
        #expect(swept.code == 0 && swept.output.contains("\"ended\":1"), "\(swept.output)\(swept.stderr)")
        #expect(tree.waitForEnd())
        #expect(try FileManager.default.contentsOfDirectory(atPath: place["runs"]).isEmpty)
    }
}
