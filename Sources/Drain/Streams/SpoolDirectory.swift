#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// The directory of a spool, held open: what is done in it is done in this one, whatever its path leads to later.
final class SpoolDirectory: Sendable {
    let descriptor: Int32
    /// Of the file system.
    let device: UInt64
    private let inode: UInt64
    /// Absolute.
    private let path: OSString

    /// - Throws: `DrainError.Kind.spool`.
    init(_ path: OSString) throws(DrainError) {
        if path.bytes.isEmpty || path.holdsNUL { throw DrainError(.spool, path.description, .notFound) }
        let bytes = path.bytes.map { CChar(bitPattern: $0) } + [0]
        descriptor = unsafe open(bytes, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        if descriptor < 0 { throw DrainError(.spool, path.description, .current) }
        var info = stat()
        let failed = unsafe fstat(descriptor, &info) != 0
        device = UInt64(info.st_dev)
        inode = UInt64(info.st_ino)
        self.path = SpoolDirectory.absolute(path)
        if failed { throw DrainError(.spool, path.description, .current) }
    }

    deinit { close(descriptor) }

    private static func absolute(_ path: OSString) -> OSString {
        if path.bytes.first == UInt8(ascii: "/") { return path }
        var room = [CChar](repeating: 0, count: Int(PATH_MAX))
        guard unsafe getcwd(&room, room.count) != nil else { return path }
        let own = room.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        return OSString(bytes: own + (own.last == UInt8(ascii: "/") ? [] : Array("/".utf8)) + path.bytes)
    }

    /// Of a file in it.
    func path(of name: String) -> OSString {
        let separator = path.bytes.last == UInt8(ascii: "/") ? "" : "/"
        return OSString(bytes: path.bytes + Array((separator + name).utf8))
    }

    /// Whether the path still leads here: stat(2).
    var isInPlace: Bool {
        var info = stat()
        let bytes = path.bytes.map { CChar(bitPattern: $0) } + [0]
        return unsafe stat(bytes, &info) == 0 && UInt64(info.st_dev) == device && UInt64(info.st_ino) == inode
    }

    /// Puts a file there, whole or not at all, in the place of what had its name: rename(2).
    ///
    /// - Parameter lock: if given, takes the file, which stays open and locked: flock(2).
    func replace(_ name: String, _ bytes: [UInt8], lock: FileLock? = nil) -> Errno? {
        let temporary = ".\(name).tmp"
        let flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC
        let file = unsafe openat(descriptor, temporary, flags, 0o600)
        if file < 0 { return .current }
        var error = fchmod(file, 0o600) == 0 ? nil : Errno.current
        if error == nil { error = SpoolDirectory.fill(file, bytes) }
        lock?.take(file)
        if lock == nil, close(file) != 0, error == nil { error = .current }
        if error == nil, unsafe renameat(descriptor, temporary, descriptor, name) != 0 { error = .current }
        if error != nil { remove(temporary) }
        return error
    }

    /// The same without room for another file, and not whole at every moment: what needs no more than the
    /// first block of a file that is there always finds room.
    func overwrite(_ name: String, _ bytes: [UInt8]) -> Errno? {
        var info = stat()
        let file = unsafe openat(descriptor, name, O_WRONLY | O_NOFOLLOW | O_CLOEXEC)
        if file < 0 { return .current }
        defer { close(file) }
        guard unsafe fstat(file, &info) == 0, bytes.count <= Int(info.st_blksize) else {
            return Errno(rawValue: ENOSPC)
        }
        return SpoolDirectory.fill(file, bytes)
            ?? (ftruncate(file, off_t(bytes.count)) == 0 ? nil : .current)
    }

    private static func fill(_ file: Int32, _ bytes: [UInt8]) -> Errno? {
        var done = 0
        while done < bytes.count {
            let count = unsafe bytes.withUnsafeBytes {
                unsafe write(file, $0.baseAddress! + done, bytes.count - done)
            }
            if count < 0, errno == EINTR { continue }
            if count <= 0 { return count < 0 ? .current : Errno(rawValue: ENOSPC) }
            done += count
        }
        return nil
    }

    func remove(_ name: String) { unsafe _ = unlinkat(descriptor, name, 0) }
}

/// A file that is held open and locked for as long as somebody writes what it tells of: whatever ends the process
/// gives it back. Where there is no lock to be had, nothing is held.
///
/// Unchecked: taken before it is shared.
final class FileLock: @unchecked Sendable {
    private var descriptor: Int32 = -1

    /// The file is owned from now on.
    fileprivate func take(_ file: Int32) {
        descriptor = file
        _ = flock(file, LOCK_EX | LOCK_NB)
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
    }
}
