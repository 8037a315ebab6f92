import Drain
import Foundation

/// Those that run a command which prints more than is kept, and throw the rest away.
func drainGroup(
    _ name: String, count: Int, block: Int, goals: [Goal], cap: Int = 1 << 20, _ tools: Tools
) -> Group {
    let writer = [tools.misbehave, "write", "\(count)", "\(block)"]
    let work = DrainWork(writer: writer, count: count, cap: cap)
    var contenders = [
        Contender(name: "drain-run") { try work.drainRun(tools.drainRun.path) },
        Contender(name: "library, runBlocking") { try work.library() },
        Contender(name: "| cat >/dev/null") { try work.pipe(["cat"]) },
        Contender(name: "C, poll and splice") { try work.floor() },
        Contender(name: "Foundation Process, read loop") { try work.foundation() },
    ]
    if let pv = tools.pv {
        contenders.insert(Contender(name: "| pv -q >/dev/null") { try work.pipe([pv, "-q"]) }, at: 3)
    }
    var peers = tools.peers.capped
    // Who keeps all can do so here.
    if count <= cap { peers += tools.peers.keeping }
    for peer in peers { contenders.append(Contender(name: peer.name) { try work.peer(peer) }) }
    var notes = [
        "drain-run, cat and pv: their own start is in the figures; cat and pv keep nothing",
        "drain-run's CPU is known to 2 ms: a report tells the command's in whole milliseconds",
        "Python, Node and Go run already and measure themselves; they and Foundation read by 64 KiB",
    ]
    if count <= cap { notes.append(warmNote) }
    return Group(
        name: name, title: "\(size(count)) by \(size(block)), cap \(size(cap))", rounds: tools.quick ? 1 : 5,
        warmups: tools.quick ? 0 : 1,
        contenders: contenders,
        columns: [.figure(.wall), .median(.rate), .figure(.cpu), .ratio(.wall), .ratio(.cpu)],
        subject: "drain-run", notes: notes, goals: goals, warmBytes: count <= cap ? count : 0)
}

let warmNote = "memory for what is kept is touched and given back before each run, alike for all"

/// How the time grows with what is written.
func growthGroup(_ tools: Tools) -> Group {
    let sizes = tools.quick ? [1 << 20, 64 << 20] : [64 << 10, 1 << 20, 16 << 20, 256 << 20, 4 << 30]
    var contenders: [Contender] = []
    for count in sizes {
        let work = DrainWork(
            writer: [tools.misbehave, "write", "\(count)", "65536"], count: count, cap: 1 << 20)
        func line(_ name: String, _ run: @escaping () throws -> Sample) {
            contenders.append(Contender(name, at: count, named: size(count), run: run))
        }
        line("drain-run") { try work.drainRun(tools.drainRun.path) }
        line("library, runBlocking") { try work.library() }
        line("| cat >/dev/null") { try work.pipe(["cat"]) }
        for peer in tools.peers.capped.prefix(1) { line(peer.name) { try work.peer(peer) } }
    }
    return Group(
        name: "growth", title: "more and more by 64 KiB, cap 1 MiB", rounds: tools.quick ? 1 : 3,
        warmups: tools.quick ? 0 : 1,
        contenders: contenders, columns: [.figure(.wall), .median(.rate), .figure(.cpu)],
        subject: "drain-run, \(size(sizes.last!))", growth: "bytes written")
}

/// Only the end of much is kept.
func tailGroup(_ tools: Tools) -> Group {
    let count = tools.quick ? 512 << 20 : 4 << 30
    let work = DrainWork(
        writer: [tools.misbehave, "write", "\(count)", "65536"], count: count, cap: 64 << 10, keep: "tail")
    return Group(
        name: "tail", title: "\(size(count)) by 64 KiB, the last 64 KiB kept", rounds: tools.quick ? 1 : 5,
        warmups: tools.quick ? 0 : 1,
        contenders: [
            Contender(name: "drain-run") { try work.drainRun(tools.drainRun.path) },
            Contender(name: "| cat >/dev/null") { try work.pipe(["cat"]) },
        ],
        columns: [.figure(.wall), .median(.rate), .figure(.cpu), .ratio(.wall), .ratio(.cpu)],
        subject: "drain-run", goals: [Goal(.wall, by: "| cat >/dev/null", most: 0.85)])
}

func size(_ bytes: Int) -> String {
    for (unit, name) in [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")] where bytes % unit == 0 {
        return "\(bytes / unit) \(name)"
    }
    return bytes % 1_000_000 == 0 ? "\(bytes / 1_000_000) MB" : "\(bytes) B"
}

