import CDrain

/// What was kept of one stream, and how much there was.
///
/// A value; copies share the memory that the stream was read into, which nobody writes any more
/// and which is unmapped with the last copy. Any thread may use it.
public struct Capture: Sendable {
    /// The bytes that were kept, without the notice.
    public let bytes: KeptBytes
    /// Bytes that the stream carried in all.
    public let totalCount: Int
    /// Whether the stream was read to its end; false when it was given up while some process held it.
    public let reachedEnd: Bool
    /// The line that says how many bytes are missing, if it was asked for, bytes are, and it fits.
    public let notice: String?
    /// Of `bytes`, how many stand before the place where bytes are missing.
    public let headCount: Int

    /// Bytes that were kept.
    public var keptCount: Int { bytes.count }
    /// Bytes that were counted and thrown away.
    public var truncatedCount: Int { totalCount - keptCount }
    public var isTruncated: Bool { truncatedCount > 0 }

    /// Whether the kept bytes are valid UTF-8. Reads all of them.
    public var isValidUTF8: Bool {
        var repair = UTF8Repair()
        var valid = true
        unsafe bytes.forEachRun { run in valid = unsafe valid && repair.isWellFormed(run) }
        repair.finish { valid = false }
        return valid
    }

    /// The kept bytes with the notice in its place, as text: invalid UTF-8 becomes U+FFFD. A copy.
    public var text: String {
        guard notice != nil else { return String(decoding: Array(bytes), as: UTF8.self) }
        return String(decoding: content, as: UTF8.self)
    }

    /// The kept bytes with the notice in its place. A copy.
    public var content: [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(keptCount + (notice?.utf8.count ?? 0))
        unsafe forEachPiece { unsafe result.append(contentsOf: $0) }
        return result
    }

    /// The same piece by piece, without a copy. The memory is good inside of `body` only.
    package func forEachPiece<E>(_ body: (UnsafeRawBufferPointer) throws(E) -> Void) throws(E) {
        var left = headCount
        var noticed = notice == nil
        try unsafe bytes.forEachRun { (run) throws(E) in
            if !noticed, left == 0 {
                noticed = true
                try unsafe notice.pass(body)
            }
            try unsafe body(run)
            left -= min(left, run.count)
        }
        if !noticed { try unsafe notice.pass(body) }
    }

    init(_ buffer: drain_buffer, _ retention: Retention) {
        let mapping = unsafe Mapping(buffer)
        let stored = unsafe Stored(buffer)
        let parts = retention.parts(of: stored)
        bytes = KeptBytes(
            mapping: mapping, runs: stored.offsets(of: parts.head) + stored.offsets(of: parts.tail))
        totalCount = stored.total
        reachedEnd = unsafe buffer.eof
        notice = parts.notice
        headCount = parts.head.count
    }

    /// A stream that carried nothing, of a command that did not run.
    init() {
        bytes = KeptBytes(mapping: nil, runs: [])
        totalCount = 0
        reachedEnd = true
        notice = nil
        headCount = 0
    }
}

extension String? {
    fileprivate func pass<E>(_ body: (UnsafeRawBufferPointer) throws(E) -> Void) throws(E) {
        guard let self else { return }
        let bytes = Array(self.utf8)
        // Typed errors do not pass through withUnsafeBytes yet: carry it around.
        var failure: E?
        unsafe bytes.withUnsafeBytes { buffer in
            do throws(E) { try unsafe body(buffer) } catch { failure = error }
        }
        if let failure { throw failure }
    }
}

/// Bytes of a stream where they were read to: a collection over one to three stretches of memory.
public struct KeptBytes: RandomAccessCollection, Sendable {
    private let mapping: Mapping?
    private let offsets: [Range<Int>]
    public let count: Int

    init(mapping: Mapping?, runs: [Range<Int>]) {
        self.mapping = mapping
        // Stretches that follow each other are one.
        var joined: [Range<Int>] = []
        for run in runs where !run.isEmpty {
            if let last = joined.last, last.upperBound == run.lowerBound {
                joined[joined.count - 1] = last.lowerBound..<run.upperBound
            } else {
                joined.append(run)
            }
        }
        offsets = joined
        count = runs.reduce(0) { $0 + $1.count }
    }

    public var startIndex: Int { 0 }
    public var endIndex: Int { count }

    /// O(1).
    public subscript(position: Int) -> UInt8 {
        precondition(position >= 0 && position < count, "index out of range")
        var left = position
        for run in offsets {
            if left < run.count {
                return unsafe mapping!.bytes(run)[left]
            }
            left -= run.count
        }
        return 0
    }

    /// Calls `body` with each stretch in order, at most three of them, without copying.
    public func forEachSpan<E>(_ body: (RawSpan) throws(E) -> Void) throws(E) {
        try unsafe forEachRun { (run) throws(E) in try unsafe body(RawSpan(_unsafeBytes: run)) }
    }

    public func withContiguousStorageIfAvailable<R>(
        _ body: (UnsafeBufferPointer<UInt8>) throws -> R
    ) rethrows -> R? {
        guard let mapping, offsets.count == 1 else { return nil }
        let bytes = unsafe mapping.bytes(offsets[0])
        return try withExtendedLifetime(mapping) {
            try unsafe body(bytes.assumingMemoryBound(to: UInt8.self))
        }
    }

    /// The same as buffers, good inside of `body` only.
    func forEachRun<E>(_ body: (UnsafeRawBufferPointer) throws(E) -> Void) throws(E) {
        guard let mapping else { return }
        for run in offsets { try unsafe body(mapping.bytes(run)) }
    }
}
