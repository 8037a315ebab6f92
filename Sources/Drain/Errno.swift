#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// An error number of Linux: errno(3).
public struct Errno: RawRepresentable, Sendable, Hashable {
    public let rawValue: Int32
    public init(rawValue: Int32) { self.rawValue = rawValue }

    static var current: Errno { Errno(rawValue: errno) }

    /// The symbolic name, `ENOENT`; `E123` for one that this table lacks.
    public var name: String { Errno.names[rawValue] ?? "E\(rawValue)" }

    /// What the C library says of it, `No such file or directory`.
    public var message: String {
        guard let text = unsafe strerror(rawValue) else { return name }
        return unsafe String(cString: text)
    }

    // glibc has strerrorname_np, musl has nothing.
    private static let names: [Int32: String] = [
        EPERM: "EPERM", ENOENT: "ENOENT", ESRCH: "ESRCH", EINTR: "EINTR", EIO: "EIO",
        ENXIO: "ENXIO", E2BIG: "E2BIG", ENOEXEC: "ENOEXEC", EBADF: "EBADF", ECHILD: "ECHILD",
        EAGAIN: "EAGAIN", ENOMEM: "ENOMEM", EACCES: "EACCES", EFAULT: "EFAULT",
        ENOTBLK: "ENOTBLK", EBUSY: "EBUSY", EEXIST: "EEXIST", EXDEV: "EXDEV", ENODEV: "ENODEV",
        ENOTDIR: "ENOTDIR", EISDIR: "EISDIR", EINVAL: "EINVAL", ENFILE: "ENFILE",
        EMFILE: "EMFILE", ENOTTY: "ENOTTY", ETXTBSY: "ETXTBSY", EFBIG: "EFBIG",
        ENOSPC: "ENOSPC", ESPIPE: "ESPIPE", EROFS: "EROFS", EMLINK: "EMLINK", EPIPE: "EPIPE",
        EDOM: "EDOM", ERANGE: "ERANGE", EDEADLK: "EDEADLK", ENAMETOOLONG: "ENAMETOOLONG",
        ENOLCK: "ENOLCK", ENOSYS: "ENOSYS", ENOTEMPTY: "ENOTEMPTY", ELOOP: "ELOOP",
        EOVERFLOW: "EOVERFLOW", EILSEQ: "EILSEQ", EUSERS: "EUSERS", ENOTSOCK: "ENOTSOCK",
        EOPNOTSUPP: "EOPNOTSUPP", ECONNRESET: "ECONNRESET", ENOBUFS: "ENOBUFS",
        ETIMEDOUT: "ETIMEDOUT", ESTALE: "ESTALE", EDQUOT: "EDQUOT", ECANCELED: "ECANCELED",
        EKEYEXPIRED: "EKEYEXPIRED", EREMOTEIO: "EREMOTEIO", ELIBBAD: "ELIBBAD",
        ELIBACC: "ELIBACC", ENOKEY: "ENOKEY", EPROTO: "EPROTO", EBADMSG: "EBADMSG",
    ]
}

extension Errno {
    static let notFound = Errno(rawValue: ENOENT)
    static let noProcess = Errno(rawValue: ESRCH)
    static let noMemory = Errno(rawValue: ENOMEM)
    static let again = Errno(rawValue: EAGAIN)
    static let noChild = Errno(rawValue: ECHILD)
    static let timedOut = Errno(rawValue: ETIMEDOUT)
    static let invalid = Errno(rawValue: EINVAL)
}
