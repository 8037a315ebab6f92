import CDrain
import Foundation

@testable import Drain

/// What the tests need to know of the machine they run on.
enum Surroundings {
    /// A program that was built beside these tests.
    static func product(_ name: String) -> String {
        // The bundle is the program itself, or was loaded by one: it is mapped in either case.
        var places = [link("/proc/self/exe") ?? ""]
        for line in read("/proc/self/maps").split(separator: "\n") {
            if let slash = line.firstIndex(of: "/") { places.append(String(line[slash...])) }
        }
        places += CommandLine.arguments
        for place in places where place.hasSuffix(".xctest") {
            let path = (place as NSString).deletingLastPathComponent + "/" + name
            if FileManager.default.isExecutableFile(atPath: path) { return path }
        }
        return name
    }

    static let misbehave = product("misbehave")

    static func link(_ path: String) -> String? {
        try? FileManager.default.destinationOfSymbolicLink(atPath: path)
    }

    /// A file of /proc, which has no size to read by; empty if there is none.
    static func read(_ path: String) -> String {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return "" }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var room = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = Glibc.read(descriptor, &room, room.count)
            if count <= 0 { break }
            bytes += room[..<count]
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The value of a line of /proc/PID/status.
    static func status(_ name: String, of pid: String = "self", in text: String? = nil) -> String? {
        let text = text ?? read("/proc/\(pid)/status")
        guard let line = text.split(separator: "\n").first(where: { $0.hasPrefix(name + ":") }) else {
            return nil
        }
        return line.dropFirst(name.count + 1).trimmingCharacters(in: .whitespaces)
    }

    /// Whether a process lives: a zombie does not.
    static func isAlive(_ pid: Int32) -> Bool {
        guard let state = status("State", of: "\(pid)")?.first else { return false }
        return state != "Z" && state != "X"
    }

    /// Waits for what comes by itself; false if it has not come in a long time.
    static func eventually(_ condition: () -> Bool) -> Bool {
        let deadline = drain_now() + 20_000_000_000
        while !condition() {
            if drain_now() > deadline { return false }
            usleep(2000)
        }
        return true
    }

    /// A directory of its own, gone afterwards.
    static func withDirectory<R>(_ body: (String) throws -> R) throws -> R {
        let path = FileManager.default.temporaryDirectory.path + "/drain-tests-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: path) }
        return try body(path)
    }

    /// By another process: one that a test beside this starts would hold a file that we write open until it has
    /// executed its program, and what is open for writing cannot be executed (ETXTBSY).
    static func write(_ text: String, to path: String, mode: Int = 0o644) throws {
        var command = Command(
            "sh", "-c", "cat >\"$0\" && chmod \"$1\" \"$0\"", path, String(mode, radix: 8))
        command.standardInput = .bytes(Array(text.utf8))
        guard try command.runBlocking().exitCode == 0 else { throw CocoaError(.fileWriteUnknown) }
    }
}

extension Capture {
    /// The text without white space at its ends.
    var trimmed: String { text.trimmingCharacters(in: .whitespacesAndNewlines) }
    var pid: Int32 { Int32(trimmed) ?? -1 }
}

/// Runs a line of shell, and says what became of it.
func sh(
    _ line: String, _ limits: Limits = Limits(), _ timeouts: Timeouts = Timeouts(wall: .seconds(60))
) throws -> Report {
    try Command.shell(line).runBlocking(limits: limits, timeouts: timeouts)
}

/// The error that a command is refused with.
func refusal(_ command: Command) -> DrainError? {
    do throws(DrainError) {
        _ = try command.runBlocking(timeouts: Timeouts(wall: .seconds(60)))
        return nil
    } catch {
        return error
    }
}
