#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// A directory that runs are spooled to: what is in it, and how to keep it bounded over months.
///
///     let spools = SpoolStore("/var/spool/agents")
///     for run in try spools.runs() { print(run.name, run.state, run.bytes) }
///     try spools.prune(maxAge: .seconds(30 * 86_400), maxBytes: 50 << 30)
///
/// Files that no run has written are not seen and not touched. Any thread and any number of processes may use
/// one directory at once. Calls block for as long as the disk does.
public struct SpoolStore: Sendable, Hashable {
    public let path: OSString

    public init(_ path: OSString) { self.path = path }

    /// What was removed, and what is left.
    public struct Pruning: Sendable, Hashable {
        /// Names of runs, oldest first.
        public internal(set) var removed: [String] = []
        public internal(set) var removedBytes = 0
        public internal(set) var keptRuns = 0
        public internal(set) var keptBytes = 0
        /// Runs that were to go and could not be removed.
        public internal(set) var failed: [Failure] = []

        public struct Failure: Sendable, Hashable {
            public let run: String
            public let errno: Errno
        }
    }

    /// How long ago something must have been written last to a run without a sidecar, to be sure that nobody
    /// is about to give it one.
    private static let quiet = Duration.seconds(3600)

    /// The runs that are there, the oldest first.
    ///
    /// - Throws: an error of the kind `spool` where the directory cannot be read.
    public func runs() throws(DrainError) -> [SpooledRun] {
        try OpenDirectory(path).runs()
    }

    /// Removes runs that nobody writes any more: those to which nothing was written for `maxAge`, then, the
    /// oldest first, as many as it takes for what is left to have at most `maxBytes`. Nil is no limit. Runs
    /// that are being written count, and stay.
    ///
    /// - Throws: an error of the kind `spool` where the directory cannot be read.
    @discardableResult
    public func prune(maxAge: Duration? = nil, maxBytes: Int? = nil) throws(DrainError) -> Pruning {
        let directory = try OpenDirectory(path)
        let runs = try directory.runs()
        let now = Timestamp.now().millisecondsSinceEpoch
        var pruning = Pruning()
        pruning.keptRuns = runs.count
        pruning.keptBytes = runs.reduce(0) { $0 + $1.bytes }
        func age(_ run: SpooledRun) -> Duration {
            .milliseconds(now - run.lastWrittenAt.millisecondsSinceEpoch)
        }
        for run in runs {
            let isOver = run.state == .unknown ? age(run) > Self.quiet : run.state != .running
            let isOld = maxAge.map { age(run) > $0 } ?? false
            let isTooMuch = maxBytes.map { pruning.keptBytes > $0 } ?? false
            guard isOver, isOld || isTooMuch else { continue }
            if let error = directory.remove(run) {
                pruning.failed.append(Pruning.Failure(run: run.name, errno: error))
                continue
            }
            pruning.removed.append(run.name)
            pruning.removedBytes += run.bytes
            pruning.keptRuns -= 1
            pruning.keptBytes -= run.bytes
        }
        return pruning
    }
}

/// The same for as long as it takes to look at it.
private final class OpenDirectory {
    private let path: OSString
    private let descriptor: Int32

