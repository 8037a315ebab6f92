import Drain

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// What drain-run itself writes.
enum Output {
    /// All of it, however slow the reader.
    static func emit(_ span: RawSpan, to descriptor: Int32) throws(Errno) {
        var failure: Errno?
        unsafe span.withUnsafeBytes { bytes in
            var rest = unsafe bytes
            while rest.count > 0 {
                let count = unsafe write(descriptor, rest.baseAddress, rest.count)
                if count < 0 {
                    let error = errno
                    if error == EINTR { continue }
                    if error == EAGAIN, waitForRoom(descriptor) { continue }
                    failure = Errno(rawValue: error)
                    return
                }
                unsafe rest = UnsafeRawBufferPointer(rebasing: rest[count...])
            }
        }
        if let failure { throw failure }
    }

    /// Somebody else may have made our standard output non-blocking.
    private static func waitForRoom(_ descriptor: Int32) -> Bool {
        var set = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        return unsafe poll(&set, 1, -1) >= 0 || errno == EINTR
    }

    static func print(_ text: String) throws(Complaint) {
        do throws(Errno) { try emit(text, to: 1) } catch {
            throw Complaint("cannot write to standard output: \(error.message)")
        }
    }

    /// One line on standard error. There is nobody to tell when that fails.
    static func complain(_ message: String) {
        let line = String(String.UnicodeScalarView(message.unicodeScalars.map { $0.value < 0x20 ? "?" : $0 }))
        try? emit("drain-run: \(line)\n", to: 2)
    }

    /// Something for the terminal on standard error.
    static func show(_ text: String) {
        try? emit(text, to: 2)
    }

    private static func emit(_ text: String, to descriptor: Int32) throws(Errno) {
        let bytes = Array(text.utf8)
        try unsafe emit(bytes.span.bytes, to: descriptor)
    }
}
