import Foundation

/// What one of the three standard descriptors of a program is.
enum Endpoint {
    case null
    case closed
    /// A descriptor of ours, which stays ours.
    case descriptor(Int32)
    /// A file, opened so.
    case file(String, Int32)
    /// Output is collected.
    case pipe
    /// Input comes from these bytes.
    case bytes([UInt8])
}

/// A program that is running, all of its descriptors watched by threads of ours.
final class Running: @unchecked Sendable {
    let pid: pid_t
    private(set) var stdout: Reader?
    private(set) var stderr: Reader?
    private let condition = NSCondition()
    private var status: Int32?

    init(
        _ program: String, _ arguments: [String], input: Endpoint = .null, output: Endpoint = .pipe,
        error: Endpoint = .pipe, environment: [String: String] = [:], extra: [Int32: Int32] = [:],
        rawArguments: [[UInt8]] = []
    ) throws {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        Running.makeClean(&attributes)
        var given: [Int32] = []
        defer { for descriptor in given { close(descriptor) } }
        var feed: (Int32, [UInt8])?

        for (number, endpoint) in zip(Int32(0)..., [input, output, error]) {
            switch endpoint {
            case .null: posix_spawn_file_actions_addopen(&actions, number, "/dev/null", O_RDWR, 0)
            case .closed: posix_spawn_file_actions_addclose(&actions, number)
            case .descriptor(let ours): posix_spawn_file_actions_adddup2(&actions, ours, number)
            case .file(let path, let flags):
                posix_spawn_file_actions_addopen(&actions, number, path, flags, 0o644)
            case .bytes(let bytes):
                let pipe = try makePipe()
                given.append(pipe.reading)
                posix_spawn_file_actions_adddup2(&actions, pipe.reading, number)
                feed = (pipe.writing, bytes)
            case .pipe:
                let pipe = try makePipe()
                given.append(pipe.writing)
                posix_spawn_file_actions_adddup2(&actions, pipe.writing, number)
                let reader = Reader(pipe.reading)
                if number == 1 { stdout = reader } else { stderr = reader }
            }
        }
        // Out of the way first: a number that is wanted may be taken by another of them.
        for (number, ours) in extra {
            let moved = fcntl(ours, F_DUPFD_CLOEXEC, 300)
            given.append(moved)
            posix_spawn_file_actions_adddup2(&actions, moved, number)
        }
        // What the harness left open is not the program's.
        for number in Int32(3)..<256 where extra[number] == nil {
            posix_spawn_file_actions_addclose(&actions, number)
        }

        var variables = ProcessInfo.processInfo.environment
        for name in variables.keys where name.hasPrefix("DRAIN_") { variables[name] = nil }
        variables.merge(environment) { $1 }
        let words = ([program] + arguments).map { Array($0.utf8) } + rawArguments
        let argv = Running.strings(words)
        let envp = Running.strings(variables.map { Array("\($0.key)=\($0.value)".utf8) })
        defer { for string in argv + envp { free(string) } }
        var child: pid_t = 0
        let failure = posix_spawn(&child, program, &actions, &attributes, argv, envp)
        guard failure == 0 else { throw Trouble("posix_spawn \(program)", errno: failure) }
        pid = child
        if let feed { Thread.detachNewThread { Running.write(feed.1, to: feed.0) } }
        Thread.detachNewThread { self.waitForExit() }
    }

