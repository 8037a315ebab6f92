import Foundation

/// The programs under test, which the build puts beside the tests.
enum Programs {
    /// `DRAIN_RUN_UNDER_TEST` names another one, the installed one for example.
    static let drainRun =
        ProcessInfo.processInfo.environment["DRAIN_RUN_UNDER_TEST"].map {
            URL(fileURLWithPath: $0).path  // absolute, since some tests run it elsewhere
        } ?? built("drain-run")
    static let misbehave = built("misbehave")
    static let host = built("drain-host")
    static let canHaveNamespace =
        (try? Running(
            "/usr/bin/env", ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child=KILL", "true"]
        ).finish())?.code == 0
    /// Where a sanitizer takes memory and address space of its own, figures mean nothing.
    static let areSanitized =
        (try? Running(misbehave, ["sanitized"]).finish())?.output == "yes\n"

    private static func built(_ name: String) -> String {
        let selves: [String?] = [
            try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"),
            CommandLine.arguments.first, Bundle.main.executablePath, Bundle.main.bundlePath,
        ]
        for path in selves.compactMap(\.self) {
            var directory = URL(fileURLWithPath: path)
            // A bundle is a directory with the executable somewhere in it on some systems.
            for _ in 0..<4 {
                directory.deleteLastPathComponent()
                let candidate = directory.appendingPathComponent(name).path
                if FileManager.default.isExecutableFile(atPath: candidate) { return candidate }
            }
        }
        fatalError("there is no \(name) beside the tests: \(selves.compactMap(\.self))")
    }
}

/// What could not be done for a test.
struct Trouble: Error, CustomStringConvertible {
    let description: String
    init(_ what: String, errno: Int32? = nil) {
        description = errno.map { "\(what): \(String(cString: strerror($0)))" } ?? what
    }
}

/// How long anything may take before the test fails. Nothing is supposed to come near it.
let patience: TimeInterval = 60

/// A directory of its own for a test.
final class Workplace {
    let path: String

    init() throws {
        var template = Array((NSTemporaryDirectory() + "/drain-tests.XXXXXX").utf8CString)
        guard mkdtemp(&template) != nil else { throw Trouble("mkdtemp", errno: errno) }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    subscript(name: String) -> String { path + "/" + name }

    func write(_ text: String, to name: String, mode: Int = 0o644) throws {
        try Data(text.utf8).write(to: URL(fileURLWithPath: self[name]))
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: self[name])
    }

    func bytes(_ name: String) throws -> [UInt8] {
        Array(try Data(contentsOf: URL(fileURLWithPath: self[name])))
    }

    func exists(_ name: String) -> Bool { FileManager.default.fileExists(atPath: self[name]) }

    var names: [String] { (try? FileManager.default.contentsOfDirectory(atPath: path))?.sorted() ?? [] }

    /// A FIFO; its path.
    func fifo(_ name: String) throws -> String {
        guard mkfifo(self[name], 0o600) == 0 else { throw Trouble("mkfifo", errno: errno) }
        return self[name]
    }
}
