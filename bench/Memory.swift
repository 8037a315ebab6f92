import Foundation

/// How much memory it takes at most to run a command that prints much.
func memoryGroup(_ tools: Tools) -> Group {
    let cap = 1 << 20
    func measured(_ name: String, _ work: MemoryWork) -> Contender {
        Contender(name: name) { [.resident: Double(try work.peak(tools)) / 1_048_576] }
    }
    func past(_ count: Int) -> Contender {
        let work = MemoryWork(count: count, cap: cap, encoding: "none", streams: 1)
        return Contender("drain-run, cap 1 MiB", at: count, named: size(count)) {
            [.resident: Double(try work.peak(tools)) / 1_048_576]
        }
    }
    let least = past(1 << 20)
    let usual = past(1 << 30)
    var contenders = [least, past(64 << 20), usual]
    var notes: [String] = []
    if !tools.quick { contenders.append(past(16 << 30)) }
    let both = MemoryWork(count: 80 << 20, cap: 64 << 20, encoding: "none", streams: 2)
    contenders.append(measured("drain-run, 2 x 80 MiB, caps 2 x 64 MiB", both))
    contenders.append(measured("the same, written as text", both.encoded("text")))
    if tools.quick {
        notes.append("16 GiB, and those that keep everything, only without --quick")
    } else if Machine.availableMemory < 8 << 30 {
        notes.append("too little memory here for those that keep everything")
    } else {
        for count in [1 << 20, 64 << 20, 1 << 30] {
            if let python = tools.peers.python {
                let command = [python.executable, "-c", PeerScript.python]
                contenders.append(keepsAll("Python communicate, all kept", command, count, tools))
            }
            let ourselves = [ownPath, MemoryPeer.option]
            contenders.append(keepsAll("Foundation Process, all kept", ourselves, count, tools))
        }
    }
    return Group(
        name: "memory", title: "peak resident size (VmHWM)", rounds: tools.quick ? 1 : 5, warmups: 0,
        contenders: contenders,
        columns: [.figure(.resident), .beyondBaseline(.resident), .ratio(.resident)],
        subject: usual.name, baseline: least.name,
        notes: notes + ["adds: beyond the first row; Drain/this: the row of 1 GiB by this"],
        growth: "bytes written")
}

/// F_SETPIPE_SZ, which Foundation does not show.
private let setPipeSize: Int32 = 1031

/// drain-run on a command that prints `count` bytes on each of one or two streams.
private struct MemoryWork {
    let count: Int
    let cap: Int
    let encoding: String
    let streams: Int

    func encoded(_ encoding: String) -> MemoryWork {
        MemoryWork(count: count, cap: cap, encoding: encoding, streams: streams)
    }

    /// The report goes to a pipe that it does not fit into. So drain-run waits for us with all but
    /// the last of it behind itself, and its peak can be read from /proc while it is alive.
    func peak(_ tools: Tools) throws -> Int {
        let pipe = try CloseOnExecPipe()
        // A look for every page of a long report would take longer than all the rest.
        let capacity = fcntl(pipe.reading, setPipeSize, encoding == "none" ? 4096 : 64 << 10)
        guard capacity > 0 else { throw Failure("F_SETPIPE_SZ: \(String(cString: strerror(errno)))") }
        let script =
            streams == 1
            ? #"exec "$0" write "$1" 65536"#
            : #""$0" write "$1" 65536 & "$0" write "$1" 65536 stderr && wait $!"#
        // The command stands in the report: where kept bytes do not, an unread argument makes it long.
        let padding = encoding == "none" ? String(repeating: "x", count: Int(capacity) * 2) : ""
        let child = try Spawned(
            [
                tools.drainRun.path, "--max-output", "\(cap)", "--encode", encoding,
                "--report", "fd:\(Spawned.reportDescriptor)", "--",
                "/bin/sh", "-c", script, tools.misbehave, "\(count)", padding,
            ], report: pipe.writing)
        pipe.closeWriting()
        var (report, peak) = (Data(), 0)
        repeat {
            var set = pollfd(fd: pipe.reading, events: Int16(POLLIN), revents: 0)
            poll(&set, 1, -1)
            peak = max(peak, child.peakResident ?? 0)
        } while pipe.readSome(into: &report)
        _ = try child.finish("drain-run")
        try check(try WrittenReport(report))
        guard peak > 0 else { throw Failure("no VmHWM in /proc/PID/status") }
        return peak
    }

    private func check(_ report: WrittenReport) throws {
        let kept = min(count, cap)
        guard report.stdoutBytes == count, report.stdoutBytesKept == kept,
            streams == 1 || report.stderrBytes == count && report.stderrBytesKept == kept
        else { throw Failure("\(count) bytes were written and \(report.stdoutBytes) seen") }
    }
}

/// A fresh process that keeps all that its command prints, and tells its own peak at the end.
private func keepsAll(_ name: String, _ keeper: [String], _ count: Int, _ tools: Tools) -> Contender {
    Contender(name, at: count, named: size(count)) {
        let command = keeper + [tools.misbehave, "write", "\(count)", "65536"]
        let pipe = try CloseOnExecPipe()
        let child = try Spawned(command, stdout: pipe.writing)
        pipe.closeWriting()
        var data = Data()
        while pipe.readSome(into: &data) {}
        _ = try child.finish(name)
        let answer = String(decoding: data, as: UTF8.self)
        let numbers = answer.split(whereSeparator: \.isWhitespace).map { Int($0) }
        guard numbers.count == 2, let seen = numbers[0], let peak = numbers[1] else {
            throw Failure("it answered '\(answer.prefix(80))'")
        }
        guard seen == count else { throw Failure("\(count) bytes were written and \(seen) seen") }
        return [.resident: Double(peak) / 1_048_576]
    }
}

/// bench started by itself, to be Foundation's Process in a fresh process.
struct MemoryPeer {
    static let option = "--keep-all-in-foundation"
    private let command: [String]

    static func asked() -> MemoryPeer? {
        let words = CommandLine.arguments
        return words.count > 2 && words[1] == option ? MemoryPeer(command: Array(words.dropFirst(2))) : nil
    }

    func run() -> Int32 {
        guard let (process, pipe) = try? startProcess(command),
            let kept = try? pipe.fileHandleForReading.readToEnd()
        else { return 1 }
        process.waitUntilExit()
        print(kept.count, peakResidentBytes(of: "self") ?? 0)
        return process.terminationStatus
    }
}
