import CDrain

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// A program that a stream goes through on its way to disk: reads the side pipe, and writes the part.
///
/// Unchecked: its child is used behind the lock.
final class SpoolFilter: @unchecked Sendable {
    let pid: Int32
    /// Readable when it has ended.
    let descriptor: Int32
    private let name: OSString
    private let child: Child
    /// What it says on standard error, as far as a pipe holds it.
    private let complaints: Int32
    private let problem = Locked<Problem?>(nil)

    /// Why there is nothing good to be had from it, if so.
    struct Problem: Sendable {
        var value: Report.Problem?
    }

    /// What a file may be larger than what it is made from: a compressor's frames around what it cannot compress.
    private static func room(for bytes: Int) -> Int {
        let (sum, overflow) = bytes.addingReportingOverflow(bytes / 64 + (64 << 10))
        return overflow ? .max : sum
    }

    /// - Parameters: descriptors that stay the caller's.
    init(_ filter: Command, input: Int32, output: Int32, maxBytes: Int) throws(DrainError) {
        var ends: [Int32] = [-1, -1]
        // What it says beyond what the pipe holds is lost, and does not hold it up.
        let error = unsafe drain_pipe_open(&ends)
        if error != 0 { throw DrainError(.system, "pipe2", Errno(rawValue: error)) }
        defer { close(ends[1]) }
        var command = filter
        command.standardInput = .descriptor(input)
        command.resources.fileSize = SpoolFilter.room(for: maxBytes)
        do throws(DrainError) {
            child = try Child(command, Limits(bytes: 0), Means(.group), outputs: [output, ends[1]])
        } catch {
            close(ends[0])
            throw error
        }
        complaints = ends[0]
        pid = child.pid
        descriptor = child.pidfd
        name = SpoolFilter.line(filter)
    }

    deinit { close(complaints) }

    /// A command as people write it.
    static func line(_ command: Command) -> OSString {
        let words = command.arguments
        if words.count == 3, words[0] == "/bin/sh", words[1] == "-c" { return words[2] }
        return OSString(bytes: words.map(\.bytes).joined(separator: [UInt8(ascii: " ")]))
    }

    /// Reaps it when it has ended, with whoever is left of its group. Nil while it runs.
    func collect(killing: Bool) -> Problem? {
        problem.withLock { problem in
            if let problem { return problem }
            var ended = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            if killing { child.signal(.kill) }
            // What was killed is gone in no time, unless it is stuck in the kernel.
            guard unsafe poll(&ended, 1, killing ? 100 : 0) > 0 else { return nil }
            child.signal(.kill)
            let termination = child.reap()?.0
            problem = Problem(value: killing ? SpoolFilter.late : self.judge(termination))
            return problem
        }
    }

    private static let late = Report.Problem(message: "the filter did not end in time", errno: .timedOut)

    private func judge(_ termination: Report.Termination?) -> Report.Problem? {
        // A shell tells of its command's end in its own way.
        let isTooLarge = termination == .signaled(SIGXFSZ) || termination == .exited(128 + SIGXFSZ)
        let how: String
        switch termination {
        case .exited(0): return nil
        case _ where isTooLarge: how = "wrote more than there may be"
        case .exited(let code): how = "ended with \(code)"
        case .signaled(let signal): how = "was ended by signal \(signal)"
        case nil: how = "was waited for by somebody else"
        }
        let said = said()
        return Report.Problem(
            message: "the filter '\(name)' \(how)" + (said.isEmpty ? "" : ": \(said)"),
            errno: Errno(rawValue: isTooLarge ? EFBIG : EIO))
    }

    /// The beginning of what it said.
    private func said() -> String {
        var room = [UInt8](repeating: 0, count: 2048)
        let count = unsafe read(complaints, &room, room.count)
        var text = Substring(String(decoding: room.prefix(max(0, count)), as: UTF8.self))
        while let last = text.last, last.isWhitespace { text.removeLast() }
        return String(text)
    }
}
