import CDrain

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// Passes both streams on to descriptors as they arrive, up to their caps.
///
/// It writes from the buffer, without blocking: a slow reader delays what it reads, not the run. Only
/// where bytes that were not passed on yet would be overwritten (a tail that is kept) does the
/// command wait for the reader.
package final class LiveOutput: Attendant {
    private var lanes: [Lane]
    /// Called before something is written, to clear the terminal of what else stands there.
    package var willWrite: () -> Void = {}
    let wakeAt = Instant.never

    /// - Parameters: the descriptors to write to, which stay the caller's.
    package init(stdout: Int32, stderr: Int32, _ limits: Limits) {
        lanes = [
            Lane(.stdout, stdout, limits.retention(of: .stdout)),
            Lane(.stderr, stderr, limits.retention(of: .stderr)),
        ]
    }

    /// Whether both streams were passed on up to the start of a line.
    package var isAtLineStart: Bool { lanes.allSatisfy(\.isAtLineStart) }

    /// The first error of each stream that could not be passed on; a reader that went away is none.
    package var failures: [(Stream, Errno)] {
        lanes.compactMap { lane in
            guard let error = lane.failure, error.rawValue != EPIPE else { return nil }
            return (lane.stream, error)
        }
    }

    func prepare(_ child: borrowing Child, _ watches: inout [drain_watch]) {
        for index in lanes.indices {
            lanes[index].watch = nil
            let buffer = unsafe child.look(lanes[index].stream)
            child.hold(lanes[index].stream, from: lanes[index].holdFrom)
            guard unsafe lanes[index].pending(buffer) > 0 else { continue }
            lanes[index].watch = watches.count
            watches.append(
                drain_watch(fd: lanes[index].target.descriptor, read: false, write: true, ready: false))
        }
    }

    func attend(
        _ child: borrowing Child, _ watches: [drain_watch], now: Instant
    ) -> CancellationSource.Wish? {
        var wish: CancellationSource.Wish?
        for index in lanes.indices {
            // What has just come is tried at once, what was refused before when there is room.
            if let watch = lanes[index].watch, !watches[watch].ready { continue }
            pass(child, index)
            if lanes[index].failure?.rawValue == EPIPE, !lanes[index].mourned {
                // Whoever stops reading ends the run, as SIGPIPE would end the command.
                lanes[index].mourned = true
                wish = .init(signal: .pipe)
            }
        }
        return wish
    }

    func finish(_ child: borrowing Child, ended: Bool, _ cancellation: CancellationSource?) {
        let deadline = ended ? drain_now().advanced(by: .seconds(1)) : .never
        for index in lanes.indices {
            let buffer = unsafe child.look(lanes[index].stream)
            unsafe lanes[index].settle(buffer)
            while unsafe lanes[index].pending(buffer) > 0,
                awaitRoom(lanes[index].target.descriptor, cancellation, until: deadline)
            {
                pass(child, index)
            }
            // A notice that finds no room is not waited for: what it says is in the report.
            if let line = unsafe lanes[index].notice(buffer) {
                willWrite()
                lanes[index].write(line)
            }
        }
    }

    private func pass(_ child: borrowing Child, _ index: Int) {
        let buffer = unsafe child.look(lanes[index].stream)
        guard unsafe lanes[index].pending(buffer) > 0 else { return }
        willWrite()
        unsafe lanes[index].pass(Stored(buffer))
    }

    /// False when the time is over, or somebody asks for the end.
    private func awaitRoom(_ descriptor: Int32, _ cancellation: CancellationSource?, until: Instant) -> Bool {
        while true {
            let left = until == .never ? -1 : max(0, (until - drain_now()) / 1_000_000)
            var set = [
                pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0),
                pollfd(fd: cancellation?.descriptor ?? -1, events: Int16(POLLIN), revents: 0),
            ]
            let ready = unsafe poll(&set, 2, Int32(clamping: left))
            if ready < 0, errno == EINTR { continue }
            if set[1].revents != 0 {
                if cancellation?.take() != nil { return false }
                if set[0].revents == 0 { continue }
            }
            return ready > 0 && set[0].revents != 0
        }
    }
}

/// One stream on its way to a descriptor.
private struct Lane {
    let stream: Stream
    let target: Target
    private let retention: Retention
    /// Bytes of the stream to pass on, for now: some are held back until it is known whether the
    /// stream goes on behind them.
    private var limit: Int
    private var sent = 0
    private(set) var isAtLineStart = true
    private(set) var failure: Errno?
    var mourned = false
    /// The index of its watch in this round.
    var watch: Int?

