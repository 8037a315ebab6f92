import CDrain
import Foundation
import Testing

@testable import Drain

extension SpoolReport {
    /// The parts, put together.
    var contents: [UInt8] {
        get throws {
            try files.paths.reduce(into: []) { bytes, path in
                bytes += Array(try Data(contentsOf: URL(fileURLWithPath: path.description)))
            }
        }
    }
}

/// A directory to spool to, gone with its owner.
final class SpoolPlace {
    let path = FileManager.default.temporaryDirectory.path + "/drain-spool-" + UUID().uuidString
    var names: [String] { (try? FileManager.default.contentsOfDirectory(atPath: path))?.sorted() ?? [] }
    init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }
    deinit { try? FileManager.default.removeItem(atPath: path) }

    func spool(_ bytes: Int = Spool.defaultBytes, _ whenSlow: Spool.WhenSlow = .wait) -> Spool {
        Spool(directory: OSString(path), maxBytes: bytes, whenSlow: whenSlow)
    }

    func file(_ name: String, of size: Int, seed: UInt64) throws -> [UInt8] {
        var dice = Dice(seed: seed)
        let bytes = (0..<size / 8 + 1).flatMap { _ in
            withUnsafeBytes(of: dice.next()) { Array($0) }
        }.prefix(size)
        try Data(bytes).write(to: URL(fileURLWithPath: path + "/" + name))
        return Array(bytes)
    }
}

@Suite struct SpoolTests {
    /// The parts are the stream from `offset` on, and on disk is what may be there and nothing else.
    private func expect(
        _ spool: SpoolReport?, _ stream: [UInt8], _ cap: Int, _ keep: Limits.Keep,
        at location: SourceLocation = #_sourceLocation
    ) throws {
        let spool = try #require(spool, sourceLocation: location)
        let contents = try spool.contents
        #expect(spool.error == nil && contents.count == spool.files.bytes, sourceLocation: location)
        let end = spool.files.offset + contents.count
        let isExact =
            Array(stream[min(spool.files.offset, stream.count)..<min(end, stream.count)]) == contents
        #expect(isExact, "cap \(cap) of \(stream.count): \(spool)", sourceLocation: location)
        if keep == .tail, cap > 0 {
            #expect(end == stream.count && contents.count <= cap, sourceLocation: location)
            // The oldest part goes whole, and is a sixteenth.
            let least = min(stream.count, cap - max(1, cap / 16) + 1)
            #expect(contents.count >= least, "cap \(cap): \(spool)", sourceLocation: location)
        } else {
            let isHead = spool.files.offset == 0 && contents.count == min(cap, stream.count)
            #expect(isHead, "cap \(cap) of \(stream.count): \(spool)", sourceLocation: location)
        }
        for path in spool.files.paths {
            #expect(path.description.hasPrefix("/"), sourceLocation: location)
            let mode = try FileManager.default.attributesOfItem(atPath: path.description)[.posixPermissions]
            #expect(mode as? Int == 0o600, sourceLocation: location)
        }
    }

    @Test(arguments: Limits.Keep.allCases)
    func `The parts are what both streams carried, at sizes around every cap`(keep: Limits.Keep) throws {
        let place = try SpoolPlace()
        let inputs = try SpoolPlace()
        var dice = Dice(seed: 5)
        for (round, size) in [0, 1, 15, 16, 17, 4095, 65536, 65537, 300_001].enumerated() {
            let stdout = try inputs.file("out", of: size, seed: UInt64(round))
            let stderr = try inputs.file("err", of: dice.roll(0...60_000), seed: UInt64(round + 100))
            for cap in [0, 1, 15, 31, size - 1, size, size + 1, size / 3, 1 << 30] where cap >= 0 {
                let kept = dice.pick([0, 1, 1000, 65536, 1 << 20, 8 << 20])
                let piece = dice.pick([911, 4096, 65536, 1 << 20])
                if size / piece > 2000 { continue }
                let report = try Command.shell(
                    """
                    dd if=\(inputs.path)/out bs=\(piece) status=none &
                    dd if=\(inputs.path)/err bs=5003 status=none >&2; wait
                    """
                ).runBlocking(
                    limits: Limits(bytes: kept, keep: keep, cut: .byte),
                    timeouts: Timeouts(wall: .seconds(120)), spool: place.spool(cap))
                #expect(report.exitCode == 0)
                try expect(report.stdoutSpool, stdout, cap, keep)
                try expect(report.stderrSpool, stderr, cap, keep)
                let captured = Array(report.stdout.bytes) == CoreTests.expected(stdout, kept, keep)
                #expect(captured, "\(kept) kept of \(size)")
                #expect(report.stdout.totalCount == size && report.stderr.totalCount == stderr.count)
                let files = [report.stdoutSpool, report.stderrSpool].compactMap { $0?.files.paths.count }
                #expect(place.names.count == files.reduce(1, +))
                for name in place.names {
                    try FileManager.default.removeItem(atPath: place.path + "/" + name)
                }
            }
        }
    }