/// A command that prints `count` bytes, and how the contenders run it.
private struct DrainWork {
    let writer: [String]
    let count: Int
    let cap: Int
    var keep = "head"

    private func sample(wall: Double, cpu: Double) -> Sample {
        [.wall: wall * 1000, .cpu: cpu * 1000, .rate: Double(count) / wall / 1e9]
    }

    private func check(_ bytes: Int, kept: Int? = nil) throws {
        guard bytes == count else { throw Failure("\(count) bytes were written and \(bytes) seen") }
        if let kept, kept != min(cap, count) { throw Failure("\(kept) bytes were kept of \(cap)") }
    }

    func drainRun(_ path: String) throws -> Sample {
        let pipe = try CloseOnExecPipe()
        let start = now()
        let child = try Spawned(
            [path, "--max-output", "\(cap)", "--keep", keep, "--encode", "none", "--"] + writer,
            stdout: pipe.writing)
        pipe.closeWriting()
        var data = Data()
        while pipe.readSome(into: &data) {}
        let (cpu, end) = try child.finish("drain-run")
        let report = try WrittenReport(data)
        try check(report.stdoutBytes, kept: report.stdoutBytesKept)
        let ofCommand = Double(report.userMs + report.systemMs) / 1000
        return sample(wall: end - start, cpu: max(0, cpu.withChildren - ofCommand))
    }

    func library() throws -> Sample {
        let (start, cpu) = (now(), ownCPU())
        let report = try Command(writer[0], arguments: Array(writer.dropFirst()))
            .runBlocking(limits: Limits(bytes: cap))
        let result = sample(wall: now() - start, cpu: ownCPU() - cpu)
        guard report.exitCode == 0 else { throw Failure("the command: \(report.outcome)") }
        try check(report.stdout.totalCount, kept: report.stdout.keptCount)
        return result
    }

    func floor() throws -> Sample {
        let (start, cpu) = (now(), ownCPU())
        let seen = try Floor.shared.run(writer, cap: cap)
        let result = sample(wall: now() - start, cpu: ownCPU() - cpu)
        try check(seen)
        return result
    }

    /// A pipeline, as a shell has it.
    func pipe(_ filter: [String]) throws -> Sample {
        let null = open("/dev/null", O_WRONLY | O_CLOEXEC)
        defer { close(null) }
        let pipe = try CloseOnExecPipe()
        let start = now()
        let reader = try Spawned(filter, stdin: pipe.reading, stdout: null)
        pipe.closeReading()
        let writer = try Spawned(self.writer, stdout: pipe.writing)
        pipe.closeWriting()
        _ = try writer.finish("the writer")
        let (cpu, end) = try reader.finish(filter[0])
        return sample(wall: end - start, cpu: cpu.own ?? cpu.withChildren)
    }

    func peer(_ peer: Peer) throws -> Sample {
        let answer = try peer.server.ask(peer.verb, writer, cap: cap)
        try check(answer.bytes)
        return sample(wall: answer.wall, cpu: answer.cpu)
    }

    func foundation() throws -> Sample {
        let (start, cpu) = (now(), ownCPU())
        let (process, pipe) = try startProcess(writer)
        var (seen, kept) = (0, Data())
        while let chunk = try pipe.fileHandleForReading.read(upToCount: 64 << 10), !chunk.isEmpty {
            seen += chunk.count
            if kept.count < cap { kept.append(chunk.prefix(cap - kept.count)) }
        }
        process.waitUntilExit()
        let result = sample(wall: now() - start, cpu: ownCPU() - cpu)
        guard process.terminationStatus == 0 else { throw Failure("the command failed in Foundation") }
        try check(seen, kept: kept.count)
        return result
    }
}

/// A Foundation Process that is running, with its standard output.
func startProcess(_ command: [String]) throws -> (Process, Pipe) {
    let (process, pipe) = (Process(), Pipe())
    process.executableURL = URL(fileURLWithPath: command[0])
    process.arguments = Array(command.dropFirst())
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = pipe
    try process.run()
    return (process, pipe)
}

/// What is needed of a report of drain-run.
struct WrittenReport: Decodable {
    let exitCode: Int
    let stdoutBytes: Int
    let stdoutBytesKept: Int
    let stderrBytes: Int
    let stderrBytesKept: Int
    let userMs: Int
    let systemMs: Int

    init(_ data: Data) throws {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        self = try decoder.decode(WrittenReport.self, from: data)
        guard exitCode == 0 else { throw Failure("the command ended with \(exitCode)") }
    }
}
