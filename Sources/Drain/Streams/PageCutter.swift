/// One page, cut out of a stream as it is at one time.
struct PageCutter {
    let view: PageView
    var index: PageIndex
    let request: PageRequest

    /// A line whose place was asked for.
    private var located: PageRequest.Mark?
    private var extents: PageExtents { view.extents }
    private static let newline = UInt8(ascii: "\n")

    init(view: PageView, index: PageIndex, request: PageRequest) {
        self.view = view
        self.index = index
        self.request = request
    }

    mutating func page() throws(PageError) -> Page {
        guard var position = try start() else { return nothing(at: extents.total) }
        if position > extents.total { return nothing(at: position) }
        if case .byte = request.start, request.mark?.byte != position {
            guard let outside = try outsideCharacter(position) else {
                return nothing(at: position, next: request.continued(at: position, line: nil))
            }
            position = outside
        }
        var missing = 0
        if position < extents.total, extents.range(at: position) == nil {
            missing = extents.resumption(after: position) - position
            position += missing
        }
        return try page(at: position, missing: missing)
    }

    // MARK: Where it begins

    /// The position that is asked for; nil if there is none yet.
    private mutating func start() throws(PageError) -> Int? {
        switch request.start {
        case .byte(let position):
            return position < 0 ? max(0, extents.total + position) : position
        case .line(let line) where line < 0:
            return try startOfLast(Int(clamping: line.magnitude))
        case .line(let line):
            switch try index.place(of: line, in: view) {
            case .at(let position):
                located = PageRequest.Mark(byte: position, line: line)
                return position
            case .missing(let position): return position
            case .beyond: return nil
            }
        }
    }

    /// Where the last lines begin, or what is missing before them.
    private func startOfLast(_ count: Int) throws(PageError) -> Int {
        guard let last = extents.ranges.last else { return 0 }
        if last.upperBound < extents.total { return last.upperBound }
        // The newline that ends the last line begins none.
        let found: Int?
        if extents.isComplete {
            found = try view.newline(count, beforeEndOf: last.lowerBound..<last.upperBound - 1)
        } else if count == .max {
            found = nil
        } else {
            found = try view.newline(count + 1, beforeEndOf: last)
        }
        if let found { return found + 1 }
        return extents.ranges.dropLast().last?.upperBound ?? 0
    }

    /// The position itself, or the end of the character that it is inside of; nil while that may yet come.
    private func outsideCharacter(_ position: Int) throws(PageError) -> Int? {
        guard let range = extents.range(at: position), position > range.lowerBound else { return position }
        let from = max(range.lowerBound, position - 3)
        let around = try view.bytes(from..<min(range.upperBound, position + 3))
        guard let character = PageCutter.character(around: position - from, in: around) else {
            return position
        }
        if character.isWhole { return from + character.end }
        return extents.mayGrow(range) ? nil : position
    }

    /// What a cut between two bytes would tear: a well-formed sequence, or the beginning of one that the
    /// bytes end in.
    private static func character(
        around cut: Int, in bytes: [UInt8]
    ) -> (start: Int, end: Int, isWhole: Bool)? {
        var start = cut - 1
        while start >= max(0, cut - 3), bytes[start] & 0xC0 == 0x80 { start -= 1 }
        guard start >= max(0, cut - 3) else { return nil }
        switch unsafe bytes.withUnsafeBytes({ unsafe UTF8Scan.step(at: start, in: $0) }) {
        case .wellFormed(let length): return start + length > cut ? (start, start + length, true) : nil
        case .illFormed: return nil
        case .unfinished: return (start, bytes.count, false)
        }
    }

    // MARK: Where it ends

    private func page(at position: Int, missing: Int) throws(PageError) -> Page {
        let line = try line(at: position)
        guard let range = extents.range(at: position) else {
            return page(
                [], at: position, line: line, missing: missing, inside: (false, false), hasMore: false)
        }
        let mayGrow = extents.mayGrow(range)
        let limit = min(request.byteLimit, range.upperBound - position)
        let end = position + limit
        let wanted = position..<end + min(3, range.upperBound - end)
        var bytes: [UInt8]
        switch request.unit {
        case .bytes:
            let count = min(request.count, limit)
            bytes = try view.bytes(position..<position + min(count + 3, wanted.count))
            bytes.removeSubrange(characterEnd(bytes, at: count, mayGrow: mayGrow)...)
        case .lines:
            bytes = try view.bytes(wanted, newlines: request.count)
            let isAll = position + bytes.count == range.upperBound
            bytes.removeSubrange(
                lineEnd(bytes, limit: limit, isAll: isAll, mayGrow: mayGrow)...)
        }
        let next = position + bytes.count
        let startsInside = bytes.isEmpty ? false : try startsInsideLine(position)
        let isAtEnd = next == extents.total && extents.isComplete
        let endsInside = bytes.last.map { $0 != PageCutter.newline } ?? false
        return page(
            bytes, at: position, line: line, missing: missing,
            inside: (startsInside, endsInside && !isAtEnd), hasMore: try hasMore(after: next))
    }

