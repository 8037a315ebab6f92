import Glibc

@testable import Drain

/// A page by definition: slow, obvious, and with the whole stream at hand.
struct PageModel {
    let stream: [UInt8]
    /// Which positions are there.
    let there: [Range<Int>]
    let isComplete: Bool

    struct Expected: Equatable {
        var offset: Int
        var bytes: [UInt8] = []
        var missing = 0
        var startsInside = false
        var endsInside = false
        var hasMore = false
    }

    private var total: Int { stream.count }
    private func range(at position: Int) -> Range<Int>? { there.first { $0.contains(position) } }
    private func isNewline(_ position: Int) -> Bool { stream[position] == 0x0A }

    func page(_ request: PageRequest) -> Expected {
        guard let start = start(request.start) else { return Expected(offset: total) }
        return page(request, at: start)
    }

    private func page(_ request: PageRequest, at start: Int, looksFurther: Bool = true) -> Expected {
        if start > total { return Expected(offset: start) }
        var result = Expected(offset: start)
        if let range = range(at: start) {
            let inside = insideCharacters(range)
            while inside.contains(result.offset) { result.offset += 1 }
        }
        while result.offset < total, range(at: result.offset) == nil {
            result.offset += 1
            result.missing += 1
        }
        guard let range = range(at: result.offset) else { return result }
        let inside = insideCharacters(range)
        let from = result.offset
        let end = from == range.upperBound ? from : end(request, from, range, inside)
        result.bytes = Array(stream[from..<end])
        if end > from {
            result.startsInside = from > 0 && (self.range(at: from - 1) == nil || !isNewline(from - 1))
            result.endsInside = !isNewline(end - 1) && !(end == total && isComplete)
        }
        if looksFurther {
            let next = page(request, at: end, looksFurther: false)
            result.hasMore = !next.bytes.isEmpty || next.missing > 0
        }
        return result
    }

    private func start(_ start: PageRequest.Start) -> Int? {
        switch start {
        case .byte(let position):
            return position < 0 ? max(0, total + position) : position
        case .line(let line) where line >= 0:
            if line == 0 { return 0 }
            guard let first = there.first, first.lowerBound == 0 else { return total == 0 ? nil : 0 }
            let newlines = first.filter(isNewline)
            if line <= newlines.count { return newlines[line - 1] + 1 }
            return first.upperBound < total ? first.upperBound : nil
        case .line(let line):
            guard let last = there.last else { return 0 }
            if last.upperBound < total { return last.upperBound }
            let newlines = last.filter(isNewline)
            var starts = newlines.map { $0 + 1 }
            // A line counts when it has ended.
            starts = starts.filter { start in
                isComplete ? start < total : newlines.contains { $0 >= start }
            }
            if starts.count >= -line { return starts[starts.count + line] }
            return there.dropLast().last?.upperBound ?? 0
        }
    }

    private func end(_ request: PageRequest, _ from: Int, _ range: Range<Int>, _ inside: Set<Int>) -> Int {
        let mayGrow = !isComplete && range.upperBound == total
        let limit = min(from + min(request.byteLimit, total), range.upperBound)
        if request.unit == .bytes {
            return cut(min(limit, from + min(request.count, total)), from, range, inside)
        }
        let ends = (from..<limit).filter(isNewline).map { $0 + 1 }.prefix(request.count)
        if ends.count == request.count { return ends.last! }
        if limit == range.upperBound, !mayGrow { return limit }
        if let last = ends.last { return last }
        if mayGrow, range.upperBound - from < request.byteLimit { return from }
        if limit < range.upperBound, stream[limit - 1] == 0x0D, isNewline(limit) {
            return limit - 1 > from ? limit - 1 : limit + 1
        }
        return cut(limit, from, range, inside)
    }

    private func cut(_ limit: Int, _ from: Int, _ range: Range<Int>, _ inside: Set<Int>) -> Int {
        let last = !isComplete && range.upperBound == total ? waiting(range) : range.upperBound
        let allowed = (from...range.upperBound).filter { !inside.contains($0) && $0 <= last }
        return allowed.last { $0 > from && $0 <= limit } ?? allowed.first { $0 > from } ?? from
    }

    /// Positions strictly inside of well-formed sequences, by the standard library's judgement.
    private func insideCharacters(_ range: Range<Int>) -> Set<Int> {
        var result: Set<Int> = []
        for start in range where stream[start] >= 0xC2 {
            for length in 2...4 where start + length <= range.upperBound {
                if isCharacter(Array(stream[start..<start + length])) {
                    result.formUnion(start + 1..<start + length)
                }
            }
        }
        return result
    }

    private func isCharacter(_ bytes: [UInt8]) -> Bool {
        String(validating: bytes, as: UTF8.self)?.unicodeScalars.count == 1
    }

    /// Where the beginning of what may become a character stands at the end of a range, or the end.
    private func waiting(_ range: Range<Int>) -> Int {
        let probes: [UInt8] = [0x80, 0x90, 0xA0]
        for length in 1...3 where length <= range.count && stream[range.upperBound - length] >= 0xC2 {
            var candidates = [Array(stream[(range.upperBound - length)..<range.upperBound])]
            for _ in length..<4 {
                candidates = candidates.flatMap { some in probes.map { some + [$0] } }
                if candidates.contains(where: isCharacter) { return range.upperBound - length }
            }
        }
        return range.upperBound
    }
}

/// A stream of which only some parts are there, read in pieces of odd sizes.
struct PageTestSource: PageSource {
    let stream: [UInt8]
    let there: [Range<Int>]
    let isComplete: Bool

    func look() -> PageExtents { PageExtents(there, total: stream.count, isComplete: isComplete) }

    func read(at position: Int, into room: UnsafeMutableRawBufferPointer) -> Int {
        guard let range = there.first(where: { $0.contains(position) }) else { return 0 }
        let count = min(room.count, range.upperBound - position, position % 13 + 1)
        room.copyBytes(from: stream[position..<position + count])
        return count
    }
}

/// Lines of 80 bytes, as many as one likes, none of which are anywhere; counts what is read of them.
struct PageEndlessSource: PageSource {
    let total: Int
    let bytesRead = Locked(0)

    func look() -> PageExtents { PageExtents([0..<total], total: total, isComplete: true) }

    func read(at position: Int, into room: UnsafeMutableRawBufferPointer) -> Int {
        let count = min(room.count, total - position)
        memset(room.baseAddress!, Int32(UInt8(ascii: "x")), count)
        for index in stride(from: 79 - position % 80, to: count, by: 80) { room[index] = UInt8(ascii: "\n") }
        bytesRead.withLock { $0 += count }
        return count
    }
}
