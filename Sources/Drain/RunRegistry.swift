import CDrain

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// A directory in which runs are written down while they last, so that what they leave when their host is
/// killed can be swept up by somebody else: by `sweep()`, or `drain-run --sweep`.
///
/// May be used by any number of threads and processes at once. The directory is to be on the machine that the
/// runs are on, and belongs to one user.
public final class RunRegistry: Sendable {
    /// The directory.
    public let path: OSString
    private let descriptor: Int32
    /// Where the numbers of processes mean what they mean here.
    private let place: RunEntry.Place

    /// Opens the directory, and makes it, with mode 0700, where there is none.
    ///
    /// - Throws: an error of the kind `registry` where it cannot be used: it is somebody else's, or others may
    ///   write to it.
    public init(_ path: OSString) throws(DrainError) {
        self.path = path
        func failed() -> DrainError { DrainError(.registry, "'\(path)'", .current) }
        func refused(_ why: String) -> DrainError { DrainError(.registry, "'\(path)': \(why)", .invalid) }
        if path.bytes.isEmpty || path.holdsNUL { throw refused("it is no path") }
        var name = CStrings([path])
        descriptor = unsafe name.withPointers { unsafe openDirectory($0[0]!) }
        if descriptor < 0 { throw failed() }
        var refusal: DrainError?
        var info = stat()
        if unsafe fstat(descriptor, &info) != 0 {
            refusal = failed()
        } else if info.st_uid != geteuid() {
            refusal = refused("it belongs to user \(info.st_uid), and is to be our own")
        } else if info.st_mode & 0o022 != 0 {
            refusal = refused("others may write to it; chmod go-w makes it fit")
        }
        let here = RunEntry.Place.here
        if refusal == nil, here == nil { refusal = refused("/proc cannot be read here") }
        guard let here, refusal == nil else {
            close(descriptor)
            throw refusal ?? failed()
        }
        place = here
    }

    deinit {
        close(descriptor)
    }

    // MARK: Registering

    /// Before the command is started: the entry tells what it will bear. `Registration` does the rest.
    func register(_ command: Command, _ means: Means) throws(DrainError) -> Registration {
        means.takeBadge()
        let owner = getpid()
        let entry = RunEntry(
            place: place, owner: RunEntry.Process(pid: owner, start: drain_start_time(owner)),
            forks: drain_forks(), marker: max(means.marker, means.badge),
            cgroup: means.cgroup?.path, startedAt: .now(), command: command.arguments)
        let registration = Registration(
            self, entry, name: "run-\(owner)-\(String(drain_marker(), radix: 16))")
        if let error = put(entry, registration.name) {
            throw DrainError(.registry, "'\(path)'", error)
        }
        return registration
    }

