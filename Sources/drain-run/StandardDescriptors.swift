#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// Descriptors 0, 1 and 2, which somebody may have closed before starting us. The next file opened
/// would get the number, and a message or a report would end up in it.
enum StandardDescriptors {
    /// Puts /dev/null where one is missing. Returns those that were.
    static func fill() -> Set<Int32> {
        var missing: Set<Int32> = []
        for number in Int32(0)...2 where fcntl(number, F_GETFD) < 0 {
            missing.insert(number)
            // The lowest free number, so this one.
            _ = unsafe open("/dev/null", O_RDWR)
        }
        return missing
    }
}