    @Test func `Events are read from what is spooled, and nothing is changed by either`() throws {
        let place = try SpoolPlace()
        let report = try Command.shell(
            #"for i in $(seq 300); do echo "{\"type\":\"a\",\"n\":$i}"; seq 400 | tr '\n' ' '; echo; done"#
        ).runBlocking(
            limits: Limits(bytes: 1000, keep: .tail), events: EventFilter(types: ["a"]),
            spool: place.spool(200_000))
        let whole = (1...300).map { n in
            "{\"type\":\"a\",\"n\":\(n)}\n" + (1...400).map { "\($0) " }.joined() + "\n"
        }.joined()
        try expect(report.stdoutSpool, Array(whole.utf8), 200_000, .tail)
        #expect(report.events?.count == 300 && report.stdout.totalCount == whole.utf8.count)
    }

    @Test func `A page of what was spooled is the page of the stream`() throws {
        let place = try SpoolPlace()
        let report = try Command("seq", "200000").runBlocking(
            limits: Limits(bytes: 10, keep: .tail), spool: place.spool(500_000))
        let spool = try #require(report.stdoutSpool)
        let reader = try PageReader(spool.files, streamBytes: report.stdout.totalCount)
        #expect(try reader.page(.lines(from: -2, count: 2)).text == "199999\n200000\n")
    }

    @Test
    func `While it runs the file beside the parts says what they are, and afterwards what became of them`()
        throws
    {
        let place = try SpoolPlace()
        let report = try Command.shell("cat \(place.path)/*.json; ls \(place.path)").runBlocking(
            limits: Limits(keep: .both), spool: place.spool(12345))
        let lines = report.stdout.text.split(separator: "\n", maxSplits: 1)
        let during = try #require(JSONSerialization.jsonObject(with: Data(lines[0].utf8)) as? [String: Any])
        #expect(during["finished"] as? Bool == false && during["stdout"] is NSNull)
        #expect(during["max_bytes"] as? Int == 12345 && during["keep"] as? String == "both")
        #expect(during["pid"] as? Int32 == getpid() && (during["command"] as? [String])?.first == "/bin/sh")
        let run = try #require(during["run"] as? String)
        #expect(run.wholeMatch(of: /drain-\d{8}T\d{9}Z-\d+-[0-9a-f]{8}/) != nil, "\(run)")
        let part = "\(run).stdout.00000000000000000000"
        #expect(place.names == [run + ".json", part])
        let sidecar = try Data(contentsOf: URL(fileURLWithPath: place.path + "/" + run + ".json"))
        let after = try #require(JSONSerialization.jsonObject(with: sidecar) as? [String: Any])
        let stdout = try #require(after["stdout"] as? [String: Any])
        #expect(after["finished"] as? Bool == true && stdout["paths"] as? [String] == [part])
        #expect(stdout["bytes"] as? Int == report.stdout.totalCount && stdout["error"] is NSNull)
    }

    @Test
    func `A directory or a part that is removed while the command runs is told of, and disturbs nobody`()
        throws
    {
        let place = try SpoolPlace()
        let line = "seq 20000; sleep 0.1; rm -r \(place.path); seq 20000; exit 3"
        let report = try Command.shell(line).runBlocking(spool: place.spool())
        #expect(report.exitCode == 3 && report.stdout.totalCount == 2 * CoreTests.numbers.count)
        #expect(report.stdoutSpool?.error?.errno == .notFound)
        #expect(report.stdoutSpool?.files.paths == [] && report.stdoutSpool?.files.bytes == 0)

        let other = try SpoolPlace()
        let shorter = "seq 20000; sleep 0.1; rm $(ls \(other.path)/*.stdout.* | sed -n 3p); seq 3000"
        let tail = try Command.shell(shorter).runBlocking(
            limits: Limits(keep: .tail), spool: other.spool(160_000))
        let spool = try #require(tail.stdoutSpool)
        #expect(spool.error?.errno == .notFound && spool.files.bytes > 0)
        let stream = CoreTests.numbers + Array((1...3000).map { "\($0)\n" }.joined().utf8)
        let contents = try spool.contents
        #expect(contents == Array(stream.suffix(contents.count)) && contents.count == spool.files.bytes)
        #expect(spool.files.offset + contents.count == stream.count)
    }

    @Test func `A link that somebody planted is not followed, and what it leads to is untouched`() throws {
        let place = try SpoolPlace()
        let victim = try SpoolPlace()
        let bytes = try victim.file("precious", of: 100, seed: 1)
        // Nobody can guess the name before the sidecar is there; afterwards it is no secret.
        let line = """
            cd \(place.path); run=$(basename *.json .json)
            ln -s \(victim.path)/precious $run.stdout.00000000000000000000
            echo hello; echo error >&2
            """
        let report = try Command.shell(line).runBlocking(spool: place.spool())
        #expect(report.stdout.text == "hello\n" && report.exitCode == 0)
        #expect(report.stdoutSpool?.error?.errno.name == "EEXIST" && report.stdoutSpool?.files.paths == [])
        #expect(report.stderrSpool?.error == nil && report.stderrSpool?.files.bytes == 6)
        #expect(try Data(contentsOf: URL(fileURLWithPath: victim.path + "/precious")) == Data(bytes))
    }