    /// Whole or not at all: written under another name first, which tells whose it is.
    fileprivate func put(_ entry: RunEntry, _ name: String) -> Errno? {
        let temporary = "tmp-\(entry.owner.pid)-\(entry.owner.start)-\(String(drain_marker(), radix: 16))"
        let file = unsafe openat(
            descriptor, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        if file < 0 { return .current }
        let bytes = entry.encoded
        let count = unsafe bytes.withUnsafeBytes { unsafe drain_write(file, $0.baseAddress!, $0.count) }
        close(file)
        var error: Errno?
        if count != bytes.count {
            error = Errno(rawValue: count < 0 ? Int32(-count) : ENOSPC)
        } else if unsafe renameat(descriptor, temporary, descriptor, name) != 0 {
            error = .current
        }
        if error != nil { unsafe _ = unlinkat(descriptor, temporary, 0) }
        return error
    }

    fileprivate func remove(_ name: String) { unsafe _ = unlinkat(descriptor, name, 0) }

    // MARK: Sweeping

    /// Ends what runs have left whose owner is dead, and removes their entries.
    ///
    /// SIGKILL, to whole process groups and sessions, to those whose leader is gone as well, and to whoever bears
    /// the run's marker (setrlimit(2), RLIMIT_RTTIME) or is in its cgroup; to nobody whose process id was
    /// given to another process, which start times tell, and never to the caller, its ancestors and their
    /// runs. Blocks for as long as what was killed needs to be gone, at most two seconds for each run.
    ///
    /// Sweeps at the same time are harmless to each other: each does what is left to do.
    public func sweep() throws(DrainError) -> Sweep {
        var sweep = Sweep()
        for name in try names() {
            if name.hasPrefix("tmp-") { removeAbandoned(name) }
            if name.hasPrefix("run-") { look(name, &sweep) }
        }
        return sweep
    }

    private func look(_ name: String, _ sweep: inout Sweep) {
        var found = RunEntry.load(name, in: descriptor)
        // What the owner wrote last counts, and it writes until it is dead.
        if case .entry(let entry) = found, entry.place == place, !entry.owner.lives {
            found = RunEntry.load(name, in: descriptor)
        }
        switch found {
        case .gone: return
        case .damaged(let reason): sweep.damaged.append(Sweep.Damage(entry: name, reason: reason))
        case .entry(let entry):
            if entry.place.boot != place.boot {
                sweep.ended += 1
                remove(name)
            } else if entry.place != place {
                sweep.foreign += 1
            } else if entry.owner.lives {
                sweep.alive += 1
            } else {
                end(entry, name, &sweep)
            }
        }
        sweep.entries += 1
    }

    private func end(_ entry: RunEntry, _ name: String, _ sweep: inout Sweep) {
        var record = entry.record
        var quarry = unsafe drain_orphaned(&record)
        let cgroup = entry.cgroup.flatMap { Cgroup(at: $0) }
        if unsafe drain_is_quarry(&quarry) || cgroup?.isOwn == true {
            sweep.own += 1
            return
        }
        let deadline = drain_now().advanced(by: .seconds(2))
        let met = pids(&quarry, SIGKILL)
        var left = cgroup?.end(until: deadline) ?? 0
        if quarry.group != 0 || quarry.marker != 0 { left += unsafe drain_sweep_end(&quarry, deadline) }
        cgroup?.remove(leavesBackground: false)
        sweep.left += left
        let survivors = left == 0 ? [] : pids(&quarry, 0)
        sweep.killed += met.filter { !survivors.contains($0) }
        sweep.survivors += survivors
        if left > 0 { return }
        sweep.ended += 1
        remove(name)
    }

    /// Those of the quarry who live, 256 of them at most.
    private func pids(_ quarry: inout drain_quarry, _ signal: Int32) -> [Int32] {
        var room = [pid_t](repeating: 0, count: 256)
        let count = unsafe room.withUnsafeMutableBufferPointer {
            unsafe drain_sweep(&quarry, signal, $0.baseAddress, $0.count)
        }
        return Array(Set(room.prefix(count))).sorted()
    }

    /// What an owner was killed over writing.
    private func removeAbandoned(_ name: String) {
        let words = name.split(separator: "-")
        guard words.count == 4, let pid = Int32(words[1]), let start = UInt64(words[2]) else { return }
        if !RunEntry.Process(pid: pid, start: start).lives { remove(name) }
    }

    private func names() throws(DrainError) -> [String] {
        do throws(Errno) { return try directoryNames(descriptor).sorted() } catch {
            throw DrainError(.registry, "'\(path)'", error)
        }
    }
}

/// Made where there is none. -1 and errno, as open(2).
private func openDirectory(_ path: UnsafePointer<CChar>) -> Int32 {
    if unsafe mkdir(path, 0o700) != 0, errno != EEXIST { return -1 }
    return unsafe open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
}

/// One run's entry, from before its command is started until it is over. Used by one thread at a time.
final class Registration {
    let name: String
    private let registry: RunRegistry
    private var entry: RunEntry
    private var isOver = false

    init(_ registry: RunRegistry, _ entry: RunEntry, name: String) {
        self.registry = registry
        self.entry = entry
        self.name = name
    }

    /// The command runs. Where this cannot be written, its marker alone has to tell.
    func complete(_ leader: Int32) {
        entry.leader = RunEntry.Process(pid: leader, start: drain_start_time(leader))
        _ = registry.put(entry, name)
    }

    func remove() {
        if !isOver { registry.remove(name) }
        isOver = true
    }

    deinit { remove() }
}
