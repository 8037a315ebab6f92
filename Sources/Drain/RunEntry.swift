import CDrain

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// What is written down of one run, in lines of a name and its values.
struct RunEntry: Hashable {
    /// Where a process id and a start time mean the same.
    struct Place: Hashable {
        /// /proc/sys/kernel/random/boot_id: of one start of the system.
        var boot: String
        var pidNamespace: UInt64
        var timeNamespace: UInt64
    }

    struct Process: Hashable {
        var pid: Int32
        /// In clock ticks after boot; 0 when it was not to be known.
        var start: UInt64

        var lives: Bool { drain_lives(pid, start) }
    }

    var place: Place
    var owner: Process
    /// All zero before the command runs.
    var leader = Process(pid: 0, start: 0)
    var forks: UInt64
    var marker: UInt64
    var cgroup: OSString?
    var startedAt: Timestamp
    /// For people; the words that fit.
    var command: [OSString]

    var record: drain_record {
        drain_record(leader: leader.pid, leader_start: leader.start, forks: forks, marker: marker)
    }
}

// MARK: - As bytes

extension RunEntry {
    static let longest = 64 << 10

    var encoded: [UInt8] {
        var room = Self.longest / 4
        let words = command.prefix { word in
            room -= word.bytes.count + 1
            return room >= 0
        }
        let lines = [
            "drain-run entry 1",
            "boot \(place.boot)",
            "namespaces \(place.pidNamespace) \(place.timeNamespace)",
            "owner \(owner.pid) \(owner.start)",
            "leader \(leader.pid) \(leader.start)",
            "forks \(forks)",
            "marker \(marker)",
            "cgroup \(Self.hex(cgroup))",
            "started \(startedAt.millisecondsSinceEpoch)",
            "command \(words.map { Self.hex($0) }.joined(separator: ","))",
            "end", "",
        ]
        return Array(lines.joined(separator: "\n").utf8)
    }

    /// Nil for anything but what `encoded` gives.
    init?(_ bytes: [UInt8]) {
        let lines = String(decoding: bytes, as: UTF8.self).split(
            separator: "\n", omittingEmptySubsequences: false)
        let fields = lines.map { $0.split(separator: " ").dropFirst().map(String.init) }
        func number<N: FixedWidthInteger>(_ line: Int, _ field: Int = 0) -> N? {
            fields[line].count > field ? N(fields[line][field]) : nil
        }
        guard lines.count == 12, let boot = fields[1].first,
            let pidNamespace: UInt64 = number(2), let timeNamespace: UInt64 = number(2, 1),
            let owner: Int32 = number(3), let ownerStart: UInt64 = number(3, 1),
            let leader: Int32 = number(4), let leaderStart: UInt64 = number(4, 1),
            let forks: UInt64 = number(5), let marker: UInt64 = number(6),
            let cgroup = fields[7].first, let started: Int64 = number(8)
        else { return nil }
        let words = (fields[9].first ?? "").split(separator: ",").map { Self.unhex($0) }
        self.init(
            place: Place(boot: boot, pidNamespace: pidNamespace, timeNamespace: timeNamespace),
            owner: Process(pid: owner, start: ownerStart), leader: Process(pid: leader, start: leaderStart),
            forks: forks, marker: marker, cgroup: Self.unhex(cgroup[...]),
            startedAt: Timestamp(millisecondsSinceEpoch: started), command: words.compactMap(\.self))
        // Whatever was read too kindly does not come out the same.
        guard owner > 0, ownerStart > 0, leader >= 0, encoded == bytes else { return nil }
    }

    private static func hex(_ string: OSString?) -> String {
        guard let string else { return "-" }
        return string.bytes.reduce(into: "x") { text, byte in
            text += (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }
    }

    private static func unhex(_ text: Substring) -> OSString? {
        let digits = Array(text.utf8.dropFirst())
        guard text.hasPrefix("x"), digits.count % 2 == 0 else { return nil }
        return OSString(
            bytes: stride(from: 0, to: digits.count, by: 2).map { at in
                UInt8(String(decoding: digits[at..<at + 2], as: UTF8.self), radix: 16) ?? 0
            })
    }
}

// MARK: - From a directory

extension RunEntry {
    enum Found {
        case entry(RunEntry)
        /// Removed meanwhile.
        case gone
        case damaged(String)
    }

    /// Nothing but a small, regular file of our own is read; what else has that name is not even waited for.
    static func load(_ name: String, in directory: Int32) -> Found {
        let file = unsafe openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
        if file < 0 {
            switch errno {
            case ENOENT: return .gone
            case ELOOP: return .damaged("it is a symbolic link")
            default: return .damaged("it cannot be opened: \(Errno.current.message)")
            }
        }
        defer { close(file) }
        var info = stat()
        guard unsafe fstat(file, &info) == 0 else { return .damaged("fstat: \(Errno.current.message)") }
        if info.st_mode & S_IFMT != S_IFREG { return .damaged("it is not a regular file") }
        if info.st_uid != geteuid() { return .damaged("it belongs to user \(info.st_uid)") }
        if info.st_mode & 0o022 != 0 { return .damaged("others may write to it") }
        if info.st_nlink > 1 { return .damaged("it has another name besides") }
        if info.st_size > longest { return .damaged("it is too long") }
        guard let bytes = contents(file) else { return .damaged("it cannot be read") }
        guard let entry = RunEntry(bytes) else { return .damaged("it is not an entry of this version") }
        return .entry(entry)
    }

    private static func contents(_ file: Int32) -> [UInt8]? {
        var room = [UInt8](repeating: 0, count: longest + 1)
        var used = 0
        while used < room.count {
            let count = unsafe room.withUnsafeMutableBytes {
                unsafe read(file, $0.baseAddress! + used, $0.count - used)
            }
            if count < 0, errno == EINTR { continue }
            if count < 0 { return nil }
            if count == 0 { break }
            used += count
        }
        return used > longest ? nil : Array(room[..<used])
    }
}

extension RunEntry.Place {
    /// Nil where /proc does not tell.
    static var here: Self? {
        let file = unsafe open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var room = [UInt8](repeating: 0, count: 64)
        let count = unsafe room.withUnsafeMutableBytes { unsafe read(file, $0.baseAddress, $0.count) }
        let boot = room.prefix(max(0, count)).prefix { $0 > 0x20 && $0 < 0x7F }
        guard !boot.isEmpty, let pids = namespace("pid") else { return nil }
        return Self(
            boot: String(decoding: boot, as: UTF8.self), pidNamespace: pids,
            timeNamespace: namespace("time") ?? 0)
    }

    private static func namespace(_ name: String) -> UInt64? {
        var info = stat()
        return unsafe stat("/proc/self/ns/\(name)", &info) == 0 ? UInt64(info.st_ino) : nil
    }
}