    @Test func `Nothing is left of a command that could not be started, or of a directory that is none`()
        throws
    {
        let place = try SpoolPlace()
        #expect(throws: DrainError.self) {
            try Command("/no/such/program").runBlocking(spool: place.spool())
        }
        #expect(place.names == [])
        for path in ["/no/such/directory", "/etc/passwd", "", "a\0b"] {
            let error = #expect(throws: DrainError.self) {
                try Command("true").runBlocking(spool: Spool(directory: OSString(path)))
            }
            #expect(error?.kind == .spool)
        }
    }

    /// However it is read, a byte goes everywhere once.
    @Test(arguments: LiveOptions.Overflow.allCases, Limits.Keep.allCases)
    func `A stream that is read live, kept and searched for events is spooled whole`(
        overflow: LiveOptions.Overflow, keep: Limits.Keep
    ) async throws {
        let place = try SpoolPlace()
        let whole = (1...20_000).map { "{\"type\":\"\($0 % 5_000 == 0 ? "t" : "u")\",\"n\":\($0)}\n" }
            .joined()
        let file = place.path + "/lines"
        try Data(whole.utf8).write(to: URL(fileURLWithPath: file))
        for cap in [Spool.defaultBytes, 100_000] {
            let done = try await Command("cat", file).withRun(
                live: LiveOptions(bufferBytes: 8192, overflow: overflow),
                limits: Limits(bytes: 1000, keep: keep, cut: .byte), timeouts: Live.timeouts,
                events: EventFilter(types: ["t"]), spool: place.spool(cap)
            ) { run in
                var bytes = 0
                for await chunk in run.bytes(.stdout) { bytes += chunk.count }
                return bytes
            }
            #expect(try done.get() + done.droppedCount(.stdout) == whole.utf8.count)
            #expect(done.report.stdout.totalCount == whole.utf8.count)
            let (head, tail) = [Limits.Keep.head: (1000, 0), .tail: (0, 1000), .both: (500, 500)][keep]!
            #expect(Array(done.report.stdout.bytes) == whole.utf8.prefix(head) + whole.utf8.suffix(tail))
            #expect(done.report.events?.count == 4)
            try expect(done.report.stdoutSpool, Array(whole.utf8), cap, keep)
        }
    }

    @Test func `Runs on the loops' threads spool as well, many at once`() async throws {
        let place = try SpoolPlace()
        let path = place.path
        let runner = Runner(maxRunning: 12)
        try await withThrowingTaskGroup(of: (Int, Report).self) { group in
            for index in 1...40 {
                group.addTask {
                    let command = Command("seq", "\(index * 10000)")
                    let spool = Spool(directory: OSString(path))
                    return (index, try await runner.run(command, limits: Limits(bytes: 100), spool: spool))
                }
            }
            for try await (index, report) in group {
                let whole = Array((1...index * 10000).map { "\($0)\n" }.joined().utf8)
                try expect(report.stdoutSpool, whole, Spool.defaultBytes, .head)
            }
        }
        #expect(Runner.cost(of: Limits(), spool: place.spool()) > Runner.cost(of: Limits()))
    }

    @Test func `Many spools at once wait for descriptors, and do not run out of them`() async {
        await #expect(processExitsWith: .success) {
            var limit = rlimit()  // 7 is RLIMIT_NOFILE
            getrlimit(__rlimit_resource_t(UInt32(7)), &limit)
            limit.rlim_cur = 256
            setrlimit(__rlimit_resource_t(UInt32(7)), &limit)
            let place = try SpoolPlace()
            let spool = place.spool()
            let runner = Runner()
            try await withThrowingTaskGroup(of: Report.self) { group in
                for _ in 0..<60 {
                    group.addTask { try await runner.run(.shell("seq 1000; sleep 0.1"), spool: spool) }
                }
                for try await report in group { #expect(report.stdoutSpool?.files.bytes == 3893) }
            }
        }
    }

    @Test func `A run that is cancelled has its spool up to there`() async throws {
        let place = try SpoolPlace()
        let runner = Runner()
        let spool = place.spool(1 << 20)
        let task = Task {
            try await runner.run(
                Command("cat", "/dev/zero"), limits: Limits(bytes: 100, keep: .tail), spool: spool)
        }
        try await eventually(runner) { $0.bytesSeen >= 20 << 20 }
        task.cancel()
        let report = try await task.value
        let files = try #require(report.stdoutSpool?.files)
        #expect(report.outcome == .cancelled && files.offset + files.bytes == report.stdout.totalCount)
        #expect(try report.stdoutSpool?.contents == [UInt8](repeating: 0, count: files.bytes))
    }
}