    init(_ stream: Stream, _ descriptor: Int32, _ retention: Retention) {
        self.stream = stream
        self.retention = retention
        target = Target(descriptor)
        let heldBack = retention.cut == .byte ? 0 : Retention.context
        let notice = retention.notice ? Retention.noticeText(missing: .max).utf8.count + 1 : 0
        limit = retention.keep == .head ? max(0, retention.cap - heldBack - notice) : retention.cap
    }

    /// From where on the buffer must keep what it has.
    var holdFrom: UInt64 { failure == nil && sent < limit ? UInt64(sent) : .max }

    func pending(_ buffer: drain_buffer) -> Int {
        guard failure == nil else { return 0 }
        return unsafe max(0, min(Int(clamping: buffer.total), limit) - sent)
    }

    /// The stream will not grow any more: sets where passing on ends.
    mutating func settle(_ buffer: drain_buffer) {
        let total = unsafe Int(clamping: buffer.total)
        if total <= retention.cap {
            limit = total
        } else if retention.keep == .head {
            limit = max(sent, unsafe retention.parts(of: Stored(buffer)).head.upperBound)
        }
    }

    /// What to say where the passing on stopped short.
    func notice(_ buffer: drain_buffer) -> String? {
        let missing = unsafe Int(clamping: buffer.total) - sent
        guard retention.notice, failure == nil, missing > 0 else { return nil }
        return (isAtLineStart ? "" : "\n") + Retention.noticeText(missing: missing)
    }

    /// Writes what may be written now, from the buffer.
    mutating func pass(_ stored: Stored) {
        let end = min(stored.total, limit)
        let runs = stored.offsets(of: sent..<end)
        // Nothing is held back for a reader any more once a run is given up: what has been overwritten
        // in the ring cannot be passed on, and nothing behind it is.
        if runs.isEmpty { limit = sent }
        for run in runs {
            let bytes = unsafe stored.bytes(run)
            let count = unsafe write(bytes)
            if count < bytes.count { return }
        }
    }

    /// A line of ours, which is no part of the stream.
    mutating func write(_ line: String) {
        let result = unsafe Array(line.utf8).withUnsafeBytes { unsafe target.write($0) }
        if case .failure(let error) = result { failure = error }
        isAtLineStart = true
    }

    private mutating func write(_ bytes: UnsafeRawBufferPointer) -> Int {
        switch unsafe target.write(bytes) {
        case .failure(let error):
            failure = error
            return 0
        case .success(let count):
            sent += count
            if count > 0 { isAtLineStart = unsafe bytes[count - 1] == UInt8(ascii: "\n") }
            return count
        }
    }
}

/// A descriptor to write to without blocking, whatever it is and whoever else uses it.
private final class Target {
    let descriptor: Int32
    private let owned: Bool
    private let most: Int

    init(_ shared: Int32) {
        var status = stat()
        let known = unsafe fstat(shared, &status) == 0
        let kind = status.st_mode & S_IFMT
        if known, kind == S_IFREG {
            // Never blocks for long, and its offset must stay shared.
            (descriptor, owned, most) = (shared, false, .max)
            return
        }
        // O_NONBLOCK belongs to the open file that others share with us, a shell for example: open
        // it anew. Where that is not allowed (a socket, another user's terminal), small writes after
        // poll(2) says there is room are the next best.
        let own = unsafe open("/proc/self/fd/\(shared)", O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY)
        if own >= 0 {
            (descriptor, owned, most) = (own, true, .max)
        } else {
            (descriptor, owned, most) = (shared, false, 4096)
        }
    }

    deinit {
        if owned { close(descriptor) }
    }

    /// How many bytes went; fewer than there are when there is no room now.
    func write(_ bytes: UnsafeRawBufferPointer) -> Result<Int, Errno> {
        var done = 0
        while done < bytes.count {
            let count = min(bytes.count - done, most)
            let written = unsafe drain_write(descriptor, bytes.baseAddress! + done, count)
            if written > 0 { done += written }
            if written == -Int(EAGAIN) { break }
            if written < 0 { return .failure(Errno(rawValue: Int32(-written))) }
            if most != .max { break }
        }
        return .success(done)
    }
}

extension Errno: Error {}
