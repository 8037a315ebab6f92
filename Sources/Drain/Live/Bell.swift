/// Something that one task waits for and any thread tells of. It may be rung at any time and any number of times;
/// who comes after that does not wait.
final class Bell: Sendable {
    private let state = Locked(State())

    private struct State {
        var isRung = false
        var waiting: CheckedContinuation<Void, Never>?
    }

    func ring() {
        let waiting = state.withLock { state in
            state.isRung = true
            defer { state.waiting = nil }
            return state.waiting
        }
        waiting?.resume()
    }

    func wait(isolation: isolated (any Actor)? = #isolation) async {
        await withCheckedContinuation { continuation in
            let isRung = state.withLock { state in
                if !state.isRung { state.waiting = continuation }
                return state.isRung
            }
            if isRung { continuation.resume() }
        }
        // A continuation orders what was done before it and after it; ThreadSanitizer sees that by a lock only.
        state.withLock { _ in }
    }
}
