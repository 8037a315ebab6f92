/// Where the lines of a stream are, by chunks of it: made as far as it is asked for, and kept for the next
/// time. Eight bytes a chunk.
struct PageIndex: Sendable {
    private let chunk: Int
    /// Newlines from the start of the stream to the end of each chunk.
    private var counts: [Int] = []

    init(chunk: Int) { self.chunk = chunk }

    private var end: Int { counts.count * chunk }

    enum Place {
        case at(Int)
        /// Somewhere from here on, among what is missing or behind it.
        case missing(from: Int)
        /// The stream has fewer lines.
        case beyond
    }

    /// Where a line begins.
    mutating func place(of line: Int, in view: PageView) throws(PageError) -> Place {
        if line == 0 { return .at(0) }
        while (counts.last ?? 0) < line, let range = view.extents.range(at: end),
            range.upperBound - end >= chunk
        {
            try counts.append((counts.last ?? 0) + view.newlines(in: end..<end + chunk))
        }
        if (counts.last ?? 0) < line { return try placeAtEnd(of: line, in: view) }
        return try place(of: line, within: firstChunk(with: line), in: view)
    }

    /// Behind the last chunk that was counted.
    private func placeAtEnd(of line: Int, in view: PageView) throws(PageError) -> Place {
        let rest = view.extents.range(at: end).map { end..<$0.upperBound } ?? end..<end
        if case .at(let position) = try view.newline(line - (counts.last ?? 0), in: rest) {
            return .at(position + 1)
        }
        return rest.upperBound < view.extents.total ? .missing(from: rest.upperBound) : .beyond
    }

    /// In a chunk that was counted, of which the middle or the beginning may have gone since.
    private func place(of line: Int, within index: Int, in view: PageView) throws(PageError) -> Place {
        let (start, end) = (index * chunk, (index + 1) * chunk)
        var gap = start
        if let first = view.extents.range(at: start) {
            gap = min(first.upperBound, end)
            let before = index == 0 ? 0 : counts[index - 1]
            if case .at(let position) = try view.newline(line - before, in: start..<gap) {
                return .at(position + 1)
            }
        }
        if let last = view.extents.range(at: end - 1), last.lowerBound > gap {
            let rest = last.lowerBound..<end
            let before = counts[index] - (try view.newlines(in: rest))
            if line > before, case .at(let position) = try view.newline(line - before, in: rest) {
                return .at(position + 1)
            }
        }
        return .missing(from: gap)
    }

    private func firstChunk(with newlines: Int) -> Int {
        var (low, high) = (0, counts.count)
        while low < high {
            let middle = (low + high) / 2
            if counts[middle] < newlines { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// Newlines before a position, if one chunk at most has to be read to know.
    func number(at position: Int, in view: PageView) throws(PageError) -> Int? {
        let index = position / chunk
        if index > counts.count { return nil }
        let start = index * chunk
        let before = index == 0 ? 0 : counts[index - 1]
        if position == start { return before }
        if let range = view.extents.range(at: start), range.upperBound >= position {
            return before + (try view.newlines(in: start..<position))
        }
        if index < counts.count, let range = view.extents.range(at: position),
            range.upperBound >= start + chunk
        {
            return counts[index] - (try view.newlines(in: position..<start + chunk))
        }
        return nil
    }
}