    /// The last place up to `limit` where no character is torn; the first one behind it, if that is at 0.
    private func characterEnd(_ bytes: [UInt8], at limit: Int, mayGrow: Bool) -> Int {
        guard let character = PageCutter.character(around: limit, in: bytes) else { return limit }
        if character.isWhole { return character.start > 0 ? character.start : character.end }
        return mayGrow ? character.start : limit
    }

    /// - Parameter isAll: whether there is nothing behind `bytes`.
    private func lineEnd(_ bytes: [UInt8], limit: Int, isAll: Bool, mayGrow: Bool) -> Int {
        let (count, end) = unsafe bytes.withUnsafeBytes { bytes in
            let within = unsafe UnsafeRawBufferPointer(rebasing: bytes[..<min(limit, bytes.count)])
            let count = min(request.count, unsafe Newlines.count(within))
            return (count, count == 0 ? 0 : unsafe Newlines.position(count, in: within) + 1)
        }
        if count == request.count || end == limit { return end }
        // A last line without a newline, or what is left of one.
        if isAll, bytes.count <= limit, !mayGrow { return bytes.count }
        if end > 0 || bytes.count < request.byteLimit { return end }
        let isInsideEnding =
            bytes.count > limit && bytes[limit - 1] == UInt8(ascii: "\r")
            && bytes[limit] == PageCutter.newline
        if isInsideEnding { return limit > 1 ? limit - 1 : limit + 1 }
        return characterEnd(bytes, at: limit, mayGrow: mayGrow)
    }

    private func startsInsideLine(_ position: Int) throws(PageError) -> Bool {
        if position == 0 { return false }
        return try view.byte(at: position - 1) != PageCutter.newline
    }

    /// Whether a page from here on would tell anything.
    private func hasMore(after position: Int) throws(PageError) -> Bool {
        if position >= extents.total { return false }
        guard let range = extents.range(at: position) else { return true }
        if !extents.mayGrow(range) { return true }
        let first = try view.bytes(position..<min(range.upperBound, position + 4))
        if PageCutter.isUnfinished(first) { return false }
        if request.unit == .bytes || range.upperBound - position >= request.byteLimit { return true }
        if case .at = try view.newline(1, in: position..<range.upperBound) { return true }
        return false
    }

    private static func isUnfinished(_ bytes: [UInt8]) -> Bool {
        let step = unsafe bytes.withUnsafeBytes { unsafe UTF8Scan.step(at: 0, in: $0) }
        if case .unfinished = step { return true }
        return false
    }

    // MARK: What it says

    /// The number of the line that a position is in.
    private func line(at position: Int) throws(PageError) -> Int? {
        if let mark = request.mark, request.start == .byte(mark.byte), mark.byte == position {
            return mark.line
        }
        if let located, located.byte == position { return located.line }
        return try index.number(at: position, in: view)
    }

    private func page(
        _ bytes: [UInt8], at offset: Int, line: Int?, missing: Int, inside: (Bool, Bool), hasMore: Bool
    ) -> Page {
        let newlines = unsafe bytes.withUnsafeBytes { unsafe Newlines.count($0) }
        let end = offset + bytes.count
        return Page(
            bytes: bytes, offset: offset, line: line, missing: missing, startsInsideLine: inside.0,
            endsInsideLine: inside.1, next: request.continued(at: end, line: line.map { $0 + newlines }),
            hasMore: hasMore, isComplete: extents.isComplete)
    }

    /// Nothing of what is asked for is there yet: ask for it again.
    private func nothing(at position: Int, next: PageRequest? = nil) -> Page {
        Page(
            bytes: [], offset: position, line: nil, missing: 0, startsInsideLine: false,
            endsInsideLine: false,
            next: next ?? request, hasMore: false, isComplete: extents.isComplete)
    }
}
