import CDrain

/// The other end of `Timeouts.KillMethod.supervisor`: what `drain-run --supervise` does in its worker. It runs
/// the command with the host's own pipes, does to the tree what the host asks for, and ends all of it when the
/// host is gone.
package struct Supervision: ~Copyable {
    private let child: Child
    private let means: Means
    private var hasToldExit = false
    private var hasKilled = false
    /// What the command left running was meant to be left.
    private var isReleased = false

    /// Whether the descriptor is the socket of such a host.
    package static var isAsked: Bool {
        var word = drain_word()
        let error = unsafe drain_control_receive(DRAIN_CONTROL_DESCRIPTOR, &word)
        return Errno(rawValue: error) == .again
    }

    /// Runs a command for the host at the other end of the socket. Returns when everything has ended.
    package static func serve(_ command: Command, _ means: Means, _ signals: SignalDescriptor) {
        do throws(DrainError) {
            var supervision = try Supervision(command, means)
            supervision.serve(signals)
        } catch {
            var word = drain_word(DRAIN_WORD_STARTED)
            word.failure.error = error.errno.rawValue
            word.failure.stage = drain_stage(error.origin?.stage ?? DRAIN_STAGE_CLONE.rawValue)
            word.failure.detail = error.origin?.detail ?? 0
            word.tell()
        }
    }

    private init(_ command: Command, _ means: Means) throws(DrainError) {
        child = try Child(command, Limits(bytes: 0), means, sharesOutput: true)
        self.means = means
        // Held by us, the command's pipes would never end.
        drain_leave_stdio()
    }

    private mutating func serve(_ signals: SignalDescriptor) {
        var word = drain_word(DRAIN_WORD_STARTED)
        word.value = child.pid
        word.tell()
        while hear(signals) {}
        if !isReleased { endTree() }
    }

    /// One round; false when there is no more to be done for the host.
    private mutating func hear(_ signals: SignalDescriptor) -> Bool {
        var watches = [
            drain_watch(fd: DRAIN_CONTROL_DESCRIPTOR, read: true, write: false, ready: false),
            drain_watch(fd: signals.descriptor, read: true, write: false, ready: false),
        ]
        guard let round = try? child.pump(&watches, until: .never) else { return false }
        if round.exited, !hasToldExit {
            hasToldExit = true
            drain_word(DRAIN_WORD_EXITED).tell()
        }
        if watches[1].ready {
            child.reapOrphans()
            // Any signal but that of a child's end is meant to end us, or says that the guardian is gone.
            if signals.source.take() != nil { return false }
        }
        return !watches[0].ready || answer()
    }

    private mutating func answer() -> Bool {
        var word = drain_word()
        let error = unsafe drain_control_receive(DRAIN_CONTROL_DESCRIPTOR, &word)
        if error != 0 { return Errno(rawValue: error) == .again }
        switch drain_word_kind(word.kind) {
        case DRAIN_WORD_SIGNAL:
            hasKilled = true
            word.value = child.signal(Signal(rawValue: word.value) ?? .kill) ? 0 : Errno.noProcess.rawValue
        case DRAIN_WORD_OTHERS:
            word.list(child.others())
        case DRAIN_WORD_FINISH:
            finish(leaving: word.value != 0)
            return false
        default: return false
        }
        word.tell()
        return true
    }

    /// The leader is reaped last, and after it whoever is left.
    private mutating func finish(leaving: Bool) {
        var word = drain_word(DRAIN_WORD_DONE)
        word.failure.error = child.reap(&word.status)
        isReleased = leaving && !hasKilled
        if !isReleased, !drain_childless() {
            hasKilled = true
            word.list(endTree())
        }
        isReleased = true
        word.value = hasKilled ? 1 : 0
        word.tell()
    }

    /// Until the kernel says that nobody is left. Returns who is, in spite of everything.
    @discardableResult
    private func endTree() -> [Int32] {
        child.signal(.kill)
        let left = means.endTree(until: drain_now().advanced(by: .seconds(10)))
        return left == 0 ? [] : child.others()
    }
}

extension drain_word {
    fileprivate init(_ kind: drain_word_kind) {
        self.init()
        self.version = UInt32(DRAIN_CONTROL_VERSION)
        self.kind = kind.rawValue
    }

    fileprivate mutating func list(_ processes: [Int32]) {
        count = UInt32(processes.count)
        unsafe withUnsafeMutableBytes(of: &pids) { room in
            for (index, pid) in processes.prefix(Int(DRAIN_CONTROL_PIDS)).enumerated() {
                unsafe room.storeBytes(of: pid, toByteOffset: index * 4, as: Int32.self)
            }
        }
    }

    /// A host that does not hear it is gone, and is found to be by the next look.
    fileprivate func tell() {
        var word = self
        unsafe _ = drain_control_send(DRAIN_CONTROL_DESCRIPTOR, &word)
    }
}