    /// Default dispositions and no blocked signals, whatever the harness has.
    private static func makeClean(_ attributes: inout posix_spawnattr_t) {
        var all = sigset_t()
        var none = sigset_t()
        sigfillset(&all)
        sigemptyset(&none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK))
    }

    private static func strings(_ words: [[UInt8]]) -> [UnsafeMutablePointer<CChar>?] {
        words.map { word in
            (word + [0]).withUnsafeBytes { strdup($0.baseAddress!.assumingMemoryBound(to: CChar.self)) }
        }
            + [nil]
    }

    /// To a reader that may go away: EPIPE is an answer, SIGPIPE would be the end of the tests.
    static func write(_ bytes: [UInt8], to descriptor: Int32) {
        signal(SIGPIPE, SIG_IGN)
        bytes.withUnsafeBytes { buffer in
            var done = 0
            while done < buffer.count {
                let count = Foundation.write(descriptor, buffer.baseAddress! + done, buffer.count - done)
                if count < 0, errno == EINTR { continue }
                if count <= 0 { break }
                done += count
            }
        }
        close(descriptor)
    }

    private func waitForExit() {
        // Reaped under the lock, so that a signal never goes to somebody else's number.
        var info = siginfo_t()
        while waitid(P_PID, id_t(pid), &info, WEXITED | WNOWAIT) != 0, errno == EINTR {}
        condition.lock()
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0, errno == EINTR {}
        self.status = status
        condition.broadcast()
        condition.unlock()
    }

    /// A signal, if it still runs.
    func send(_ signal: Int32) {
        condition.lock()
        if status == nil { kill(pid, signal) }
        condition.unlock()
    }

    var hasEnded: Bool {
        condition.lock()
        defer { condition.unlock() }
        return status != nil
    }

    /// Waits for its end and that of its output. One that does not end in time is killed, with
    /// what it started.
    func finish() throws -> Finished {
        let deadline = Date().addingTimeInterval(patience)
        condition.lock()
        while status == nil, condition.wait(until: deadline) {}
        let status = self.status
        condition.unlock()
        guard let status else {
            killTree()
            throw Trouble("it did not end in time; standard error: \(stderr?.text ?? "")")
        }
        for reader in [stdout, stderr] {
            if let reader, !reader.waitForEnd() { throw Trouble("its output has no end") }
        }
        return Finished(status: status, stdout: stdout?.bytes ?? [], stderrBytes: stderr?.bytes ?? [])
    }

    /// Kills it, and every process that descends from it.
    func killTree() {
        var doomed = children
        for index in 0..<1000 where index < doomed.count { doomed += Running.children(of: doomed[index]) }
        send(SIGKILL)
        for one in doomed { kill(one, SIGKILL) }
    }

    var children: [pid_t] { Running.children(of: pid) }

    /// Of all its threads.
    static func children(of pid: pid_t) -> [pid_t] {
        let threads = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/task")) ?? []
        return threads.flatMap { text(ofProc: "/proc/\(pid)/task/\($0)/children").split(separator: " ") }
            .compactMap { pid_t($0) }
    }

    /// A figure of /proc/PID/status, in bytes.
    static func memory(_ name: String, of pid: pid_t) throws -> Int {
        let line = text(ofProc: "/proc/\(pid)/status").split(separator: "\n").first {
            $0.hasPrefix(name + ":")
        }
        let words = line?.split(whereSeparator: { $0 == " " || $0 == "\t" }) ?? []
        guard words.count > 1, let number = Int(words[1]) else { throw Trouble("no \(name) of \(pid)") }
        return number * 1024
    }
}

/// A file of /proc, which has no size to go by; empty if there is none.
func text(ofProc path: String) -> String {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    defer { close(descriptor) }
    var (bytes, room) = ([UInt8](), [UInt8](repeating: 0, count: 4096))
    while true {
        let count = read(descriptor, &room, room.count)
        guard count > 0 else { return String(decoding: bytes, as: UTF8.self) }
        bytes += room[..<count]
    }
}

/// How a program ended, and what it said.
struct Finished {
    /// As waitpid(2) has it.
    let status: Int32
    let stdout: [UInt8]
    let stderrBytes: [UInt8]

    /// The exit status; nil if a signal ended it.
    var code: Int32? { status & 0x7F == 0 ? status >> 8 & 0xFF : nil }
    var output: String { String(decoding: stdout, as: UTF8.self) }
    var stderr: String { String(decoding: stderrBytes, as: UTF8.self) }

    /// The report on standard output.
    var report: ReportView { get throws { try ReportView(stdout) } }
}

/// Runs drain-run to its end.
@discardableResult
func run(
    _ arguments: String..., input: Endpoint = .null, output: Endpoint = .pipe, error: Endpoint = .pipe,
    environment: [String: String] = [:], extra: [Int32: Int32] = [:]
) throws -> Finished {
    try Running(
        Programs.drainRun, arguments, input: input, output: output, error: error, environment: environment,
        extra: extra
    ).finish()
}

/// Starts drain-run.
func start(
    _ arguments: String..., input: Endpoint = .null, output: Endpoint = .pipe, error: Endpoint = .pipe,
    environment: [String: String] = [:], extra: [Int32: Int32] = [:]
) throws -> Running {
    try Running(
        Programs.drainRun, arguments, input: input, output: output, error: error, environment: environment,
        extra: extra)
}

/// Runs drain-run to its end, which must leave a report on standard output that keeps to the schema.
func drainRun(
    _ arguments: String..., input: Endpoint = .null, environment: [String: String] = [:]
) throws -> ReportView {
    let finished = try Running(Programs.drainRun, arguments, input: input, environment: environment).finish()
    var report = try finished.report
    report.code = finished.code
    return report
}
