import Foundation
import Testing

@testable import Drain

/// A directory with files as runs leave them.
private final class Spools {
    let path: String
    var directory: SpoolStore { SpoolStore(OSString(path)) }

    init() throws {
        path = NSTemporaryDirectory() + "/drain-spools-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    subscript(name: String) -> String { path + "/" + name }
    var names: Set<String> { Set((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []) }

    func write(_ name: String, _ count: Int = 0, age: Int = 0) throws {
        try write(name, text: String(repeating: "x", count: count), age: age)
    }

    func write(_ name: String, text: String, age: Int = 0) throws {
        try Data(text.utf8).write(to: URL(fileURLWithPath: self[name]))
        let time = timespec(tv_sec: Foundation.time(nil) - age, tv_nsec: 0)
        try #require(utimensat(AT_FDCWD, self[name], [time, time], 0) == 0)
    }

    /// A run of one part.
    func run(_ name: String, _ count: Int, age: Int = 0) throws {
        try write(name + ".stdout.00000000000000000000", count, age: age)
        try write(name + ".json", text: sidecar, age: age)
    }

    let sidecar =
        "{\"type\":\"drain.spool\",\"command\":[\"make\",\"-j8\"],\"filter\":null,\"finished\":true}\n"
}

private func name(_ day: Int, _ number: Int = 0) -> String {
    let digits = String(number, radix: 16)
    return "drain-202601\(day < 10 ? "0" : "")\(day)T000000000Z-4711-"
        + String(repeating: "0", count: 8 - digits.count) + digits
}

@Suite struct SpoolStoreTests {
    @Test func `What a run left is told by its files`() throws {
        let spools = try Spools()
        try spools.write(name(2) + ".stdout.00000000000000000100", 10)
        try spools.write(name(2) + ".stdout.00000000000000000110", 5)
        try spools.write(name(2) + ".stderr.00000000000000000000", 7)
        try spools.write(name(2) + ".json", text: spools.sidecar)
        try spools.run(name(1), 3)
        let runs = try spools.directory.runs()
        #expect(runs.map(\.name) == [name(1), name(2)])
        #expect(runs[1].startedAt.description == "2026-01-02T00:00:00.000Z")
        #expect(runs[1].state == .finished)
        #expect(runs[1].command == ["make", "-j8"])
        #expect(runs[1].filter == nil)
        #expect(runs[1].bytes == 22 + spools.sidecar.utf8.count)
        let files = try #require(runs[1].stdout)
        #expect(files.offset == 100)
        #expect(files.bytes == 15)
        #expect(
            files.paths.map(\.description)
                == ["100", "110"].map { spools[name(2) + ".stdout.00000000000000000\($0)"] })
        #expect(runs[1].stderr?.bytes == 7)
        #expect(runs[0].stderr == nil)
        #expect(try PageReader(files).page(.bytes(from: 98, count: 20)).missing == 2)
    }

    @Test func `Of parts with a gap between them the last count, since the oldest go first`() throws {
        let spools = try Spools()
        for (offset, count) in [(0, 10), (20, 10), (30, 5)] {
            try spools.write(name(1) + ".stdout.000000000000000000\(offset < 10 ? "0" : "")\(offset)", count)
        }
        let files = try #require(try spools.directory.runs().first?.stdout)
        #expect(files.offset == 20)
        #expect(files.bytes == 15)
    }

    @Test(arguments: [
        "notes.txt", ".json", "drain-.json", "drain-20260101T000000000Z-4711-0000000g.json",
        "drain-20260230T000000000Z-4711-00000000.json", "drain-20260101T240000000Z-4711-00000000.json",
        "drain-20260101T000000000Z-0-00000000.json", "drain-20260101T000000000Z-4711-00000000.stdout.0",
        "drain-20260101T000000000Z-4711-00000000.stdin.00000000000000000000",
        "drain-20260101T000000000Z-4711-00000000.stdout.99999999999999999999",
        "drain-20260101T000000000Z-4711-00000000.stdout.+0000000000000000000",
        "drain-20260101T000000000Z-4711-00000000.stdout.00000000000000000000.gz",
        "drain-20260101T000000000Z-4711-00000000.json.bak", "drain-20260101T000000000Z-4711-00000000",
        ".drain-20260101T000000000Z-4711-00000000.stdout.00000000000000000000.tmp",
        "xdrain-20260101T000000000Z-4711-00000000.json",
    ])
    func `Other files are not seen and not touched`(other: String) throws {
        let spools = try Spools()
        try spools.write(other, 100, age: 1_000_000)
        #expect(try spools.directory.runs().isEmpty)
        #expect(try spools.directory.prune(maxAge: .zero, maxBytes: 0).removed.isEmpty)
        #expect(spools.names == [other])
    }

    @Test func `Links and directories with such names are not seen, followed or removed`() throws {
        let spools = try Spools()
        try spools.write("victim", text: spools.sidecar)
        try FileManager.default.createSymbolicLink(
            atPath: spools[name(1) + ".json"], withDestinationPath: spools["victim"])
        try FileManager.default.createSymbolicLink(
            atPath: spools[name(1) + ".stdout.00000000000000000000"], withDestinationPath: spools["victim"])
        try FileManager.default.createDirectory(
            atPath: spools[name(2) + ".json"], withIntermediateDirectories: false)
        try #require(mkfifo(spools[name(3) + ".json"], 0o600) == 0)
        let before = spools.names
        #expect(try spools.directory.runs().isEmpty)
        #expect(try spools.directory.prune(maxAge: .zero, maxBytes: 0).removed.isEmpty)
        #expect(spools.names == before)
    }

    @Test func `The oldest go until what is left is little enough`() throws {
        let spools = try Spools()
        let own = spools.sidecar.utf8.count
        for day in 1...5 { try spools.run(name(day), 1000) }
        let pruning = try spools.directory.prune(maxBytes: 3 * (1000 + own))
        #expect(pruning.removed == [name(1), name(2)])
        #expect(pruning.removedBytes == 2 * (1000 + own))
        #expect(pruning.keptRuns == 3)
        #expect(pruning.keptBytes == 3 * (1000 + own))
        #expect(try spools.directory.runs().map(\.name) == [name(3), name(4), name(5)])
        #expect(spools.names.count == 6)
        #expect(try spools.directory.prune(maxBytes: 3 * (1000 + own)).removed.isEmpty)
    }

    @Test func `What was last written longer ago goes, whenever it was started`() throws {
        let spools = try Spools()
        try spools.run(name(1), 10, age: 10)
        try spools.run(name(2), 10, age: 1000)
        try spools.write(name(3) + ".stdout.00000000000000000000", 10, age: 1000)
        try spools.write(name(3) + ".stderr.00000000000000000000", 10, age: 10)
        try spools.write(name(3) + ".json", text: spools.sidecar, age: 1000)
        #expect(try spools.directory.prune(maxAge: .seconds(500)).removed == [name(2)])
        #expect(try spools.directory.runs().map(\.name) == [name(1), name(3)])
    }

    @Test func `What is being written counts, and stays`() throws {
        let spools = try Spools()
        try spools.run(name(1), 1000, age: 1_000_000)
        try spools.run(name(2), 1000, age: 1_000_000)
        let sidecar = open(spools[name(1) + ".json"], O_RDONLY | O_CLOEXEC)
        try #require(flock(sidecar, LOCK_EX) == 0)
        #expect(try spools.directory.runs().map(\.state) == [.running, .finished])
        let pruning = try spools.directory.prune(maxAge: .seconds(1), maxBytes: 0)
        #expect(pruning.removed == [name(2)])
        #expect(pruning.keptBytes == 1000 + spools.sidecar.utf8.count)
        close(sidecar)
        #expect(try spools.directory.prune(maxBytes: 0).removed == [name(1)])
        #expect(spools.names.isEmpty)
    }

    @Test func `A run that was killed is told from one that has ended`() throws {
        let spools = try Spools()
        try spools.run(name(1), 10)
        try spools.write(
            name(1) + ".json", text: spools.sidecar.replacingOccurrences(of: "true", with: "false"))
        #expect(try spools.directory.runs().map(\.state) == [.interrupted])
        #expect(try spools.directory.prune(maxBytes: 0).removed == [name(1)])
    }

    @Test(arguments: ["", "{", "{\"type\":\"drain.spool\"", "[]", "null", "{\"type\":\"other\"}"])
    func `A run whose sidecar cannot be read is left alone while it may be new`(text: String) throws {
        let spools = try Spools()
        try spools.run(name(1), 10, age: 3000)
        try spools.write(name(1) + ".json", text: text, age: 3000)
        try spools.write("." + name(1) + ".json.tmp", 5, age: 3000)
        #expect(try spools.directory.runs().map(\.state) == [.unknown])
        #expect(try spools.directory.prune(maxBytes: 0).removed.isEmpty)
        for file in spools.names { try spools.write(file, 5, age: 4000) }
        #expect(try spools.directory.prune(maxBytes: 0).removed == [name(1)])
        #expect(spools.names.isEmpty)
    }

    @Test func `A directory that is none is an error that says so`() throws {
        let spools = try Spools()
        try spools.write("file", 1)
        for path in [spools["missing"], spools["file"], "", "a\0b"] {
            let error = #expect(throws: DrainError.self) { try SpoolStore(OSString(path)).runs() }
            #expect(error?.kind == .spool)
        }
    }

    @Test func `Many runs at once are pruned by several at once without a failure`() async throws {
        let spools = try Spools()
        for number in 0..<200 { try spools.run(name(1 + number % 28, number), 10) }
        let directory = spools.directory
        let failures = try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<4 { group.addTask { try directory.prune(maxBytes: 0).failed.count } }
            return try await group.reduce(0, +)
        }
        #expect(failures == 0)
        #expect(spools.names.isEmpty)
    }

    @Test func `Every time that a name can hold is read back`() throws {
        var dice = Dice(seed: 5)
        for _ in 0..<2000 {
            let time = Timestamp(millisecondsSinceEpoch: Int64(dice.roll(0...253_402_300_799_999)))
            let stamp = time.description.filter { $0 != "-" && $0 != ":" && $0 != "." }
            #expect(SpoolName.startedAt("drain-\(stamp)-1-00000000") == time)
        }
    }
}
