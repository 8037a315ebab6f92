/// In which order the bytes of two streams came: stretches of one and the other in turn. Pure.
struct Arrivals {
    /// So many are told apart; of what comes then while nobody reads, the order is not known.
    static let most = 4096
    private var stretches: [(stream: Stream, end: Int)] = []
    private var head = 0

    /// Bytes of a stream up to number `end` have come.
    mutating func note(_ stream: Stream, end: Int) {
        let last = stretches.count - 1
        if last >= head, stretches[last].stream == stream {
            stretches[last].end = end
        } else if last - head >= Arrivals.most {
            // They are of one and the other in turn.
            stretches[last - 1].end = end
        } else {
            stretches.append((stream, end))
        }
    }

    /// The stream whose turn it is, and up to where. `taken`: what was read of each.
    mutating func first(taken: (Stream) -> Int) -> (stream: Stream, end: Int)? {
        while head < stretches.count {
            if taken(stretches[head].stream) < stretches[head].end { return stretches[head] }
            head += 1
            if head == Arrivals.most {
                stretches.removeFirst(head)
                head = 0
            }
        }
        stretches.removeAll(keepingCapacity: true)
        head = 0
        return nil
    }
}
