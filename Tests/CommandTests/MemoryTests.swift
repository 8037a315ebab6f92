import Foundation
import Testing

private let mebibyte = 1 << 20

/// The memory of drain-run itself, as the kernel counts it (VmHWM) while it still runs: getrusage(2) after
/// its end would count its parent's in.
@Suite(.enabled(if: !Programs.areSanitized), .serialized) struct MemoryTests {
    /// The installed drain-run has the Swift library linked in, and the promise in figures is about that:
    /// `DRAIN_RUN_UNDER_TEST` with its path shows it. The one of a debug build maps the library, the
    /// relocations of which are most of what is resident before any output: its growth is bounded instead,
    /// by less than what the promise leaves.
    private struct Peak {
        var bytes: Int
        var mapsLibrary: Bool

        init(of running: Running) throws {
            let maps = text(ofProc: "/proc/\(running.pid)/maps")
            mapsLibrary = maps.contains("libswiftCore.so")
            let program = try Peak.program(running.pid)
            // It may be two processes. They share the program's pages; what the smaller adds is its own.
            let all = [running.pid] + running.children.filter { (try? Peak.program($0)) == program }
            let sizes = try all.map { try Running.memory("VmHWM", of: $0) }
            let largest = sizes.indices.max { sizes[$0] < sizes[$1] } ?? 0
            bytes = sizes[largest]
            for index in all.indices where index != largest {
                bytes += try Running.memory("RssAnon", of: all[index])
            }
        }

        private static func program(_ pid: pid_t) throws -> String {
            try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(pid)/exe")
        }

        func expect(atMost figure: Int, beyond base: Peak, _ what: String) {
            print("drain-run: peak \(bytes / 1024) KiB, without output \(base.bytes / 1024) KiB: \(what)")
            if mapsLibrary {
                #expect(bytes - base.bytes <= figure - 6 * mebibyte, "\(what)")
            } else {
                #expect(bytes < figure, "\(what)")
            }
        }
    }

    /// The peak when this much was written and read, and the command still runs.
    private func peak(_ options: [String], stdout: Int, stderr: Int = 0) throws -> Peak {
        let place = try Workplace()
        let tree = try Reader(fifo: place.fifo("tree"))
        let pipe = try makePipe()
        let running = try Running(
            Programs.drainRun,
            options + [
                "--", Programs.misbehave, "hold", place["tree"], "write", "\(stdout)", "65536", "write",
                "\(stderr)",
                "65536", "stderr", "drained", "tell", "written", "input",
            ], input: .descriptor(pipe.reading))
        close(pipe.reading)
        let isWritten = tree.wait(for: "written")
        tree.letGo()
        #expect(isWritten)
        let peak = try Peak(of: running)
        close(pipe.writing)
        #expect(try running.finish().report.number("stdout_bytes") == stdout)
        return peak
    }

    @Test func `With a cap of one mebibyte the peak does not grow with the output`() throws {
        let base = try peak([], stdout: 0)
        for keep in ["head", "tail", "both"] {
            let options = ["--max-output", "1M", "--keep", keep, "--encode", "none"]
            let small = try peak(options, stdout: 1 << 20)
            let large = try peak(options, stdout: keep == "head" ? 2 << 30 : 256 << 20)
            #expect(abs(large.bytes - small.bytes) <= mebibyte / 2, "\(keep): \(small) and \(large)")
            large.expect(atMost: 10 * mebibyte, beyond: base, keep)
        }
    }

    @Test(arguments: ["text", "base64"])
    func `Full caps and a report that is being written take the caps and eight mebibytes`(
        encoding: String
    ) throws {
        let place = try Workplace()
        let cap = 32 << 20
        // A report that nobody reads yet.
        let path = try place.fifo("report")
        let both = open(path, O_RDWR | O_CLOEXEC)
        let reading = open(path, O_RDONLY | O_CLOEXEC)
        let running = try start(
            "--max-output", "32M", "--encode", encoding, "--report", path, "--", Programs.misbehave, "write",
            "\(cap + 100)", "65536", "write", "\(cap + 100)", "65536", "stderr")
        // Should anything fail, it must not wait for its reader for ever.
        defer { running.killTree() }
        var set = pollfd(fd: reading, events: Int16(POLLIN), revents: 0)
        #expect(poll(&set, 1, Int32(patience * 1000)) == 1)
        // All but its end is read slowly enough to look again, when both streams have been encoded.
        var room = [UInt8](repeating: 0, count: 65536)
        var total = 0
        var peak = try Peak(of: running)
        let size = encoding == "base64" ? 2 * (cap / 3 * 4) : 2 * cap
        while total < size {
            let count = read(reading, &room, room.count)
            guard count > 0 else { break }
            total += count
            if total < size { peak = try Peak(of: running) }
        }
        #expect(total >= size)
        try peak.expect(atMost: 2 * cap + 8 * mebibyte, beyond: self.peak([], stdout: 0), encoding)
        #expect(peak.bytes >= 2 * cap, "the caps were not filled, and nothing was shown")
        close(both)
        while read(reading, &room, room.count) > 0 {}
        close(reading)
        #expect(try running.finish().code == 0)
    }

    @Test func `A cap costs nothing until it is filled`() throws {
        let small = try peak(["--max-output", "1k"], stdout: 10)
        let large = try peak(["--max-output", "1G", "--keep", "both"], stdout: 10)
        #expect(abs(large.bytes - small.bytes) <= mebibyte / 2)
    }

    /// The peak when all of a file was read for events and a report is being written that nobody reads.
    private func peak(events path: String) throws -> Peak {
        let place = try Workplace()
        let fifo = try place.fifo("report")
        let both = open(fifo, O_RDWR | O_CLOEXEC)
        defer { close(both) }
        let running = try start(
            "--events", "result", "--max-output", "1M", "--report", fifo, "--", "cat", path)
        defer { running.killTree() }
        var set = pollfd(fd: both, events: Int16(POLLIN), revents: 0)
        #expect(poll(&set, 1, Int32(patience * 1000)) == 1)
        return try Peak(of: running)
    }

    @Test func `Reading a transcript for events takes two mebibytes, however long it is`() throws {
        let place = try Workplace()
        let line = #"{"type":"item.completed","item":{"type":"tool","text":"@"}}"# + "\n"
        let lines = [100, 3000, 120_000].map {
            line.replacing("@", with: String(repeating: "text\\n", count: $0 / 6))
        }
        let some = lines.joined()
        for (name, times) in [("short", 12), ("long", 500)] {
            try place.write(String(repeating: some, count: times) + "{\"type\":\"result\"}\n", to: name)
        }
        let base = try peak(["--max-output", "1M", "--encode", "none"], stdout: 1 << 20)
        let small = try peak(events: place["short"])
        let large = try peak(events: place["long"])
        #expect(large.bytes - small.bytes <= mebibyte / 2, "\(small) and \(large)")
        #expect(large.bytes - base.bytes <= 2 * mebibyte, "\(base) and \(large)")
    }
}
