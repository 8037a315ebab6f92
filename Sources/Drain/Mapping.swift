import CDrain

/// Memory that a child's stream was kept in, unmapped when nobody refers to it any more.
///
/// Unchecked: it is never written again once it is one of these, so any thread may read it.
@safe final class Mapping: @unchecked Sendable {
    private let base: UnsafePointer<UInt8>?
    private let mapped: Int

    /// Takes over what `drain_take` gave.
    init(_ buffer: drain_buffer) {
        unsafe base = buffer.base
        mapped = unsafe buffer.mapped
    }

    deinit {
        unsafe drain_unmap(base, mapped)
    }

    /// The bytes of a range of offsets, good for as long as `self` lives.
    func bytes(_ range: Range<Int>) -> UnsafeRawBufferPointer {
        guard let base = unsafe base, !range.isEmpty else {
            return unsafe UnsafeRawBufferPointer(start: nil, count: 0)
        }
        precondition(range.lowerBound >= 0 && range.upperBound <= mapped)
        return unsafe UnsafeRawBufferPointer(start: base + range.lowerBound, count: range.count)
    }
}
