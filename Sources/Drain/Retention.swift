import CDrain

/// What is kept of one stream, decided: how much the core has to store, and where the cuts fall
/// in what it stored.
struct Retention: Hashable {
    let cap: Int
    let keep: Limits.Keep
    let cut: Limits.Cut
    let notice: Bool

    /// Whether a cut is inside a UTF-8 sequence shows in up to three bytes beyond it. The core
    /// stores so many more at each end.
    static let context = 3

    private var headCap: Int {
        switch keep {
        case .head: cap
        case .tail: 0
        case .both: cap - cap / 2
        }
    }

    private var tailCap: Int { cap - headCap }

    /// What the core is to store.
    var storage: drain_keep {
        func widened(_ size: Int) -> Int {
            size == 0 ? 0 : size.addingReportingOverflow(Retention.context).partialValue
        }
        return drain_keep(head: size(widened(headCap)), tail: size(widened(tailCap)))
    }

    private func size(_ count: Int) -> Int { count < 0 ? .max : count }

    /// A stream with the parts of it that are kept: positions in the stream.
    struct Parts: Hashable {
        /// From the start of the stream.
        var head: Range<Int>
        /// To the end of the stream; empty if nothing is missing.
        var tail: Range<Int>
        var notice: String?
        var kept: Int { head.count + tail.count }
    }

    /// Where the cuts fall.
    func parts(of stored: Stored) -> Parts {
        let total = stored.total
        if total <= cap { return Parts(head: 0..<total, tail: total..<total, notice: nil) }
        let plain = cutParts(stored, head: headCap, tail: tailCap)
        guard notice else { return plain }
        // The notice takes its room from what is kept, and its length depends on what that leaves: the
        // digits of what is missing, and whether it has to begin a line. The least room it fits into.
        let least = Retention.noticeText(missing: total - cap).utf8.count
        let most = Retention.noticeText(missing: total).utf8.count + 1
        for room in least...most where room <= cap {
            let rest = cap - room
            let head = keep == .head ? rest : keep == .tail ? 0 : rest - rest / 2
            var parts = cutParts(stored, head: head, tail: rest - head)
            let line = noticeLine(stored, parts)
            if line.utf8.count <= room {
                parts.notice = line
                return parts
            }
        }
        return plain
    }

    private func cutParts(_ stored: Stored, head: Int, tail: Int) -> Parts {
        let total = stored.total
        return Parts(
            head: 0..<headEnd(stored, at: head), tail: tailStart(stored, at: total - tail)..<total,
            notice: nil)
    }

    /// A line of its own: it begins one, and ends one.
    private func noticeLine(_ stored: Stored, _ parts: Parts) -> String {
        let missing = stored.total - parts.kept
        let begins = parts.head.isEmpty || stored[parts.head.upperBound - 1] == UInt8(ascii: "\n")
        return (begins ? "" : "\n") + Retention.noticeText(missing: missing)
    }

    package static func noticeText(missing: Int) -> String {
        "[drain: \(missing) \(missing == 1 ? "byte" : "bytes") missing]\n"
    }

    /// The last position, at most `limit`, where the head may end.
    private func headEnd(_ stored: Stored, at limit: Int) -> Int {
        switch cut {
        case .byte: return limit
        case .character: return stored.sequence(around: limit)?.lowerBound ?? limit
        case .line: return stored.lastNewline(in: 0..<limit).map { $0 + 1 } ?? 0
        }
    }

    /// The first position, at least `limit`, where the tail may start.
    private func tailStart(_ stored: Stored, at limit: Int) -> Int {
        switch cut {
        case .byte: return limit
        case .character: return stored.sequence(around: limit)?.upperBound ?? limit
        case .line: return stored.firstNewline(in: limit - 1..<stored.total).map { $0 + 1 } ?? stored.total
        }
    }
}

/// The bytes that the core stored of a stream, by their position in the stream. Good for as long as
/// the memory that the buffer describes.
@safe struct Stored {
    private let buffer: drain_buffer
    let total: Int

    init(_ buffer: drain_buffer) {
        unsafe self.buffer = buffer
        self.total = unsafe Int(clamping: buffer.total)
    }

    /// Offsets in the mapping of a range of positions that are stored, in order: at most one in
    /// the head region and two in the ring.
    func offsets(of range: Range<Int>) -> [Range<Int>] {
        var result: [Range<Int>] = []
        var position = range.lowerBound
        while position < range.upperBound {
            let run = contiguous(from: position)
            let length = min(run.count, range.upperBound - position)
            guard length > 0 else { break }
            result.append(run.lowerBound..<run.lowerBound + length)
            position += length
        }
        return result
    }

    /// What stands at a range of offsets.
    func bytes(_ run: Range<Int>) -> UnsafeRawBufferPointer {
        guard let base = unsafe buffer.base else {
            return unsafe UnsafeRawBufferPointer(start: nil, count: 0)
        }
        return unsafe UnsafeRawBufferPointer(start: base + run.lowerBound, count: run.count)
    }

    /// Offsets that follow each other, from a position on; empty where nothing is stored.
    private func contiguous(from position: Int) -> Range<Int> {
        let head = unsafe buffer.head_length
        if position < head { return position..<head }
        let ring = unsafe buffer.head_size
        let (size, start, length) = unsafe (buffer.tail_size, buffer.tail_start, buffer.tail_length)
        let index = position - (total - length)
        guard index >= 0, index < length else { return 0..<0 }
        let place = start + index
        if place < size { return ring + place..<ring + min(size, start + length) }
        return ring + place - size..<ring + start + length - size
    }

    /// One byte; nil where it is not stored.
    private func byte(_ position: Int) -> UInt8? {
        guard position >= 0, position < total else { return nil }
        let run = contiguous(from: position)
        return run.isEmpty ? nil : unsafe bytes(run)[0]
    }

    subscript(position: Int) -> UInt8 { byte(position) ?? 0 }

    func lastNewline(in range: Range<Int>) -> Int? {
        var end = range.upperBound
        for run in offsets(of: range).reversed() {
            if let index = unsafe bytes(run).lastIndex(of: UInt8(ascii: "\n")) {
                return end - run.count + index
            }
            end -= run.count
        }
        return nil
    }

    func firstNewline(in range: Range<Int>) -> Int? {
        var start = range.lowerBound
        for run in offsets(of: range) {
            if let index = unsafe bytes(run).firstIndex(of: UInt8(ascii: "\n")) {
                return start + index
            }
            start += run.count
        }
        return nil
    }

    /// The well-formed UTF-8 sequence that a cut at `position` would part, if there is one.
    func sequence(around position: Int) -> Range<Int>? {
        guard position > 0, position < total else { return nil }
        for start in stride(from: position - 1, through: max(0, position - Retention.context), by: -1) {
            guard let lead = byte(start) else { return nil }
            if lead & 0xC0 == 0x80 { continue }
            // What is not stored cannot be part of a sequence, and 0 cannot either.
            let window = (start..<start + 4).map { byte($0) ?? 0 }
            let length = unsafe window.withUnsafeBytes { unsafe UTF8Scan.sequence(at: 0, in: $0) }
            return length > position - start ? start..<start + length : nil
        }
        return nil
    }
}
