#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// A stream in files, which may grow at its end, get parts and lose its oldest ones.
struct PageFiles: PageSource {
    private let files: SpoolFiles
    private let streamBytes: Int
    private let isComplete: Bool
    /// What was known when it was last looked at, those included that are gone.
    private var known: [OSString: Part] = [:]
    /// What is there, in order.
    private var parts: [Part] = []

    private struct Part: Sendable {
        var path: OSString
        /// Its first byte's position in the stream.
        var start: Int
        var size: Int
        var identity: Identity
        var range: Range<Int> { start..<start + size }
    }

    /// Tells a file from another that has got its name.
    private struct Identity: Hashable, Sendable {
        var device: UInt64
        var inode: UInt64
        init(_ info: stat) {
            device = UInt64(info.st_dev)
            inode = UInt64(info.st_ino)
        }
    }

    /// - Parameter older: the same stream as it was before, whose parts are where they were.
    init(_ files: SpoolFiles, streamBytes: Int?, isComplete: Bool, after older: PageFiles?) throws(PageError)
    {
        let end = files.offset.addingReportingOverflow(files.bytes)
        if files.offset < 0 || files.bytes < 0 || end.overflow || (streamBytes ?? 0) < 0 {
            throw PageError(
                .invalidFiles, "\(files.bytes) bytes from \(files.offset) on, of \(streamBytes ?? 0)")
        }
        for path in files.paths where path.bytes.isEmpty || path.holdsNUL {
            throw PageError(.invalidFiles, "'\(path)' is no path")
        }
        self.files = files
        self.streamBytes = streamBytes ?? 0
        self.isComplete = isComplete
        known = older?.known.filter { files.paths.contains($0.key) } ?? [:]
    }

    mutating func look() throws(PageError) -> PageExtents {
        var found: [Found] = []
        for path in files.paths {
            let info = try status(path)
            // A file that bears the name of one that is gone is another's.
            let isSame = info.map { info in known[path].map { $0.identity == Identity(info) } ?? true }
            found.append(Found(path: path, info: isSame == true ? info : nil))
        }
        placeForwards(&found)
        if isComplete { try placeBackwards(&found) }
        parts = []
        for file in found {
            guard let info = file.info else { continue }
            guard let start = file.start, start >= files.offset else {
                throw PageError(.unplaced, "'\(file.path)' is there, and others are gone")
            }
            parts.append(
                Part(path: file.path, start: start, size: file.size, identity: Identity(info)))
            known[file.path] = parts.last
        }
        let end = files.offset + files.bytes
        if isComplete { trim(to: end) }
        return PageExtents(
            parts.map(\.range), total: max(streamBytes, isComplete ? end : files.offset),
            isComplete: isComplete)
    }

    private struct Found {
        var path: OSString
        /// Nil if it is gone.
        var info: stat?
        var start: Int?
        var size: Int { max(0, info.map { Int($0.st_size) } ?? 0) }
    }

    /// From the first file on, as far as those before are there or were once.
    private func placeForwards(_ found: inout [Found]) {
        var position: Int? = files.offset
        for index in found.indices {
            let earlier = known[found[index].path]
            position = earlier?.start ?? position
            guard found[index].info != nil else {
                position = nil
                continue
            }
            found[index].start = position
            // One that was cut off does not draw its followers near.
            let size = max(found[index].size, earlier?.size ?? 0)
            position = position.flatMap { sum($0, size) }
        }
    }

    /// From the end on, which is known of a stream that is complete.
    private func placeBackwards(_ found: inout [Found]) throws(PageError) {
        let end = files.offset + files.bytes
        if found.allSatisfy({ $0.info != nil }), found.count > 1, known.isEmpty {
            let held = found.reduce(0) { sum($0, $1.size) ?? .max }
            if held < files.bytes {
                throw PageError(.unplaced, "they hold \(held) bytes, and were to hold \(files.bytes)")
            }
        }
        var position = end
        for index in found.indices.reversed() {
            guard found[index].info != nil, found[index].start == nil else { return }
            position -= found[index].size
            found[index].start = position
        }
    }

    private func sum(_ left: Int, _ right: Int) -> Int? {
        let (result, overflow) = left.addingReportingOverflow(right)
        return overflow ? nil : result
    }

    /// What stands behind the end of the stream is not of it.
    private mutating func trim(to end: Int) {
        for index in parts.indices {
            parts[index].size = max(0, min(parts[index].size, end - parts[index].start))
        }
    }

    /// lstat(2); nil where there is no such file.
    private func status(_ path: OSString) throws(PageError) -> stat? {
        var info = stat()
        let bytes = path.bytes.map { CChar(truncatingIfNeeded: $0) } + [0]
        if unsafe lstat(bytes, &info) != 0 {
            let error = Errno.current
            if error == .notFound { return nil }
            throw PageError(.system, path.description, error)
        }
        if info.st_mode & S_IFMT != S_IFREG { throw PageError(.notAFile, path.description) }
        return info
    }

    /// open(2), fstat(2) and pread(2). No descriptor stays open: the file of one would not be gone from the
    /// disk when it is removed.
    func read(at position: Int, into room: UnsafeMutableRawBufferPointer) throws(PageError) -> Int {
        guard let part = parts.first(where: { $0.range.contains(position) }) else { return 0 }
        let path = part.path.bytes.map { CChar(truncatingIfNeeded: $0) } + [0]
        // A pipe in its place must not hold us up.
        let descriptor = unsafe open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)
        if descriptor < 0 {
            let error = Errno.current
            if error == .notFound { return 0 }
            throw PageError(.system, part.path.description, error)
        }
        defer { close(descriptor) }
        var info = stat()
        if unsafe fstat(descriptor, &info) != 0 {
            throw PageError(.system, part.path.description, .current)
        }
        if Identity(info) != part.identity { return 0 }
        let wanted = min(room.count, part.range.upperBound - position)
        while true {
            let count = unsafe pread(
                descriptor, room.baseAddress, wanted, off_t(position - part.start))
            if count >= 0 { return count }
            if errno != EINTR { throw PageError(.system, part.path.description, .current) }
        }
    }
}
