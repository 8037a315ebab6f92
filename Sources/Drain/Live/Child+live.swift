import CDrain

extension Child {
    /// A stream is put into a ring as well, which is to outlive the child or the tap.
    func openTap(_ stream: Stream, _ ring: Ring, drops: Bool) {
        unsafe drain_tap_open(raw, Int32(stream.rawValue), ring.base, ring.size, drops)
    }

    func closeTap(_ stream: Stream) { unsafe drain_tap_close(raw, Int32(stream.rawValue)) }

    func tap(_ stream: Stream) -> drain_tap { unsafe drain_tap_look(raw, Int32(stream.rawValue)) }

    func allow(_ stream: Stream, upTo limit: Int) {
        unsafe drain_tap_allow(raw, Int32(stream.rawValue), UInt64(limit))
    }

    /// Nobody is waited for any more.
    func dropRest(_ stream: Stream) { unsafe drain_tap_drop(raw, Int32(stream.rawValue)) }

    /// Looks again at streams that now have room.
    func resume(in set: borrowing ChildSet) throws(DrainError) {
        let error = unsafe drain_set_resume(set.raw, raw)
        if error != 0 { throw DrainError(.system, "epoll_ctl", Errno(rawValue: error)) }
    }

    /// Somebody waits for an answer.
    func attend() { unsafe drain_attend(raw) }

    var inputDescriptor: Int32 { unsafe drain_input(raw) }

    /// Nobody may be writing.
    func closeInput() { unsafe drain_input_close(raw) }

    /// False where there is no input to wait for.
    func awaitInput(in set: borrowing ChildSet) -> Bool { unsafe drain_set_await_input(set.raw, raw) == 0 }
}
