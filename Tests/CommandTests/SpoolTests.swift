import Foundation
import Testing

/// `--spool` and what it does when disks and people do not behave.
@Suite struct SpoolTests {
    private func spool(_ report: ReportView, _ stream: String = "stdout") throws -> [String: Any] {
        try #require(report["\(stream)_spool"] as? [String: Any])
    }

    private func contents(_ spool: [String: Any]) throws -> Data {
        try (spool["paths"] as? [String] ?? []).reduce(Data()) {
            try $0 + Data(contentsOf: URL(fileURLWithPath: $1))
        }
    }

    private func errorName(_ spool: [String: Any]) -> String? {
        (spool["error"] as? [String: Any])?["errno"] as? String
    }

    /// Waits for what comes by itself; false if it has not come in a long time.
    private func eventually(_ condition: () -> Bool) -> Bool {
        let deadline = Date().addingTimeInterval(2 * patience)
        while !condition() {
            if Date() > deadline { return false }
            usleep(2000)
        }
        return true
    }

    private static let bytes = Array((1...300_000).map { "\($0)\n" }.joined().utf8)
    /// Not kept: what a global `Data` refers to is lost to a checker of leaks.
    private static var numbers: Data { Data(bytes) }

    @Test(arguments: ["head", "tail", "both"])
    func `Both streams stand in files that the report names`(keep: String) throws {
        let place = try Workplace()
        let report = try drainRun(
            "--spool", place.path, "--max-spool", "100kB", "--keep", keep, "--encode", "none", "--", "sh",
            "-c",
            "seq 300000; echo oops >&2")
        let stdout = try spool(report)
        let kept = try contents(stdout)
        let offset = try #require(stdout["offset"] as? Int)
        #expect(
            stdout["error"] is NSNull && stdout["filter"] is NSNull && stdout["bytes"] as? Int == kept.count)
        #expect(kept == Self.numbers.dropFirst(offset).prefix(kept.count) && kept.count > 90_000)
        #expect(kept.count <= 100_000)
        #expect(offset == (keep == "tail" ? Self.numbers.count - kept.count : 0))
        #expect(try contents(spool(report, "stderr")) == Data("oops\n".utf8))
    }

    @Test func `The directory comes from the environment, and the option comes before it`() throws {
        let (place, other) = (try Workplace(), try Workplace())
        let environment = ["DRAIN_SPOOL_DIR": other.path]
        let one = try Running(Programs.drainRun, ["echo", "x"], environment: environment).finish()
        #expect(try contents(spool(one.report)) == Data("x\n".utf8) && other.names.count == 2)
        let two = try Running(
            Programs.drainRun, ["--spool", place.path, "echo", "x"], environment: environment
        ).finish()
        #expect(
            try spool(two.report)["bytes"] as? Int == 2 && place.names.count == 2 && other.names.count == 2)
    }

    @Test(arguments: ["", ".", "no/such", "/no/such/directory", "/etc/passwd"])
    func `A bad DRAIN_SPOOL_DIR gives one warning and no spool`(value: String) throws {
        let finished = try Running(
            Programs.drainRun, ["echo", "x"], environment: ["DRAIN_SPOOL_DIR": value]
        ).finish()
        #expect(try finished.report.isNull("stdout_spool") && finished.report.isNull("stderr_spool"))
        #expect(try finished.report.text("stdout") == "x\n" && finished.report.exitCode == 0)
        let lines = finished.stderr.split(separator: "\n")
        #expect(lines.count == 1 && lines[0].contains("DRAIN_SPOOL_DIR"), "\(finished.stderr)")
    }

    @Test(arguments: ["", "no/such", "/no/such/directory", "/etc/passwd", "/proc/self"])
    func `A bad directory as an option starts nothing`(value: String) throws {
        let place = try Workplace()
        let finished = try run("--spool", value, "--", "touch", place["started"])
        #expect(finished.code == 125 && finished.stdout.isEmpty && !place.exists("started"))
        let lines = finished.stderr.split(separator: "\n")
        #expect(
            lines.count == 1 && lines[0].contains("--spool") && lines[0].contains("'\(value)'"), "\(lines)")
    }

    @Test func `Without a spool its cap says nothing, and a cap of nothing keeps nothing`() throws {
        let report = try drainRun("--max-spool", "0", "--", "echo", "x")
        #expect(report.isNull("stdout_spool"))
        let place = try Workplace()
        for keep in ["head", "tail"] {
            let none = try spool(
                drainRun("--spool", place.path, "--max-spool", "0", "--keep", keep, "--", "echo", "x"))
            #expect((none["paths"] as? [String]) == [] && none["bytes"] as? Int == 0)
            #expect(none["error"] is NSNull)
        }
    }

    /// The size of a file that we may write does not bind the command.
    @Test func `A limit on the size of our files ends the spool, and nothing else`() throws {
        let place = try Workplace()
        let line = "ulimit -f 100; exec \"$0\" --spool \(place.path) --encode none -- \"$@\""
        let finished = try Running(
            "/bin/bash", ["-c", line, Programs.drainRun, "sh", "-c", "seq 300000; exit 7"]
        ).finish()
        let report = try finished.report
        let stdout = try spool(report)
        #expect(finished.code == 7 && report.number("stdout_bytes") == Self.numbers.count)
        #expect(errorName(stdout) == "EFBIG" && stdout["bytes"] as? Int == 100 << 10)
        #expect(try contents(stdout) == Self.numbers.prefix(100 << 10))
    }

    /// A file system of one mebibyte, in a mount namespace of its own.
    @Test(.enabled(if: getuid() == 0, "mount(2) takes root"), arguments: ["head", "tail"])
    func `A full disk ends the spool, what is there is good, and the command knows nothing of it`(
        keep: String
    ) throws {
        let place = try Workplace()
        let line = """
            mount -t tmpfs -o size=1m none \(place.path) || exit 99
            "$0" --spool \(place.path) --keep \(keep) --max-output 1000 -- sh -c 'seq 300000; echo e >&2; exit 7'
            echo $? >&2
            cat \(place.path)/*.stdout.* >&2
            grep -q '"finished":true' \(place.path)/*.json && echo finished >&2
            """
        let finished = try Running(
            "/usr/bin/unshare", ["-m", "/bin/sh", "-c", line, Programs.drainRun]
        ).finish()
        let report = try finished.report
        let stdout = try spool(report)
        let bytes = try #require(stdout["bytes"] as? Int)
        #expect(errorName(stdout) == "ENOSPC" && bytes > 900_000 && report.exitCode == 7)
        #expect(report.number("stdout_bytes") == Self.numbers.count)
        let offset = try #require(stdout["offset"] as? Int)
        let good = String(decoding: Self.numbers.dropFirst(offset).prefix(bytes), as: UTF8.self)
        #expect(finished.stderr == "7\n" + good + "finished\n" && offset == 0)
    }

    @Test func `SIGKILL leaves readable parts and what says that they are unfinished`() throws {
        let place = try Workplace()
        let tree = try Reader(fifo: place.fifo("tree"))
        let running = try Running(
            Programs.drainRun,
            [
                "--spool", place.path, "--", Programs.misbehave, "hold", place["tree"], "write", "200000",
                "1000",
                "drained", "tell", "written", "pause",
            ])
        #expect(tree.wait(for: "written"))
        let parts = { place.names.filter { $0.contains(".stdout.") } }
        let isThere = eventually { (try? parts().first.map { try place.bytes($0).count }) == 200_000 }
        #expect(isThere)
        running.killTree()
        _ = try? running.finish()
        let sidecar = try #require(place.names.first { $0.hasSuffix(".json") })
        let object = try JSONSerialization.jsonObject(with: Data(place.bytes(sidecar))) as? [String: Any]
        #expect(object?["finished"] as? Bool == false && parts().count == 1)
        tree.letGo()
    }

    @Test func `A time limit holds though the disk takes nothing any more`() throws {
        let report = try withFrozenDisk { disk, place in
            let line = "fsfreeze -f \(disk); seq 100000000"
            let running = try Running(
                Programs.drainRun,
                [
                    "--spool", disk, "--encode", "none", "-t", "1", "--report", place["report"], "sh", "-c",
                    line,
                ])
            // It ends only when the disk answers, since a thread of it waits there; the report does not.
            #expect(eventually { place.exists("report") })
            #expect(!running.hasEnded)
            return (running, try ReportView(file: place["report"]))
        }
        guard let report else { return }
        #expect(report.outcome == "timed_out" && report.number("duration_ms") ?? 0 < 20_000)
        let stdout = try spool(report)
        #expect(errorName(stdout) == "ETIMEDOUT" && stdout["bytes"] as? Int == 0)
    }

    @Test func `A disk that takes nothing any more is given up where that is asked for`() throws {
        let report = try withFrozenDisk { disk, place in
            let line = "fsfreeze -f \(disk); seq 1000000; fsfreeze -u \(disk); exit 3"
            let running = try Running(
                Programs.drainRun,
                [
                    "--spool", disk, "--spool-slow", "give-up", "--encode", "none", "--report",
                    place["report"],
                    "sh", "-c", line,
                ])
            #expect(eventually { place.exists("report") })
            return (running, try ReportView(file: place["report"]))
        }
        guard let report else { return }
        #expect(report.exitCode == 3 && report.number("stdout_bytes") == 6_888_896)
        let stdout = try spool(report)
        let bytes = try #require(stdout["bytes"] as? Int)
        #expect(errorName(stdout) == "ETIMEDOUT" && bytes > 0 && bytes < 6_888_896, "\(stdout)")
    }

    /// A file system on a file, for root where there are loop devices; nil elsewhere. Thawed and gone afterwards.
    private func withFrozenDisk(
        _ body: (String, Workplace) throws -> (Running, ReportView)
    ) throws -> ReportView? {
        let place = try Workplace()
        let disk = place["disk"]
        func shell(_ line: String) throws -> Int32? { try Running("/bin/sh", ["-c", line]).finish().code }
        let making = """
            mkdir \(disk) && truncate -s 16M \(disk).img && mkfs.ext4 -q \(disk).img &&
            mount -o loop \(disk).img \(disk)
            """
        guard try getuid() == 0 && shell(making) == 0 else {
            print("skipped: no file system can be mounted here")
            return nil
        }
        defer { _ = try? shell("umount \(disk)") }
        let (running, report): (Running, ReportView)
        do {
            defer { _ = try? shell("fsfreeze -u \(disk) 2>&1") }
            (running, report) = try body(disk, place)
        }
        _ = try running.finish()
        return report
    }

    @Test func `A filter gets each stream, and what it makes of it is on disk`() throws {
        let place = try Workplace()
        let report = try drainRun(
            "--spool", place.path, "--spool-filter", "gzip", "--keep", "tail", "--max-output", "100", "--",
            "sh",
            "-c", "seq 300000; echo oops >&2")
        for (stream, whole) in [("stdout", Self.numbers), ("stderr", Data("oops\n".utf8))] {
            let spool = try spool(report, stream)
            #expect(spool["filter"] as? String == "gzip" && spool["bytes"] as? Int == whole.count)
            let path = try #require((spool["paths"] as? [String])?.first)
            #expect(path.hasSuffix(".\(stream).00000000000000000000.filtered") && spool["error"] is NSNull)
            let plain = try Running("/usr/bin/env", ["zcat"], input: .file(path, O_RDONLY)).finish()
            #expect(Data(plain.stdout) == whole)
        }
        #expect(report.number("stdout_bytes") == Self.numbers.count && report.exitCode == 0)
        #expect(report.isNull("kill_method") && report.survivors == [])
    }

    @Test(arguments: [
        ("exit 3", "EIO", "ended with 3"), ("kill -9 $$", "EIO", "signal 9"),
        ("cat >/dev/null; echo so what >&2; exit 1", "EIO", "so what"),
        ("no-such-program", "EIO", "not found"), ("cat /dev/zero", "EFBIG", "more than there may be"),
        ("yes >&2 | exit 1", "EIO", "ended with 1"),
    ])
    func `A filter that fails is told of, and disturbs nobody`(
        line: String, errno: String, words: String
    ) throws {
        let place = try Workplace()
        let report = try drainRun(
            "--spool", place.path, "--max-spool", "1M", "--spool-filter", line, "--encode", "none", "--",
            "sh",
            "-c", "seq 300000; exit 5")
        #expect(report.exitCode == 5 && report.number("stdout_bytes") == Self.numbers.count)
        #expect(report.isNull("kill_method"))
        let stdout = try spool(report)
        #expect(errorName(stdout) == errno && stdout["bytes"] as? Int == 0, "\(stdout)")
        #expect(stdout["paths"] as? [String] == [])
        let message = (stdout["error"] as? [String: Any])?["message"] as? String
        #expect(message?.contains(words) == true, "\(message ?? "")")
        let file = try #require(place.names.first { $0.contains(".stdout.") })
        #expect(message?.hasSuffix("; what it wrote, if anything, is in \(place.path)/\(file)") == true)
    }

    @Test func `A filter that leaves early has what it took`() throws {
        let place = try Workplace()
        let report = try drainRun(
            "--spool", place.path, "--spool-filter", "dd bs=100 count=1 status=none", "--", "seq", "300000")
        let stdout = try spool(report)
        #expect(errorName(stdout) == "EPIPE" && stdout["bytes"] as? Int == 100)
        #expect(try contents(stdout) == Self.numbers.prefix(100))
    }

    @Test func `A filter that never ends is ended with its group, and the time limit holds`() throws {
        let place = try Workplace()
        let line = "echo $$ >\(place["pid"]); sleep 600 & exec sleep 600"
        let report = try drainRun(
            "--spool", place.path, "--spool-filter", line, "-t", "1", "--encode", "none", "--",
            Programs.misbehave, "write", "100000000", "65536")
        #expect(report.outcome == "timed_out" && report.survivors == [])
        #expect(errorName(try spool(report)) == "ETIMEDOUT")
        let group = try #require(Int32(String(decoding: place.bytes("pid"), as: UTF8.self).dropLast()))
        #expect(eventually { kill(-group, 0) != 0 && errno == ESRCH })
    }

    @Test func `Wrong values are refused with the right ones`() throws {
        for (option, value) in [("--max-spool", "-1"), ("--max-spool", "x"), ("--spool-slow", "maybe")] {
            let finished = try run(option, value, "--", "true")
            #expect(finished.code == 125 && finished.stderr.contains(option) && finished.stdout.isEmpty)
        }
    }
}
