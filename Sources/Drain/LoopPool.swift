#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// The threads of a process that all asynchronous runs share: one that starts commands, since that waits for
/// each until it has executed its program, and two or three that drive what was started, so that one that is
/// held up does not hold up everything. They are made when they are first needed, and stay.
///
/// Runs under a supervisor have as many of their own, up to four: what they ask it they wait for, up to a quarter of a
/// minute where it does not answer, and nobody else is to wait with them.
final class LoopPool: Sendable {
    private static let shared = LoopPool()
    private static let supervised = LoopPool()

    static func pool(for timeouts: Timeouts) -> LoopPool {
        if case .supervisor = timeouts.killMethod { supervised } else { shared }
    }

    /// Of both.
    static var threads: Int { shared.threads + supervised.threads }

    /// Two at least, and with the one that starts commands never more than four threads.
    private let most = max(2, min(3, sysconf(Int32(_SC_NPROCESSORS_ONLN))))
    private let state = Locked(State())
    private let submitted = Semaphore()

    private struct State {
        var loops: [Loop] = []
        var queue = Queue<Job>()
        var canStart = false
    }

    private var threads: Int { state.withLock { $0.loops.count + ($0.canStart ? 1 : 0) } }

    /// Any thread. Throws when there is no thread that could start it.
    func submit(_ job: Job) throws(DrainError) {
        try state.withLock { (state) throws(DrainError) in
            if !state.canStart {
                try Worker.start { self.startForEver() }
                state.canStart = true
            }
            state.queue.append(job)
        }
        submitted.signal()
    }

    private func startForEver() -> Never {
        while true {
            submitted.wait()
            let job = state.withLock { $0.queue.popFirst() }
            job?.start { () throws(DrainError) in try pickLoop() }
        }
    }

    /// One that has nothing to do; or a new one, if there may be; or that with the fewest runs.
    private func pickLoop() throws(DrainError) -> Loop {
        try state.withLock { (state) throws(DrainError) in
            let least = state.loops.min { $0.count < $1.count }
            if let least, state.loops.count == most || least.count == 0 { return least }
            do throws(DrainError) {
                let loop = try Loop()
                try Worker.start { loop.main() }
                state.loops.append(loop)
                return loop
            } catch {
                guard let least else { throw error }
                return least
            }
        }
    }
}

/// First in, first out; each step in amortised constant time.
struct Queue<Element> {
    private var elements: [Element?] = []
    private var head = 0

    var first: Element? { head < elements.count ? elements[head] : nil }

    mutating func append(_ element: Element) { elements.append(element) }

    mutating func popFirst() -> Element? {
        guard head < elements.count else { return nil }
        let first = elements[head]
        elements[head] = nil
        head += 1
        if head > 64, head * 2 > elements.count {
            elements.removeFirst(head)
            head = 0
        }
        return first
    }

    mutating func removeAll(where isUnwanted: (Element) -> Bool) {
        elements.removeFirst(head)
        head = 0
        elements.removeAll { $0.map(isUnwanted) ?? true }
    }
}
