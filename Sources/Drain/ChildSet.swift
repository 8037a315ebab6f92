import CDrain

/// Many children that are looked at in one call: the owner of what `drain_set_open` gave. Used by one
/// thread at a time, but for `wake`.
@safe struct ChildSet: ~Copyable {
    let raw: OpaquePointer

    init() throws(DrainError) {
        var set: OpaquePointer?
        let error = unsafe drain_set_open(&set)
        guard error == 0, let set = unsafe set else {
            throw DrainError(.system, "epoll_create1", Errno(rawValue: error))
        }
        unsafe raw = set
    }

    deinit {
        unsafe drain_set_close(raw)
    }

    /// Ends the wait of `pump`, or the next one. Any thread.
    func wake() { unsafe drain_set_wake(raw) }

    /// One round. `seen` has `DRAIN_SEEN` places, and is filled from its start.
    func pump(
        until: Instant, _ seen: inout [drain_seen]
    ) throws(DrainError) -> (count: Int, woken: Bool) {
        var count = 0
        var woken = false
        let error = unsafe seen.withUnsafeMutableBufferPointer {
            unsafe drain_set_pump(raw, until, $0.baseAddress!, &count, &woken)
        }
        if error != 0 { throw DrainError(.system, "epoll_wait", Errno(rawValue: error)) }
        return (count, woken)
    }
}
