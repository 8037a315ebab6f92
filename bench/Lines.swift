import Drain
import Foundation

/// Those that look at every line of a child that writes fast.
func linesGroup(_ tools: Tools) -> Group {
    let work = LinesWork(count: tools.quick ? 64_000_000 : 400_000_000, misbehave: tools.misbehave)
    let (spans, strings) = ("library, lineBatches, spans", "library, lines, strings")
    var contenders = [
        Contender(name: spans) { try work.spans() },
        Contender(name: strings) { try work.strings() },
        Contender(name: "| cat >/dev/null, no lines") { try work.cat() },
        Contender(name: "Foundation, bytes cut at newlines") { try work.foundation() },
    ]
    var notes = ["Foundation reads by 64 KiB and makes a String of each line"]
    if let python = tools.peers.python {
        contenders.append(
            Contender(name: "Python, for line in stdout") { try work.python(python.executable) })
    } else {
        notes.append("no Python here")
    }
    return Group(
        name: "lines", title: "every line of \(size(work.count)), 80 bytes each", rounds: tools.quick ? 1 : 5,
        warmups: tools.quick ? 0 : 1, contenders: contenders,
        columns: [.figure(.wall), .median(.rate), .ratio(.wall)], subject: spans, notes: notes,
        // 1 GB/s and 300 MB/s.
        goals: [
            Goal(.wall, most: Double(work.count) / 1e6),
            Goal(.wall, of: strings, most: Double(work.count) / 3e5),
        ])
}

private struct LinesWork {
    let count: Int
    let misbehave: String

    private var writer: [String] { [misbehave, "write", "\(count)", "64000"] }
    private var command: Command { Command(writer[0], arguments: Array(writer.dropFirst())) }

    private func sample(since start: Double, lines: Int?) throws -> Sample {
        let wall = now() - start
        if let lines, lines != count / 80 {
            throw Failure("\(count / 80) lines were written and \(lines) seen")
        }
        return [.wall: wall * 1000, .rate: Double(count) / wall / 1e9]
    }

    func spans() throws -> Sample {
        let (command, start) = (command, now())
        let lines = try waitFor {
            try await command.withRun { run in
                var (lines, bytes) = (0, 0)
                for await batch in run.lineBatches(.stdout) {
                    batch.forEachLine { line in
                        lines += 1
                        bytes += line.byteCount
                    }
                }
                return bytes == lines * 79 ? lines : -1
            }.get()
        }
        return try sample(since: start, lines: lines)
    }

    func strings() throws -> Sample {
        let (command, start) = (command, now())
        let lines = try waitFor {
            try await command.withRun { run in
                var (lines, bytes) = (0, 0)
                for await line in run.lines(.stdout) {
                    lines += 1
                    bytes += line.text.utf8.count
                }
                return bytes == lines * 79 ? lines : -1
            }.get()
        }
        return try sample(since: start, lines: lines)
    }

    func cat() throws -> Sample {
        let null = open("/dev/null", O_WRONLY | O_CLOEXEC)
        defer { close(null) }
        let start = now()
        _ = try Spawned(["sh", "-c", "\"$@\" | cat >/dev/null", "sh"] + writer, stdout: null).finish("sh")
        return try sample(since: start, lines: nil)
    }

    func python(_ python: String) throws -> Sample {
        let script = """
            import subprocess, sys
            lines = 0
            with subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE, text=True) as proc:
                for line in proc.stdout: lines += 1
            sys.exit(lines != \(count / 80))
            """
        let null = open("/dev/null", O_WRONLY | O_CLOEXEC)
        defer { close(null) }
        let start = now()
        _ = try Spawned([python, "-c", script] + writer, stdout: null).finish("Python")
        return try sample(since: start, lines: nil)
    }

    func foundation() throws -> Sample {
        let start = now()
        let (process, pipe) = try startProcess(writer)
        var (lines, bytes, rest) = (0, 0, Data())
        while let chunk = try pipe.fileHandleForReading.read(upToCount: 64 << 10), !chunk.isEmpty {
            rest.append(chunk)
            var from = rest.startIndex
            while let newline = rest[from...].firstIndex(of: UInt8(ascii: "\n")) {
                bytes += String(decoding: rest[from..<newline], as: UTF8.self).utf8.count
                lines += 1
                from = newline + 1
            }
            rest = Data(rest[from...])
        }
        process.waitUntilExit()
        return try sample(since: start, lines: bytes == lines * 79 ? lines : -1)
    }
}
