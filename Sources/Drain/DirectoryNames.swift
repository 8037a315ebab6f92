#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// The names in an open directory, in no order: readdir(3), on a descriptor of its own.
func directoryNames(_ descriptor: Int32) throws(Errno) -> [String] {
    let again = unsafe openat(descriptor, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard again >= 0, let list = unsafe fdopendir(again) else {
        let error = Errno.current
        if again >= 0 { close(again) }
        throw error
    }
    defer { unsafe _ = closedir(list) }
    var names: [String] = []
    while let entry = unsafe readdir(list) {
        let name = unsafe withUnsafeBytes(of: entry.pointee.d_name) { bytes in
            unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        names.append(name)
    }
    return names
}
