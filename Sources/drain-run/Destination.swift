import Drain

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// Where the report goes.
enum Destination: Equatable {
    case standardOutput
    case descriptor(Int32)
    case file(OSString)

    init?(_ text: OSString) {
        if text == "-" {
            self = .standardOutput
        } else if text.bytes.starts(with: "fd:".utf8) {
            let digits = String(decoding: text.bytes.dropFirst(3), as: UTF8.self)
            guard let number = Values.count(digits), number <= Int32.max else { return nil }
            self = .descriptor(Int32(number))
        } else {
            guard !text.bytes.isEmpty else { return nil }
            self = .file(text)
        }
    }

    var name: String {
        switch self {
        case .standardOutput: "standard output"
        case .descriptor(let number): "fd:\(number)"
        case .file(let path): "'\(path)'"
        }
    }

    /// Finds out before anything runs that the report would have nowhere to go.
    func check(missing: Set<Int32>) throws(Complaint) {
        switch self {
        case .standardOutput: try checkDescriptor(1, missing)
        case .descriptor(let number): try checkDescriptor(number, missing)
        case .file(let path): try ReportFile(path).check()
        }
    }

    private func checkDescriptor(_ number: Int32, _ missing: Set<Int32>) throws(Complaint) {
        let flags = fcntl(number, F_GETFL)
        guard !missing.contains(number), flags >= 0, flags & O_ACCMODE != O_RDONLY else {
            throw Complaint("--report: \(name) is not open for writing; it takes a file, fd:N or -")
        }
    }

    /// Writes a report and a newline.
    func write(_ report: Report, _ encoding: ContentEncoding) throws(Complaint) {
        switch self {
        case .standardOutput: try write(report, encoding, to: 1)
        case .descriptor(let number): try write(report, encoding, to: number)
        case .file(let path):
            try ReportFile(path).replace { (descriptor) throws(Complaint) in
                try write(report, encoding, to: descriptor)
            }
        }
    }

    private func write(_ report: Report, _ encoding: ContentEncoding, to descriptor: Int32) throws(Complaint)
    {
        var writer = JSONWriter<Errno> { (span) throws(Errno) in try Output.emit(span, to: descriptor) }
        do throws(Errno) {
            try report.write(to: &writer, encoding: encoding)
            try writer.newline()
            try writer.flush()
        } catch {
            throw Complaint("cannot write the report to \(name): \(error.message)")
        }
    }
}

/// A report in a file: whoever reads the file sees the old one or the new one, whole. What is not a
/// plain file (a terminal, a FIFO, /dev/null) is written to as it is.
private struct ReportFile {
    private let path: OSString
    private var target: OSString
    private var mode: mode_t?
    private var plain = true

    init(_ path: OSString) {
        self.path = path
        target = path
        // Behind a symbolic link it is the target that is replaced, not the link.
        if let resolved = unsafe path.withCString({ unsafe realpath($0, nil) }) {
            target = unsafe OSString(bytes: UnsafeRawBufferPointer(start: resolved, count: strlen(resolved)))
            unsafe free(resolved)
        }
        var status = stat()
        if unsafe target.withCString({ unsafe stat($0, &status) }) == 0 {
            plain = status.st_mode & S_IFMT == S_IFREG
            mode = status.st_mode & 0o7777
        }
    }

    private var directory: OSString {
        guard let slash = target.bytes.lastIndex(of: UInt8(ascii: "/")) else { return "." }
        return OSString(bytes: slash == 0 ? [UInt8(ascii: "/")] : Array(target.bytes[..<slash]))
    }

    func check() throws(Complaint) {
        let wanted = plain ? directory : target
        guard unsafe wanted.withCString({ unsafe access($0, plain ? W_OK | X_OK : W_OK) }) == 0 else {
            throw failure(Errno(rawValue: errno))
        }
        var status = stat()
        if unsafe wanted.withCString({ unsafe stat($0, &status) }) == 0 {
            let isDirectory = status.st_mode & S_IFMT == S_IFDIR
            if plain != isDirectory { throw failure(Errno(rawValue: plain ? ENOTDIR : EISDIR)) }
        }
    }

    func replace(_ write: (Int32) throws(Complaint) -> Void) throws(Complaint) {
        guard plain else {
            let descriptor = unsafe target.withCString { unsafe open($0, O_WRONLY | O_CLOEXEC | O_NOCTTY) }
            guard descriptor >= 0 else { throw failure(Errno(rawValue: errno)) }
            defer { close(descriptor) }
            return try write(descriptor)
        }
        let mask = umask(0)
        umask(mask)
        var template = target.bytes.map { CChar(bitPattern: $0) } + ".XXXXXX".utf8CString
        let descriptor = unsafe mkstemp(&template)  // nothing is executed any more
        guard descriptor >= 0 else { throw failure(Errno(rawValue: errno)) }
        defer { close(descriptor) }
        do throws(Complaint) {
            fchmod(descriptor, mode ?? 0o666 & ~mask)
            try write(descriptor)
            guard unsafe target.withCString({ unsafe rename(template, $0) }) == 0 else {
                throw failure(Errno(rawValue: errno))
            }
        } catch {
            unsafe unlink(template)
            throw error
        }
    }

    private func failure(_ error: Errno) -> Complaint {
        Complaint("--report: cannot write '\(path)': \(error.message)")
    }
}

extension OSString {
    fileprivate func withCString<R>(_ body: (UnsafePointer<CChar>) -> R) -> R {
        let terminated = bytes.map { CChar(bitPattern: $0) } + [0]
        return unsafe terminated.withUnsafeBufferPointer { unsafe body($0.baseAddress!) }
    }
}
