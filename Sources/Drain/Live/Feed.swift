/// Which bytes of a stream are in its ring on their way from a loop to a reader, and what is done when there are
/// too many. Pure; bytes are named by their number among those that were put in.
struct Feed {
    enum Piece: Hashable {
        /// To be copied, and given back.
        case bytes(Range<Int>)
        /// So many bytes were dropped here.
        case gap(Int)
        /// There will be no more.
        case end
        case nothing
    }

    private let size: Int
    private let overflow: LiveOptions.Overflow
    private(set) var filled = 0
    /// What is before was read or dropped.
    private(set) var taken = 0
    /// Bytes from `taken` on are being copied.
    private var isLent = false
    private var gaps: [(at: Int, count: Int)] = []
    /// Of the dropped bytes, those that never were in the ring.
    private var shed = 0
    private var isShedding = false
    private(set) var dropped = 0
    /// The stream is left unread until there is room.
    private(set) var isHeld = false
    private(set) var isEnded = false

    init(size: Int, _ overflow: LiveOptions.Overflow) {
        self.size = size
        self.overflow = overflow
    }

    var isEmpty: Bool { taken == filled && gaps.isEmpty }

    /// What a round showed; `shed` are bytes that found no room, behind those that did. Returns up to where
    /// the ring may be filled.
    mutating func note(filled: Int, shed: Int, isEnded: Bool) -> Int {
        self.filled = filled
        if shed > self.shed {
            drop(shed - self.shed, at: filled)
            self.shed = shed
            isShedding = true
        }
        if isEnded { self.isEnded = true }
        if overflow == .dropOldest, filled - taken > size / 4 * 3, !isLent { dropOldest() }
        if isShedding, filled - taken <= size / 2 { isShedding = false }
        let limit = isShedding ? filled : taken + size
        isHeld = limit == filled && overflow != .dropNewest && !self.isEnded
        return limit
    }

    private mutating func dropOldest() {
        let start = filled - size / 2
        var count = start - taken
        dropped += count
        while let gap = gaps.first, gap.at <= start {
            count += gap.count
            gaps.removeFirst()
        }
        gaps.insert((start, count), at: 0)
        taken = start
    }

    private mutating func drop(_ count: Int, at position: Int) {
        dropped += count
        if let last = gaps.indices.last, gaps[last].at == position {
            gaps[last].count += count
        } else {
            gaps.append((position, count))
        }
    }

    /// The stream will not be read any more.
    mutating func end() {
        isEnded = true
        isHeld = false
    }

    /// What comes next, at most so many bytes. Bytes are lent until they are given back.
    mutating func lend(_ most: Int) -> Piece {
        if let gap = gaps.first, gap.at == taken {
            gaps.removeFirst()
            return .gap(gap.count)
        }
        let end = min(gaps.first?.at ?? filled, filled)
        if taken < end {
            isLent = true
            return .bytes(taken..<min(end, taken + most))
        }
        return isEnded ? .end : .nothing
    }

    /// So many of the bytes that were lent were copied. True when the loop is to be told that there is room.
    mutating func giveBack(_ count: Int) -> Bool {
        isLent = false
        taken += count
        guard isHeld, overflow == .dropOldest || size - (filled - taken) >= size / 2 else { return false }
        isHeld = false
        return true
    }
}
