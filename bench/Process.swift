import Foundation

/// A program started by posix_spawn(3), so that nothing of Foundation's is measured with it.
struct Spawned {
    let pid: pid_t

    /// Descriptors that are not given are ours, but for standard input, which is /dev/null.
    init(_ arguments: [String], stdin: Int32? = nil, stdout: Int32? = nil, report: Int32? = nil) throws {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        if let stdin {
            posix_spawn_file_actions_adddup2(&actions, stdin, 0)
        } else {
            posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        }
        if let stdout { posix_spawn_file_actions_adddup2(&actions, stdout, 1) }
        if let report { posix_spawn_file_actions_adddup2(&actions, report, Self.reportDescriptor) }
        var words = arguments.map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        var pid = pid_t()
        let error = posix_spawnp(&pid, arguments[0], &actions, nil, &words, environ)
        guard error == 0 else { throw Failure("\(arguments[0]): \(String(cString: strerror(error)))") }
        self.pid = pid
    }

    /// Where the child finds `report`.
    static let reportDescriptor: Int32 = 3

    /// Waits for the end, which must be a success, and tells when that was known.
    func finish(_ name: String) throws -> (cpu: CPU, at: Double) {
        var info = siginfo_t()
        while waitid(P_PID, id_t(pid), &info, WEXITED | WNOWAIT) != 0 && errno == EINTR {}
        let at = now()
        // Only while it is unreaped.
        let own = schedulerSeconds
        var status: Int32 = 0
        var usage = rusage()
        while wait4(pid, &status, 0, &usage) < 0 && errno == EINTR {}
        guard status == 0 else { throw Failure("\(name) ended with wait status \(status)") }
        return (CPU(own: own, withChildren: usage.ru_utime.seconds + usage.ru_stime.seconds), at)
    }

    /// Processor time of the main thread to the nanosecond, without children.
    private var schedulerSeconds: Double? {
        let text = try? String(contentsOfFile: "/proc/\(pid)/schedstat", encoding: .ascii)
        let nanoseconds = text?.split(separator: " ").first.flatMap { Double($0) } ?? 0
        return nanoseconds > 0 ? nanoseconds / 1e9 : nil
    }

    /// Highest resident size so far in bytes, with that of its children added: drain-run is two
    /// processes. Pages that they share count twice. Nil once it has ended.
    ///
    /// Not ru_maxrss: Linux starts that of a program at the size of the process that spawned it.
    var peakResident: Int? {
        guard let own = peakResidentBytes(of: "\(pid)") else { return nil }
        let children = try? String(contentsOfFile: "/proc/\(pid)/task/\(pid)/children", encoding: .ascii)
        let pids = (children ?? "").split(separator: " ")
        return pids.reduce(own) { $0 + (peakResidentBytes(of: String($1)) ?? 0) }
    }
}

/// Seconds of processor time.
struct CPU {
    /// Of the process alone, if the kernel tells.
    let own: Double?
    /// And of the children it waited for.
    let withChildren: Double
}

func peakResidentBytes(of process: String) -> Int? {
    let status = try? String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)
    let line = status?.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
    return line?.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) }.map { $0 * 1024 }
}

/// A pipe whose ends no other child inherits.
final class CloseOnExecPipe {
    private(set) var reading: Int32 = -1
    private(set) var writing: Int32 = -1

    init() throws {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw Failure("pipe: \(String(cString: strerror(errno)))") }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        (reading, writing) = (ends[0], ends[1])
    }

    deinit {
        closeReading()
        closeWriting()
    }

    func closeReading() {
        if reading >= 0 { close(reading) }
        reading = -1
    }

    func closeWriting() {
        if writing >= 0 { close(writing) }
        writing = -1
    }

    /// Appends what is there; false at the end.
    func readSome(into data: inout Data) -> Bool {
        var room = [UInt8](repeating: 0, count: 64 << 10)
        let count = read(reading, &room, room.count)
        if count > 0 { data.append(contentsOf: room[..<count]) }
        return count > 0 || (count < 0 && errno == EINTR)
    }
}

/// A program's standard output; nil if it could not be run or failed.
func outputText(_ arguments: String...) -> String? {
    guard let pipe = try? CloseOnExecPipe(),
        let child = try? Spawned(arguments, stdout: pipe.writing)
    else { return nil }
    pipe.closeWriting()
    var data = Data()
    while pipe.readSome(into: &data) {}
    guard (try? child.finish(arguments[0])) != nil else { return nil }
    return String(decoding: data, as: UTF8.self)
}

/// Seconds on the monotonic clock.
func now() -> Double { seconds(CLOCK_MONOTONIC) }

/// Seconds of processor time that all threads of this process have used.
func ownCPU() -> Double { seconds(CLOCK_PROCESS_CPUTIME_ID) }

private func seconds(_ clock: clockid_t) -> Double {
    var time = timespec()
    clock_gettime(clock, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}

extension timeval {
    fileprivate var seconds: Double { Double(tv_sec) + Double(tv_usec) / 1e6 }
}
