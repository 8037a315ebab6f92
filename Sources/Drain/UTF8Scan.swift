import CDrain

/// Well-formed and ill-formed UTF-8, as table 3-7 of the Unicode standard has it. Ill-formed bytes
/// are taken in maximal subparts, each of which becomes one U+FFFD: what Swift's `String(decoding:)`
/// and Python's `decode(errors="replace")` do.
enum UTF8Scan {
    /// What stands at the start of some bytes.
    enum Step {
        case wellFormed(Int)
        case illFormed(Int)
        /// The bytes end inside what may be a sequence; more of them would tell.
        case unfinished
    }

    /// Looks at bytes[index...], of which there is at least one.
    @inline(__always)
    static func step(at index: Int, in bytes: UnsafeRawBufferPointer) -> Step {
        let lead = unsafe bytes[index]
        if lead < 0x80 { return .wellFormed(1) }
        // The second byte of some leads has a narrower range than the others.
        var low: UInt8 = 0x80
        var high: UInt8 = 0xBF
        let length: Int
        switch lead {
        case 0xC2...0xDF: length = 2
        case 0xE0: (length, low) = (3, 0xA0)
        case 0xED: (length, high) = (3, 0x9F)
        case 0xE1...0xEF: length = 3
        case 0xF0: (length, low) = (4, 0x90)
        case 0xF1...0xF3: length = 4
        case 0xF4: (length, high) = (4, 0x8F)
        default: return .illFormed(1)
        }
        var have = 1
        while have < length {
            guard index + have < bytes.count else { return .unfinished }
            let byte = unsafe bytes[index + have]
            guard byte >= low, byte <= high else { return .illFormed(have) }
            (low, high) = (0x80, 0xBF)
            have += 1
        }
        return .wellFormed(length)
    }

    /// Whether all of it is.
    static func isWellFormed(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard let base = unsafe bytes.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return true }
        var index = unsafe drain_text_skip(base, 0, bytes.count, false)
        while index < bytes.count {
            guard case .wellFormed(let length) = unsafe step(at: index, in: bytes) else { return false }
            index += length
        }
        return true
    }

    /// The length of the well-formed sequence at bytes[index...], 0 if there is none.
    static func sequence(at index: Int, in bytes: UnsafeRawBufferPointer) -> Int {
        if case .wellFormed(let length) = unsafe step(at: index, in: bytes) { return length }
        return 0
    }

    /// How many bytes at the end are the start of what may be a sequence.
    static func unfinished(_ bytes: Slice<UnsafeRawBufferPointer>) -> Int {
        var index = unsafe bytes.endIndex
        // Its lead is one of the last three.
        while unsafe index > max(bytes.startIndex, bytes.endIndex - 3) {
            index -= 1
            let byte = unsafe bytes[index]
            if byte < 0x80 { break }
            if byte < 0xC0 { continue }
            if case .unfinished = unsafe step(at: index, in: bytes.base) {
                return unsafe bytes.endIndex - index
            }
            break
        }
        return 0
    }
}
