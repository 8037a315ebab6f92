import CDrain

extension Run {
    mutating func attach(_ live: LiveLink) { live.attach(child) }

    /// Tells those who read and write along of a round, and does what they want. Returns when to look again.
    mutating func follow(
        _ live: LiveLink, _ round: drain_round, _ set: borrowing ChildSet
    ) throws(DrainError) -> Instant {
        let orders = live.follow(child, round)
        for signal in orders.signals { child.signal(signal) }
        for stream in Stream.allCases {
            if orders.isLeft { child.closeTap(stream) }
            if let limit = orders.limits[stream.rawValue] { child.allow(stream, upTo: limit) }
        }
        if orders.hasAsked { child.attend() }
        if orders.closesInput { closeInput(live) }
        if orders.wantsRoom, !child.awaitInput(in: set) { live.closeInput() }
        try child.resume(in: set)
        note(wasHeld: orders.wasHeld && !orders.isLeft)
        return orders.wakeAt
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
