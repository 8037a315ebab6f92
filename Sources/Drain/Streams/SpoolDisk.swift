import CDrain

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// The thread that writes to one file system, for all runs of the process. Nothing else here waits for a disk.
///
/// Unchecked: what is not behind the lock is used by its own thread only.
@safe final class SpoolDisk: @unchecked Sendable {
    private static let disks = Locked<[UInt64: SpoolDisk]>([:])

    private let raw: OpaquePointer
    private let wakeDescriptor: Int32
    private let inbox = Locked<[Entry]>([])
    private var entries: [Entry] = []

    private struct Entry {
        var lane: SpoolLane
        var run: SpoolRun
    }

    /// That of a file system; made when it is first asked for.
    static func of(_ device: UInt64) throws(DrainError) -> SpoolDisk {
        try disks.withLock { (disks) throws(DrainError) in
            if let disk = disks[device] { return disk }
            let disk = try SpoolDisk()
            try Worker.start { disk.main() }
            disks[device] = disk
            return disk
        }
    }

    private init() throws(DrainError) {
        var opened: OpaquePointer?
        let error = unsafe drain_disk_open(&opened)
        guard error == 0, let opened = unsafe opened else {
            throw DrainError(.system, "pipe2", Errno(rawValue: error))
        }
        unsafe raw = opened
        wakeDescriptor = drain_wake_open()
        // All is set: the end of this gives everything back.
        if wakeDescriptor < 0 { throw DrainError(.system, "eventfd", Errno(rawValue: -wakeDescriptor)) }
    }

    deinit {
        unsafe drain_disk_close(raw)
        if wakeDescriptor >= 0 { close(wakeDescriptor) }
    }

    /// Any thread.
    func wake() { drain_wake(wakeDescriptor) }

    /// Any thread. The lanes' writing sides are this thread's from now on.
    func add(_ lanes: [SpoolLane], of run: SpoolRun) {
        inbox.withLock { inbox in
            for lane in lanes { inbox.append(Entry(lane: lane, run: run)) }
        }
        wake()
    }

    // MARK: On its thread

    private func main() -> Never {
        while true {
            wait()
            goOn()
        }
    }

    /// For something to do.
    private func wait() {
        var set = [pollfd(fd: wakeDescriptor, events: Int16(POLLIN), revents: 0)]
        for entry in entries {
            set.append(pollfd(fd: entry.lane.descriptor, events: Int16(POLLIN), revents: 0))
        }
        let until = entries.lazy.map(\.lane.deadline).min() ?? .never
        let left = until == .never ? -1 : Int32(clamping: max(0, until - drain_now()) / 1_000_000 + 1)
        unsafe _ = poll(&set, nfds_t(set.count), left)
        guard set[0].revents != 0 else { return }
        var times: UInt64 = 0
        unsafe _ = read(wakeDescriptor, &times, MemoryLayout.size(ofValue: times))
    }

    /// Each in turn, until none has anything to do.
    private func goOn() {
        var isBusy = true
        while isBusy {
            isBusy = false
            entries += inbox.withLock { inbox in
                defer { inbox = [] }
                return inbox
            }
            entries.removeAll { entry in
                switch unsafe entry.lane.step(raw) {
                case DRAIN_SPOOL_DONE:
                    entry.run.laneIsDone()
                    return true
                case DRAIN_SPOOL_MORE: isBusy = true
                default: break
                }
                return false
            }
        }
    }
}
