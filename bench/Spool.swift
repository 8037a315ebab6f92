import Drain
import Foundation

/// Those that have all of what a child prints on disk when it has ended: in memory where there is such a place, so
/// that no disk is measured, and in the page cache of whatever temporary files are on.
func spoolGroups(_ tools: Tools) -> [Group] {
    let memory = access("/dev/shm", W_OK) == 0 ? ["/dev/shm"] : []
    return (memory + [NSTemporaryDirectory()]).map { spoolGroup(tools, in: $0) }
}

private func spoolGroup(_ tools: Tools, in place: String) -> Group {
    let work = SpoolWork(count: tools.quick ? 128 << 20 : 2 << 30, misbehave: tools.misbehave, place: place)
    let floor = "C, splice to the file"
    return Group(
        name: place == "/dev/shm" ? "spool-memory" : "spool",
        title: "\(size(work.count)) by 64 KiB, all of it to a file in \(place)",
        rounds: tools.quick ? 1 : 5,
        warmups: tools.quick ? 0 : 1,
        contenders: [
            Contender(name: "drain-run --spool") { try work.drainRun(tools.drainRun.path) },
            Contender(name: "the child itself") { try work.shell("exec \"$@\" >\"$0\"") },
            Contender(name: floor) { try work.floor() },
            Contender(name: "| tee FILE >/dev/null") { try work.shell("\"$@\" | tee \"$0\" >/dev/null") },
            Contender(name: "library, runBlocking") { try work.library() },
        ],
        columns: [.figure(.wall), .median(.rate), .ratio(.wall)], subject: "drain-run --spool",
        notes: ["the files are removed after each run", warmNote],
        goals: [Goal(.wall, by: "the child itself", most: 1.5)], warmBytes: work.count)
}

private struct SpoolWork {
    let count: Int
    let misbehave: String
    let place: String

    private var writer: [String] { [misbehave, "write", "\(count)", "65536"] }

    /// Runs something that writes to a directory, and looks whether all of it is there.
    private func measure(_ body: (String) throws -> Void) throws -> Sample {
        let directory = place + "/drain-bench-spool.\(getpid())"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let start = now()
        try body(directory)
        let wall = now() - start
        let written = try FileManager.default.contentsOfDirectory(atPath: directory)
            .filter { !$0.hasSuffix(".json") }
            .map {
                try FileManager.default.attributesOfItem(atPath: directory + "/" + $0)[.size] as? Int ?? 0
            }
        guard written.reduce(0, +) == count else { throw Failure("\(written) bytes are there of \(count)") }
        return [.wall: wall * 1000, .rate: Double(count) / wall / 1e9]
    }

    func drainRun(_ program: String) throws -> Sample {
        try measure { directory in
            let settings = ["--spool", directory, "--max-spool", "\(count)", "--max-output", "1M"]
            let null = open("/dev/null", O_WRONLY | O_CLOEXEC)
            defer { close(null) }
            _ = try Spawned([program] + settings + ["--encode", "none", "--"] + writer, stdout: null)
                .finish("drain-run")
        }
    }

    func library() throws -> Sample {
        try measure { directory in
            let report = try Command(writer[0], arguments: Array(writer.dropFirst())).runBlocking(
                limits: Limits(bytes: 1 << 20), spool: Spool(directory: OSString(directory), maxBytes: count))
            if let error = report.stdoutSpool?.error { throw Failure(error.message) }
        }
    }

    func floor() throws -> Sample {
        try measure { directory in _ = try Floor.shared.save(writer, to: directory + "/file") }
    }

    /// A line of shell that is given the file and the words of the writer.
    func shell(_ line: String) throws -> Sample {
        try measure { directory in
            _ = try Spawned(["sh", "-c", line, directory + "/file"] + writer).finish("sh")
        }
    }
}
