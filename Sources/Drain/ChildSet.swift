import CDrain

/// Many children that are looked at in one call: the owner of what `drain_set_open` gave. Used by one
/// thread at a time, but for `wake`.
@safe struct ChildSet: ~Copyable {
    let raw: OpaquePointer
    /// Of all processes, for children that are asked about together. Outlives the children: a loop never ends.
    let census: OpaquePointer

    init() throws(DrainError) {
        var set: OpaquePointer?
        let error = unsafe drain_set_open(&set)
        guard error == 0, let set = unsafe set else {
            throw DrainError(.system, "epoll_create1", Errno(rawValue: error))
        }
        var census: OpaquePointer?
        let shortage = unsafe drain_census_open(&census)
        guard shortage == 0, let census = unsafe census else {
            unsafe drain_set_close(set)
            throw DrainError(.system, "calloc", Errno(rawValue: shortage))
        }
        unsafe self.census = census
        unsafe raw = set
    }

    deinit {
        unsafe drain_set_close(raw)
        unsafe drain_census_close(census)
    }

    /// What is asked about children until `body` returns may be answered by one look at all processes. Nothing new
    /// may be seen of a child meanwhile.
    func askingTogether(_ body: () -> Void) {
        unsafe drain_census_allow(census, true)
        body()
        unsafe drain_census_allow(census, false)
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
