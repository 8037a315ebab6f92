import Foundation
import Testing

/// Where the report goes.
@Suite struct ReportDestinationTests {
    @Test func `A report in a file leaves standard output alone`() throws {
        let place = try Workplace()
        let finished = try run("--report", place["report"], "--", "echo", "hello")
        #expect(finished.code == 0)
        #expect(finished.stdout.isEmpty)
        #expect(try ReportView(file: place["report"]).text("stdout") == "hello\n")
        #expect(place.names == ["report"])
    }

    @Test func `A report's file is replaced whole, whoever reads meanwhile`() throws {
        let place = try Workplace()
        let path = place["report"]
        let write = [
            "--max-output", "2M", "--report", path, "--", Programs.misbehave, "write", "2000000", "65536",
        ]
        _ = try Running(Programs.drainRun, write).finish()
        // A reader with an open file keeps the old one, whole.
        let old = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
        let running = try (0..<5).map { _ in try Running(Programs.drainRun, write) }
        let deadline = Date().addingTimeInterval(patience)
        while !running.allSatisfy(\.hasEnded), Date() < deadline {
            #expect(try ReportView(file: path).number("stdout_bytes_kept") == 2_000_000)
        }
        for one in running { #expect(try one.finish().code == 0) }
        #expect(try ReportView(Array(old.readToEnd() ?? Data())).number("stdout_bytes") == 2_000_000)
        #expect(place.names == ["report"])
    }

    @Test func `Behind a symbolic link the target is replaced, and its mode kept`() throws {
        let place = try Workplace()
        try FileManager.default.createDirectory(atPath: place["deep"], withIntermediateDirectories: false)
        try place.write("old", to: "deep/target", mode: 0o640)
        try FileManager.default.createSymbolicLink(atPath: place["link"], withDestinationPath: "deep/target")
        #expect(try run("--report", place["link"], "--", "true").code == 0)
        #expect(try FileManager.default.destinationOfSymbolicLink(atPath: place["link"]) == "deep/target")
        #expect(try ReportView(file: place["deep/target"]).exitCode == 0)
        let mode = try FileManager.default.attributesOfItem(atPath: place["deep/target"])[.posixPermissions]
        #expect(mode as? Int == 0o640)
    }

    @Test func `A new file has the mode of the umask`() throws {
        let place = try Workplace()
        let line = "umask 027; exec \"$0\" --report \"$1\" -- true"
        let finished = try Running("/bin/sh", ["-c", line, Programs.drainRun, place["report"]]).finish()
        #expect(finished.code == 0)
        let mode = try FileManager.default.attributesOfItem(atPath: place["report"])[.posixPermissions]
        #expect(mode as? Int == 0o640)
    }

    @Test func `A file's name may be relative, and --chdir does not move it`() throws {
        let place = try Workplace()
        let line = "cd \"$1\" && exec \"$0\" -C / --report here -- pwd"
        let finished = try Running("/bin/sh", ["-c", line, Programs.drainRun, place.path]).finish()
        #expect(finished.code == 0)
        #expect(try ReportView(file: place["here"]).text("stdout") == "/\n")
    }

    @Test func `A destination that cannot be written is refused before the command starts`() throws {
        let place = try Workplace()
        try place.write("", to: "file")
        var names = ["missing/report", "file/report", ""].map { place[$0] }
        if geteuid() != 0 {
            try FileManager.default.createDirectory(
                atPath: place["locked"], withIntermediateDirectories: false,
                attributes: [.posixPermissions: 0o555])
            names.append(place["locked/report"])
        }
        for name in names {
            let finished = try run("--report", name, "--", "touch", place["started"])
            #expect(finished.code == 125, "\(name)")
            #expect(finished.stdout.isEmpty)
            #expect(finished.stderr.contains(name))
            #expect(!place.exists("started"), "\(name)")
        }
    }

    @Test func `A command that takes away the directory costs the report and says so`() throws {
        let place = try Workplace()
        try FileManager.default.createDirectory(atPath: place["gone"], withIntermediateDirectories: false)
        let finished = try run("--report", place["gone/report"], "--", "rmdir", place["gone"])
        #expect(finished.code == 125)
        #expect(finished.stderr.contains("gone/report"))
    }

    @Test func `A device is written to and not replaced`() throws {
        #expect(try run("--report", "/dev/null", "--", "true").code == 0)
        var status = stat()
        #expect(stat("/dev/null", &status) == 0)
        #expect(status.st_mode & S_IFMT == S_IFCHR)
        let full = try run("--report", "/dev/full", "--", "true")
        #expect(full.code == 125)
        #expect(full.stderr.contains("No space left on device"))
        #expect(full.stdout.isEmpty)
    }

    @Test func `A FIFO is written to and not replaced`() throws {
        let place = try Workplace()
        let reader = try Reader(fifo: place.fifo("fifo"))
        let finished = try run("--report", place["fifo"], "--", "echo", "hello")
        reader.letGo()
        #expect(finished.code == 0)
        #expect(reader.waitForEnd())
        #expect(try ReportView(reader.bytes).text("stdout") == "hello\n")
        var status = stat()
        #expect(stat(place["fifo"], &status) == 0)
        #expect(status.st_mode & S_IFMT == S_IFIFO)
    }

    @Test func `A descriptor takes the report, and is not the command's`() throws {
        let pipe = try makePipe()
        let reader = Reader(pipe.reading)
        let finished = try run(
            "--report", "fd:7", "--", Programs.misbehave, "state", extra: [7: pipe.writing])
        close(pipe.writing)
        #expect(finished.code == 0)
        #expect(finished.stdout.isEmpty)
        #expect(reader.waitForEnd())
        #expect(try ReportView(reader.bytes).text("stdout")?.contains("fd 7") == false)
    }

    @Test(arguments: ["fd:0", "fd:9", "fd:1000", "fd:8"])
    func `A descriptor that is not open for writing is refused`(name: String) throws {
        let place = try Workplace()
        let readable = open("/dev/null", O_RDONLY | O_CLOEXEC)
        defer { close(readable) }
        let finished = try run(
            "--report", name, "--", "touch", place["started"], input: .file("/dev/null", O_RDONLY),
            extra: [8: readable])
        #expect(finished.code == 125)
        #expect(finished.stdout.isEmpty)
        #expect(finished.stderr.contains(name))
        #expect(!place.exists("started"))
    }

    @Test func `Two is standard error`() throws {
        let finished = try run("--report", "fd:2", "--", "echo", "hello")
        #expect(finished.stdout.isEmpty)
        #expect(try ReportView(finished.stderrBytes).text("stdout") == "hello\n")
    }

    @Test func `A reader of the report that is slow gets all of it`() throws {
        let place = try Workplace()
        // Nobody reads before the writer is seen to wait: its pipe has no more room.
        let pipe = try makePipe()
        let running = try start(
            "--", Programs.misbehave, "write", "1000000", "65536", output: .descriptor(pipe.writing))
        close(pipe.writing)
        var set = pollfd(fd: pipe.reading, events: Int16(POLLIN), revents: 0)
        #expect(poll(&set, 1, Int32(patience * 1000)) == 1)
        #expect(!running.hasEnded)
        let reader = Reader(pipe.reading)
        #expect(try running.finish().code == 0)
        #expect(reader.waitForEnd())
        #expect(try ReportView(reader.bytes).text("stdout")?.utf8.count == 1_000_000)
        #expect(place.names.isEmpty)
    }

    @Test func `Two drain-runs nest`() throws {
        let outer = try drainRun("--", Programs.drainRun, "--", "sh", "-c", "echo inner; exit 9")
        #expect(outer.code == 9)
        let inner = try ReportView(Array(try #require(outer.text("stdout")).utf8))
        #expect(inner.text("stdout") == "inner\n")
        #expect(inner.exitCode == 9)
    }
}
