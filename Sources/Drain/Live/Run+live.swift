import CDrain

extension Run {
    mutating func attach(_ live: LiveLink) { live.attach(child) }

    /// Tells those who read and write along of a round, and does what they want. Returns when to look again.
    mutating func follow(
        _ live: LiveLink, _ round: drain_round, _ set: borrowing ChildSet
    ) throws(DrainError) -> Instant {
        var orders = try carryOut(live.follow(child, round), live, set)
        if round.exited, !round.closed, !orders.isLeft {
            // There may be room for what the command left, and the grace is no time in which a busy loop is sure to
            // look: it is taken before anybody asks whether the grace is over.
            let wasHeld = orders.wasHeld
            var none: [drain_watch] = []
            let more = try child.pump(&none, until: round.now)
            take(more)
            orders = try carryOut(live.follow(child, more), live, set)
            if wasHeld { orders.wasHeld = true }
        }
        note(wasHeld: orders.wasHeld && !orders.isLeft)
        return orders.wakeAt
    }

    private mutating func carryOut(
        _ orders: LiveLink.Orders, _ live: LiveLink, _ set: borrowing ChildSet
    ) throws(DrainError) -> LiveLink.Orders {
        for signal in orders.signals { child.signal(signal) }
        for stream in Stream.allCases {
            if orders.isLeft { child.closeTap(stream) }
            if let limit = orders.limits[stream.rawValue] { child.allow(stream, upTo: limit) }
        }
        if orders.hasAsked { child.attend() }
        if orders.closesInput { closeInput(live) }
        if orders.wantsRoom, !child.awaitInput(in: set) { live.closeInput() }
        try child.resume(in: set)
        return orders
    }

    /// After the last round, before the report.
    mutating func followToEnd(_ live: LiveLink) {
        _ = live.follow(child, child.known())
        closeInput(live)
    }

    private func closeInput(_ live: LiveLink) {
        live.forgetInput()
        child.closeInput()
    }
}