    init(_ path: OSString) throws(DrainError) {
        self.path = path
        guard !path.bytes.isEmpty, !path.holdsNUL else {
            throw DrainError(.spool, path.description, .notFound)
        }
        var name = CStrings([path])
        descriptor = unsafe name.withPointers { unsafe open($0[0]!, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
        if descriptor < 0 { throw DrainError(.spool, path.description, .current) }
    }

    deinit {
        close(descriptor)
    }

    func runs() throws(DrainError) -> [SpooledRun] {
        var found: [String: [(SpoolName, String)]] = [:]
        for name in try names() {
            if let spool = SpoolName(name) { found[spool.run, default: []].append((spool, name)) }
        }
        return found.compactMap { run, files in look(run, files) }.sorted {
            ($0.startedAt.millisecondsSinceEpoch, $0.name) < ($1.startedAt.millisecondsSinceEpoch, $1.name)
        }
    }

    private func names() throws(DrainError) -> [String] {
        do throws(Errno) { return try directoryNames(descriptor) } catch {
            throw DrainError(.spool, path.description, error)
        }
    }

    /// Nil when everything of it is gone by now, or nothing of it is a file.
    private func look(_ name: String, _ files: [(SpoolName, String)]) -> SpooledRun? {
        guard let startedAt = SpoolName.startedAt(name) else { return nil }
        var run = SpooledRun(name: name, startedAt: startedAt, lastWrittenAt: startedAt)
        var parts: [Stream: [Part]] = [:]
        var sidecar: String?
        for (spool, file) in files {
            guard let info = status(file) else { continue }
            let written = Timestamp(info.st_mtim)
            run.bytes += Int(info.st_size)
            if written.millisecondsSinceEpoch > run.lastWrittenAt.millisecondsSinceEpoch {
                run.lastWrittenAt = written
            }
            run.files.append(file)
            switch spool.file {
            case .part(let stream, let offset, _):
                let part = Part(path: join(file), offset: offset, size: Int(info.st_size))
                parts[stream, default: []].append(part)
            case .sidecar: sidecar = file
            case .draft: break
            }
        }
        if run.files.isEmpty { return nil }
        run.stdout = parts[.stdout].map { SpoolFiles($0) }
        run.stderr = parts[.stderr].map { SpoolFiles($0) }
        guard let sidecar else { return run }
        // As long as it is there, the others are known to be a run's.
        run.files.removeAll { $0 == sidecar }
        run.files.append(sidecar)
        SpoolNote(sidecar, in: descriptor)?.describe(&run)
        return run
    }

    /// Of a regular file; nothing else is a run's.
    private func status(_ name: String) -> stat? {
        var info = stat()
        guard unsafe fstatat(descriptor, name, &info, AT_SYMLINK_NOFOLLOW) == 0 else { return nil }
        return info.st_mode & S_IFMT == S_IFREG ? info : nil
    }

    private func join(_ name: String) -> OSString {
        let slash = path.bytes.last == UInt8(ascii: "/") ? "" : "/"
        return OSString(bytes: path.bytes + Array((slash + name).utf8))
    }

    /// Why it is not gone, or not all of it.
    func remove(_ run: SpooledRun) -> Errno? {
        for file in run.files where unsafe unlinkat(descriptor, file, 0) != 0 {
            let error = Errno.current
            if error != .notFound { return error }
        }
        return nil
    }
}

private struct Part {
    let path: OSString
    let offset: Int
    let size: Int
}

extension SpoolFiles {
    /// The last parts that follow each other without a gap: the oldest may be going just now.
    fileprivate init(_ parts: [Part]) {
        let parts = parts.sorted { $0.offset < $1.offset }
        var first = parts.count - 1
        while first > 0, parts[first - 1].offset + parts[first - 1].size == parts[first].offset { first -= 1 }
        let kept = parts[first...]
        self.init(
            paths: kept.map(\.path), offset: kept[first].offset, bytes: kept.reduce(0) { $0 + $1.size })
    }
}

extension Timestamp {
    fileprivate init(_ time: timespec) {
        self.init(millisecondsSinceEpoch: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
    }
}

extension SpoolStore.Pruning {
    /// One JSON object and a newline.
    public func json() -> String {
        JSONWriter.line { writer in
            writer.key("removed")
            writer.beginArray()
            for run in removed { writer.value(run) }
            writer.endArray()
            for (name, count) in [
                ("removed_bytes", removedBytes), ("kept", keptRuns), ("kept_bytes", keptBytes),
            ] {
                writer.key(name)
                writer.value(count)
            }
            writer.key("failed")
            writer.beginArray()
            for failure in failed {
                writer.beginObject()
                writer.key("run")
                writer.value(failure.run)
                writer.key("errno")
                writer.value(failure.errno.name)
                writer.endObject()
            }
            writer.endArray()
        }
    }
}

extension SpoolStore {
    /// One JSON object and a newline: the runs, and what they have in all.
    public static func json(of runs: [SpooledRun]) -> String {
        JSONWriter.line { writer in
            writer.key("runs")
            writer.beginArray()
            for run in runs { run.write(to: &writer) }
            writer.endArray()
            writer.key("bytes")
            writer.value(runs.reduce(0) { $0 + $1.bytes })
        }
    }
}
