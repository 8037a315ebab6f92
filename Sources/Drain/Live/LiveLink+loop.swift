import CDrain

extension LiveLink {
    /// What the loop is to do.
    struct Orders {
        var limits: [Int?] = []
        var signals: [Signal] = []
        var isLeft = false
        var closesInput = false
        var wantsRoom = false
        var hasAsked = false
        var wasHeld = false
        var wakeAt = Instant.never
    }

    func attach(_ child: borrowing Child) {
        for stream in Stream.allCases {
            guard let ring = rings[stream.rawValue] else { continue }
            child.openTap(stream, ring, drops: options.overflow == .dropNewest)
        }
        let descriptor = child.inputDescriptor
        input.withLock { $0 = descriptor }
        state.withLock { $0.isInputClosed = descriptor < 0 }
    }

    /// Takes note of what a round showed, wakes who waited for it, and hears what is wanted.
    func follow(_ child: borrowing Child, _ round: drain_round) -> Orders {
        let taps = Stream.allCases.map { child.tap($0) }
        return change { state in
            var orders = Orders()
            var news: Reason = []
            for stream in Stream.allCases {
                let tap = taps[stream.rawValue]
                orders.limits.append(note(stream, tap, &state, &news))
            }
            if round.exited, !state.hasExited {
                state.hasExited = true
                news.insert(.exit)
            }
            if round.writable {
                state.wantsRoom = false
                news.insert(.room)
            }
            let now = drain_now()
            if state.wakeAt <= now { news.formUnion(state.late(now)) }
            orders.signals = state.signals
            state.signals = []
            orders.isLeft = state.isLeft
            orders.closesInput = state.isInputClosed
            orders.wantsRoom = state.asksRoom
            state.asksRoom = false
            orders.hasAsked = state.hasAsked
            state.hasAsked = false
            orders.wasHeld = state.wasHeld || state.feeds.contains { $0?.isHeld == true }
            state.wasHeld = false
            orders.wakeAt = state.wakeAt
            return (orders, news)
        }
    }

    private func note(_ stream: Stream, _ tap: drain_tap, _ state: inout State, _ news: inout Reason) -> Int?
    {
        guard var feed = state.feeds[stream.rawValue], !state.isLeft else { return nil }
        let before = (feed.filled, feed.dropped, feed.isEnded)
        let limit = feed.note(filled: Int(tap.filled), shed: Int(tap.dropped), isEnded: tap.ended)
        state.feeds[stream.rawValue] = feed
        if before != (feed.filled, feed.dropped, feed.isEnded) {
            news.insert(.stream(stream))
            if feed.filled > before.0 { state.order?.note(stream, end: feed.filled) }
        }
        return limit
    }

    /// Before the core closes its descriptor.
    func forgetInput() {
        input.withLock { $0 = -1 }
    }
}

extension LiveLink.State {
    /// Whose time is over; and when the next one's is.
    fileprivate mutating func late(_ now: Instant) -> LiveLink.Reason {
        var reasons: LiveLink.Reason = []
        wakeAt = .never
        for wait in waits {
            if wait.deadline <= now {
                reasons.formUnion(wait.reason)
            } else {
                wakeAt = min(wakeAt, wait.deadline)
            }
        }
        return reasons
    }
}
