import CDrain

/// UTF-8 that comes in several stretches, as if they were one: keeps the start of a sequence that a
/// stretch ended in until the next one tells what it is.
struct UTF8Repair {
    /// At most three bytes.
    private var carry: [UInt8] = []

    /// A stretch ends inside of what may be a sequence, at `index`.
    mutating func suspend(_ bytes: UnsafeRawBufferPointer, at index: Int) {
        unsafe carry.append(contentsOf: bytes[index...])
    }

    /// Decides about what was kept back, with the bytes of the next stretch; `sequence` gets it if it is
    /// well-formed. Returns how many of those bytes were taken; all of them if it is still not decided.
    mutating func resume(
        _ bytes: UnsafeRawBufferPointer, sequence: (UnsafeRawBufferPointer) -> Void, replacement: () -> Void
    ) -> Int {
        guard !carry.isEmpty else { return 0 }
        // One byte at a time: the one that shows what was kept back to be ill-formed is no part of it.
        for index in 0..<bytes.count {
            unsafe carry.append(bytes[index])
            switch unsafe carry.withUnsafeBytes({ unsafe UTF8Scan.step(at: 0, in: $0) }) {
            case .unfinished:
                continue
            case .illFormed:
                replacement()
                carry.removeAll()
                return index
            case .wellFormed:
                unsafe carry.withUnsafeBytes { unsafe sequence($0) }
                carry.removeAll()
                return index + 1
            }
        }
        return bytes.count
    }

    /// There is no more: what was kept back is an unfinished sequence.
    mutating func finish(replacement: () -> Void) {
        if !carry.isEmpty { replacement() }
        carry.removeAll()
    }

    /// Whether a stretch is well-formed, after what came before it.
    mutating func isWellFormed(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var valid = true
        var index = unsafe resume(bytes) { _ in
        } replacement: {
            valid = false
        }
        guard valid, let base = unsafe bytes.baseAddress?.assumingMemoryBound(to: UInt8.self) else {
            return valid
        }
        index += unsafe drain_text_skip(base, index, bytes.count, false)
        // The few bytes behind that, or those that show why it ended.
        while valid, index < bytes.count {
            switch unsafe UTF8Scan.step(at: index, in: bytes) {
            case .wellFormed(let length): index += length
            case .illFormed: valid = false
            case .unfinished:
                unsafe suspend(bytes, at: index)
                return true
            }
        }
        return valid
    }
}
