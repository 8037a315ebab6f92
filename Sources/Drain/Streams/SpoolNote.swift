#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// What stands beside a run's files and says what they are, as it is read.
struct SpoolNote {
    /// As `EventFilter` names it.
    static let type: OSString = "drain.spool"
    /// No longer one is read.
    static let longest = 1 << 20

    private let text: JSONText?
    private let isLocked: Bool

    /// Nil where it cannot be read. Nothing but a regular file is waited for.
    init?(_ name: String, in directory: Int32) {
        let file = unsafe openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
        if file < 0 { return nil }
        defer { close(file) }
        // Whoever writes the run holds the lock exclusively for as long as it lives.
        isLocked = flock(file, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK
        guard var scanner = try? EventScanner(EventFilter(types: [Self.type], maxBytes: Self.longest)) else {
            return nil
        }
        var room = [UInt8](repeating: 0, count: 16 << 10)
        var total = 0
        while total <= Self.longest {
            let count = unsafe room.withUnsafeMutableBytes { unsafe read(file, $0.baseAddress!, $0.count) }
            if count < 0, errno == EINTR { continue }
            if count <= 0 { break }
            total += count
            unsafe scanner.take(room.span.extracting(0..<count).bytes)
        }
        text = scanner.finish().first
    }

    func describe(_ run: inout SpooledRun) {
        if isLocked { run.state = .running }
        guard let text else { return }
        if !isLocked { run.state = text["finished"]?.text == "true" ? .finished : .interrupted }
        run.command = text["command"]?.strings ?? []
        run.filter = text["filter"]?.string
    }
}

extension JSONText {
    /// The strings of an array.
    fileprivate var strings: [String] {
        var strings: [String] = []
        forEachElement { if let string = part($0).string { strings.append(string) } }
        return strings
    }
}
