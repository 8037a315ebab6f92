import CDrain

extension LiveLink {
    var isInputClosed: Bool { state.withLock { $0.isInputClosed } }

    func closeInput() {
        change { state in
            state.isInputClosed = true
            return ((), [.room, .turn])
        }
        place.nudge()
    }

    /// Writes what there is room for. Nil when nobody reads it any more.
    private func writeSome(_ bytes: UnsafeRawBufferPointer) -> Int? {
        let written = input.withLock { descriptor in
            // In pieces, since the loop may have to wait for the lock.
            descriptor < 0
                ? -1
                : unsafe drain_write(descriptor, bytes.baseAddress!, min(bytes.count, 256 << 10))
        }
        if written > 0 { state.withLock { $0.hasAsked = true } }
        if written >= 0 || written == -Int(Errno.again.rawValue) { return max(0, written) }
        return nil
    }

    func write(
        _ bytes: [UInt8], until deadline: Instant, isolation: isolated (any Actor)?
    ) async -> Written {
        let turn = await wait(for: .turn, until: deadline) { state in
            if state.isWriting { return false }
            state.isWriting = true
            return true
        }
        guard turn == .ready else { return Written(count: 0, ending: turn == .late ? .deadline : .cancelled) }
        defer {
            change { state in
                state.isWriting = false
                return ((), .turn)
            }
        }
        var count = 0
        while count < bytes.count {
            if isInputClosed { return Written(count: count, ending: .closed) }
            if Task.isCancelled { return Written(count: count, ending: .cancelled) }
            let written = unsafe bytes.withUnsafeBytes {
                unsafe writeSome(UnsafeRawBufferPointer(rebasing: $0[count...]))
            }
            guard let written else {
                closeInput()
                return Written(count: count, ending: .closed)
            }
            count += written
            if written > 0 { continue }
            state.withLock { ($0.wantsRoom, $0.asksRoom) = (true, true) }
            place.nudge()
            let waited = await wait(for: .room, until: deadline) { !$0.wantsRoom || $0.isInputClosed }
            if waited != .ready {
                return Written(count: count, ending: waited == .late ? .deadline : .cancelled)
            }
        }
        return Written(count: count, ending: .whole)
    }
}
