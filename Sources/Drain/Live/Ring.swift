#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// Memory that the core puts a stream into, and that is copied out of by whoever reads it: mmap(2).
///
/// Unchecked: `Feed` says who may touch which bytes of it, behind a lock.
@safe final class Ring: @unchecked Sendable {
    let base: UnsafeMutablePointer<UInt8>
    let size: Int

    init(size: Int) throws(DrainError) {
        let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
        guard let memory = unsafe mmap(nil, size, PROT_READ | PROT_WRITE, flags, -1, 0),
            unsafe memory != MAP_FAILED
        else { throw DrainError(.system, "mmap of the buffers", .current) }
        unsafe base = memory.bindMemory(to: UInt8.self, capacity: size)
        self.size = size
    }

    deinit {
        unsafe _ = munmap(base, size)
    }

    /// Copies bytes by their numbers.
    func copy(_ range: Range<Int>, to target: UnsafeMutableRawPointer) {
        let at = range.lowerBound % size
        let first = min(size - at, range.count)
        unsafe target.copyMemory(from: base + at, byteCount: first)
        if range.count > first {
            unsafe (target + first).copyMemory(from: base, byteCount: range.count - first)
        }
    }
}

/// Memory for bytes of our own. Bytes that were handed out are never written again while others refer to it.
@safe final class ByteBlock: @unchecked Sendable {
    let base: UnsafeMutableRawPointer
    let capacity: Int

    init(capacity: Int) {
        unsafe base = .allocate(byteCount: capacity, alignment: 64)
        self.capacity = capacity
    }

    deinit {
        unsafe base.deallocate()
    }

    /// Good for as long as `self` lives.
    func bytes(_ range: Range<Int>) -> UnsafeRawBufferPointer {
        unsafe UnsafeRawBufferPointer(start: base + range.lowerBound, count: range.count)
    }
}
