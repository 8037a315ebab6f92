import CDrain

/// What a run on its loop and those who talk with its command share.
final class LiveLink: Sendable {
    let options: LiveOptions
    let place: Job.Mark
    let rings: [Ring?]
    let state: Locked<State>
    /// Writing end of standard input, borrowed from the core; -1 where there is none. Held while it is written to.
    let input = Locked<Int32>(-1)

    struct State {
        /// By stream; nil for one that is not read live.
        var feeds: [Feed?]
        var readers: [Reader]
        /// In which order bytes of both came, while it may matter to somebody.
        var order: Arrivals?
        var waits: [Wait] = []
        /// When the loop looks for waits whose time is over.
        var wakeAt = Instant.never
        var wasHeld = false

        var pid: Int32?
        var hasExited = false
        /// Somebody was told of the exit.
        var isExitKnown = false
        var outcome: Job.Outcome?
        /// The body is over.
        var isLeft = false

        var signals: [Signal] = []
        var isWriting = false
        /// Nothing more can be written.
        var isInputClosed = true
        /// A writer waits for room.
        var wantsRoom = false
        /// The loop has not heard of it.
        var asksRoom = false
        /// Something was written since the last look.
        var hasAsked = false
        var dropped: [Int] { feeds.map { $0?.dropped ?? 0 } }
    }

    /// Who reads a stream.
    enum Reader { case nobody, somebody, finished }

    /// What a task can wait for.
    struct Reason: OptionSet {
        let rawValue: Int
        static let stdout = Reason(rawValue: 1)
        static let stderr = Reason(rawValue: 2)
        static let room = Reason(rawValue: 4)
        static let turn = Reason(rawValue: 8)
        static let exit = Reason(rawValue: 16)
        static let begin = Reason(rawValue: 32)
        static let finish = Reason(rawValue: 64)
        static let all = Reason(rawValue: 127)

        static func stream(_ stream: Stream) -> Reason { stream == .stdout ? .stdout : .stderr }
    }

    struct Wait {
        let reason: Reason
        let deadline: Instant
        let bell: Bell
    }

    enum Waited { case ready, late, cancelled }

    init(_ options: LiveOptions, _ place: Job.Mark) throws(DrainError) {
        self.options = options
        self.place = place
        var rings: [Ring?] = []
        for stream in Stream.allCases {
            rings.append(options.streams.contains(stream) ? try Ring(size: options.ringSize) : nil)
        }
        self.rings = rings
        let feeds = rings.map { $0.map { Feed(size: $0.size, options.overflow) } }
        let isMerged = options.streams.count == Stream.allCases.count
        state = Locked(
            State(feeds: feeds, readers: [.nobody, .nobody], order: isMerged ? Arrivals() : nil))
    }

    /// Looks at the state or changes it, and wakes who waits for what has happened.
    func change<R>(_ body: (inout State) -> (R, Reason)) -> R {
        let (result, bells) = state.withLock { state in
            let (result, reason) = body(&state)
            let due = reason.isEmpty ? [] : state.waits.filter { !$0.reason.isDisjoint(with: reason) }
            return (result, due)
        }
        for wait in bells { wait.bell.ring() }
        return result
    }

    /// Waits until something is ready, which is looked at under the lock. `late` after the deadline, `cancelled` when
    /// the calling task is, unless `isPatient`.
    func wait(
        for reason: Reason, until deadline: Instant = .never, isPatient: Bool = false,
        isolation: isolated (any Actor)? = #isolation, ready: (inout State) -> Bool
    ) async -> Waited {
        while true {
            if !isPatient, Task.isCancelled { return .cancelled }
            let bell = Bell()
            let (isReady, isEarliest) = state.withLock { state in
                if ready(&state) { return (true, false) }
                state.waits.append(Wait(reason: reason, deadline: deadline, bell: bell))
                let isEarliest = deadline < state.wakeAt
                if isEarliest { state.wakeAt = deadline }
                return (false, isEarliest)
            }
            if isReady { return .ready }
            if isEarliest { place.nudge() }
            if isPatient {
                await bell.wait()
            } else {
                await withTaskCancellationHandler {
                    await bell.wait()
                } onCancel: {
                    bell.ring()
                }
            }
            state.withLock { $0.waits.removeAll { $0.bell === bell } }
            if drain_now() >= deadline { return state.withLock { ready(&$0) } ? .ready : .late }
        }
    }
}

