#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// Memory that a stream is read through, piece by piece. Used by one thread at a time.
@safe final class PageScratch: @unchecked Sendable {
    let memory: UnsafeMutableRawBufferPointer
    init(_ size: Int) { unsafe memory = .allocate(byteCount: size, alignment: 64) }
    deinit { unsafe memory.deallocate() }
}

/// A stream as it is at one time, to look for newlines in.
struct PageView {
    let source: any PageSource
    let extents: PageExtents
    let scratch: PageScratch

    /// A piece of what is there from the start of a range on.
    private func piece(of range: Range<Int>) throws(PageError) -> UnsafeRawBufferPointer {
        let room = min(range.count, unsafe scratch.memory.count)
        let count = try unsafe source.read(
            at: range.lowerBound, into: UnsafeMutableRawBufferPointer(rebasing: scratch.memory[..<room]))
        if count <= 0 { throw PageError(.vanished, "position \(range.lowerBound) of the stream") }
        return unsafe UnsafeRawBufferPointer(rebasing: scratch.memory[..<count])
    }

    func byte(at position: Int) throws(PageError) -> UInt8? {
        guard extents.range(at: position) != nil else { return nil }
        return unsafe try piece(of: position..<position + 1)[0]
    }

    /// A copy.
    func bytes(_ range: Range<Int>) throws(PageError) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(range.count)
        while result.count < range.count {
            unsafe result.append(
                contentsOf: try piece(of: range.lowerBound + result.count..<range.upperBound))
        }
        return result
    }

    /// As many bytes as it takes to have so many newlines, and some more; all of the range if they are fewer.
    func bytes(_ range: Range<Int>, newlines wanted: Int) throws(PageError) -> [UInt8] {
        var result: [UInt8] = []
        var found = 0
        var step = 1 << 13
        while result.count < range.count, found < wanted {
            let start = range.lowerBound + result.count
            let bytes = try unsafe piece(
                of: start..<min(range.upperBound, start + min(step, range.upperBound - start)))
            unsafe found += Newlines.count(bytes)
            unsafe result.append(contentsOf: bytes)
            step = min(step * 2, 1 << 20)
        }
        return result
    }

    func newlines(in range: Range<Int>) throws(PageError) -> Int {
        var count = 0
        var position = range.lowerBound
        while position < range.upperBound {
            let bytes = try unsafe piece(of: position..<range.upperBound)
            unsafe count += Newlines.count(bytes)
            position += bytes.count
        }
        return count
    }

    enum Found {
        case at(Int)
        /// The range has fewer: so many.
        case only(Int)
    }

    /// The newline with a number, the first being 1.
    func newline(_ number: Int, in range: Range<Int>) throws(PageError) -> Found {
        var before = 0
        var position = range.lowerBound
        while position < range.upperBound {
            let bytes = try unsafe piece(of: position..<range.upperBound)
            let count = unsafe Newlines.count(bytes)
            if before + count >= number {
                return unsafe .at(position + Newlines.position(number - before, in: bytes))
            }
            before += count
            position += bytes.count
        }
        return .only(before)
    }

    /// The same from the end of the range: the last one is 1. Reads no more than it needs to, backwards.
    func newline(_ number: Int, beforeEndOf range: Range<Int>) throws(PageError) -> Int? {
        var behind = 0
        var end = range.upperBound
        var step = min(unsafe scratch.memory.count, 1 << 13)
        while end > range.lowerBound {
            let start = max(range.lowerBound, end - step)
            let count = try newlines(in: start..<end)
            if count >= number - behind,
                case .at(let position) = try newline(
                    count - (number - behind) + 1, in: start..<end)
            {
                return position
            }
            behind += count
            end = start
            step = min(unsafe scratch.memory.count, step * 2)
        }
        return nil
    }
}

enum Newlines {
    private static let byte = UInt8(ascii: "\n")

    /// At the speed of memory: eight bytes at a time, a lane of a word for each.
    static func count(_ bytes: UnsafeRawBufferPointer) -> Int {
        guard let base = bytes.baseAddress else { return 0 }
        let (low, newlines) = (UInt64(0x7F7F_7F7F_7F7F_7F7F), UInt64(byte) &* 0x0101_0101_0101_0101)
        let count = bytes.count
        var total = 0
        var index = 0
        while count &- index >= 8 {
            // A lane holds 255 at most.
            let end = index &+ min((count &- index) / 8, 255) &* 8
            var lanes: UInt64 = 0
            while index < end {
                // What is a newline is 0 here, and its highest bit stays 0 below.
                let word = unsafe base.loadUnaligned(fromByteOffset: index, as: UInt64.self) ^ newlines
                lanes &+= ~(((word & low) &+ low) | word | low) &>> 7
                index &+= 8
            }
            let pairs: UInt64 = (lanes & 0x00FF_00FF_00FF_00FF) &+ ((lanes &>> 8) & 0x00FF_00FF_00FF_00FF)
            total &+= Int(truncatingIfNeeded: (pairs &* 0x0001_0001_0001_0001) &>> 48)
        }
        while index < count {
            total &+= unsafe bytes[index] == byte ? 1 : 0
            index &+= 1
        }
        return total
    }

    /// Where the newline with a number, the first being 1, stands; there are so many.
    static func position(_ number: Int, in bytes: UnsafeRawBufferPointer) -> Int {
        var start = 0
        for left in stride(from: number, through: 1, by: -1) {
            guard let base = bytes.baseAddress,
                let found = unsafe memchr(base + start, Int32(byte), bytes.count - start)
            else { break }
            let index = unsafe UnsafeRawPointer(found) - base
            if left == 1 { return index }
            start = index + 1
        }
        return bytes.count
    }
}