// MARK: The run and its body

extension LiveLink {
    /// On the thread that starts commands.
    func begin(_ pid: Int32) {
        change { state in
            state.pid = pid
            return ((), .begin)
        }
    }

    /// On whichever thread: the run is over, or there never was one.
    func finish(_ outcome: Job.Outcome) {
        change { state in
            state.outcome = outcome
            state.isInputClosed = true
            for index in state.feeds.indices { state.feeds[index]?.end() }
            return ((), .all)
        }
    }

    var pid: Int32 { state.withLock { $0.pid ?? 0 } }

    /// Whether the command was started.
    func hasBegun() async -> Bool {
        _ = await wait(for: [.begin, .finish], isPatient: true) { $0.pid != nil || $0.outcome != nil }
        return state.withLock { $0.pid != nil }
    }

    func outcome() async -> Job.Outcome {
        _ = await wait(for: .finish, isPatient: true) { $0.outcome != nil }
        return state.withLock { $0.outcome! }
    }

    var dropped: [Int] { state.withLock { $0.dropped } }

    /// The body is over: the run goes on by itself if it was left in order, else it is ended.
    func leave(isFailed: Bool) {
        let mustEnd = change { state in
            state.isLeft = true
            let isRead = state.feeds.indices.allSatisfy {
                state.feeds[$0] == nil || state.readers[$0] == .finished
            }
            let isThrough = state.isExitKnown || isRead
            for index in state.feeds.indices { state.feeds[index]?.end() }
            state.isInputClosed = true
            return (isFailed || !isThrough, .all)
        }
        if mustEnd { place.cancel() }
        place.nudge()
    }

    func awaitExit(until deadline: Instant, isolation: isolated (any Actor)?) async -> Bool {
        await wait(for: [.exit, .finish], until: deadline, isPatient: true) { state in
            guard state.hasExited || state.outcome != nil else { return false }
            state.isExitKnown = true
            return true
        } == .ready
    }

    func send(_ signal: Signal) {
        state.withLock { $0.signals.append(signal) }
        place.nudge()
    }
}

// MARK: Readers

extension LiveLink {
    /// Somebody is to read these streams, from the first byte on.
    func open(_ streams: [Stream]) {
        state.withLock { state in
            for stream in streams {
                precondition(
                    state.feeds[stream.rawValue] != nil, "\(stream) is not read live: see LiveOptions.streams"
                )
                precondition(
                    state.readers[stream.rawValue] == .nobody, "\(stream) is read by somebody already")
                state.readers[stream.rawValue] = .somebody
            }
            if streams.count == 1 { state.order = nil }
        }
    }

    /// They have read to the end; or read no more, which ends the run.
    func close(_ streams: [Stream], atEnd: Bool) {
        let mustEnd = state.withLock { state in
            if atEnd { for stream in streams { state.readers[stream.rawValue] = .finished } }
            return !atEnd && !state.isExitKnown && !state.isLeft && state.outcome == nil
        }
        if mustEnd { place.cancel() }
    }

    /// What comes next of one of the streams. `open`: those that have not ended for their reader.
    func lend(_ streams: [Stream], _ state: inout State) -> (Stream, Feed.Piece)? {
        if state.isLeft { return streams.first.map { ($0, .end) } }
        let feeds = state.feeds
        if streams.count > 1, let next = state.order?.first(taken: { feeds[$0.rawValue]!.taken }) {
            let most = min(LineCutter.piece, next.end - feeds[next.stream.rawValue]!.taken)
            return (next.stream, state.feeds[next.stream.rawValue]!.lend(most))
        }
        for stream in streams {
            let piece = state.feeds[stream.rawValue]!.lend(LineCutter.piece)
            if piece != .nothing { return (stream, piece) }
        }
        return nil
    }

    /// Copies what was lent.
    func take(_ range: Range<Int>, of stream: Stream, to target: UnsafeMutableRawPointer) {
        unsafe rings[stream.rawValue]!.copy(range, to: target)
        let mustTell = state.withLock { state in
            let mustTell = state.feeds[stream.rawValue]!.giveBack(range.count)
            if mustTell { state.wasHeld = true }
            return mustTell
        }
        if mustTell { place.nudge() }
    }
}
