import CDrain

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// One stream's way to disk: the owner of what `drain_spool_open` gave.
///
/// Unchecked: the core says which of its sides a thread may use, the state that both see is behind a lock.
@safe final class SpoolLane: @unchecked Sendable {
    /// For the core alone, while `self` lives.
    let raw: OpaquePointer
    private let pipe: Int32
    let filter: SpoolFilter?
    /// The disk's: how its filter ended.
    private var verdict: SpoolFilter.Problem?
    /// The disk's: until when its filter may go on.
    private(set) var deadline = Instant.never
    private let directory: SpoolDirectory
    private let published: Locked<Published>

    private struct Published {
        var state: drain_spool_state
        var isDone = false
        var verdict: SpoolFilter.Problem?
        /// It was settled before it was done: the report has said what is there.
        var isAbandoned = false
    }

    struct Plan {
        var spool: Spool
        var run: String
        var keepsEnd: Bool
        var pipeSize: Int

        init(_ spool: Spool, run: String, _ keep: Limits.Keep, pipeSize: Int) {
            (self.spool, self.run, self.pipeSize) = (spool, run, pipeSize)
            keepsEnd = keep == .tail
        }
    }

    init(_ plan: Plan, _ stream: Stream, in directory: SpoolDirectory) throws(DrainError) {
        var opened: OpaquePointer?
        let prefix = "\(plan.run).\(stream == .stdout ? "stdout" : "stderr")."
        let patience = plan.spool.whenSlow == .wait ? DRAIN_NEVER : Spool.patience.nanoseconds
        let filter = plan.spool.filter
        let error = unsafe prefix.withCString { prefix in
            unsafe (filter == nil ? "" : ".filtered").withCString { suffix in
                var raw = unsafe drain_spool_plan(
                    directory: directory.descriptor, prefix: prefix, suffix: suffix,
                    most: UInt64(max(0, plan.spool.maxBytes)), keeps_end: plan.keepsEnd, patience: patience,
                    pipe_size: plan.pipeSize, filtered: filter != nil)
                return unsafe drain_spool_open(&raw, &opened)
            }
        }
        guard error == 0, let opened = unsafe opened else {
            throw DrainError(.system, "pipe2", Errno(rawValue: error))
        }
        unsafe raw = opened
        self.directory = directory
        pipe = unsafe drain_spool_descriptor(opened)
        do throws(DrainError) {
            self.filter = try filter.map { (filter) throws(DrainError) in
                try unsafe SpoolLane.start(filter, opened, plan.spool)
            }
        } catch {
            unsafe drain_spool_close(opened)
            throw error
        }
        published = Locked(Published(state: unsafe drain_spool_look(opened)))
    }

    deinit {
        unsafe drain_spool_close(raw)
    }

    private static func start(
        _ filter: Command, _ raw: OpaquePointer, _ spool: Spool
    ) throws(DrainError) -> SpoolFilter {
        let file = unsafe drain_spool_make_part(raw)
        if file < 0 { throw DrainError(.spool, spool.directory.description, Errno(rawValue: -file)) }
        defer { close(file) }
        let pipe = unsafe drain_spool_descriptor(raw)
        return try SpoolFilter(filter, input: pipe, output: file, maxBytes: max(0, spool.maxBytes))
    }

    /// The command was not started, and the one part there may be is to go.
    func cancel() {
        guard let filter else { return }
        _ = filter.collect(killing: true)
        directory.remove(partName(0))
    }

    func partName(_ offset: Int) -> String {
        let room = Int(DRAIN_SPOOL_NAME)
        return unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: room) { name in
            unsafe drain_spool_name(raw, UInt64(offset), name.baseAddress!)
            return unsafe String(cString: name.baseAddress!)
        }
    }

    /// What is on disk. Nothing changes after this.
    func settle() -> Result {
        published.withLock { published in
            if !published.isDone { published.isAbandoned = true }
            return Result(
                state: published.state, isWhole: !published.isAbandoned, problem: published.verdict?.value)
        }
    }

    struct Result {
        var state: drain_spool_state
        /// That is all that will be.
        var isWhole: Bool
        /// Its filter's.
        var problem: Report.Problem?
    }

    // MARK: On the disk's thread

    /// What to wait for.
    var descriptor: Int32 {
        guard let filter, verdict == nil else { return pipe }
        return filter.descriptor
    }

    /// False while its filter runs.
    private func isUnfiltered() -> Bool {
        guard let filter, verdict == nil else { return true }
        let now = drain_now()
        if deadline == .never, unsafe drain_spool_ended(raw) {
            deadline = now.advanced(by: Spool.filterPatience)
        }
        guard let found = filter.collect(killing: now >= deadline) else {
            // One that cannot even be killed is looked at again.
            if now >= deadline { deadline = now.advanced(by: Spool.patience) }
            return false
        }
        verdict = found
        deadline = .never
        unsafe drain_spool_unfilter(raw)
        return true
    }

    /// One step. What it did is told before the next.
    func step(_ disk: OpaquePointer) -> drain_spool_progress {
        guard isUnfiltered() else { return DRAIN_SPOOL_IDLE }
        let progress = unsafe drain_spool_step(raw, disk)
        if progress == DRAIN_SPOOL_IDLE { return progress }
        let now = unsafe drain_spool_look(raw)
        let (isAbandoned, told) = published.withLock { published in
            if !published.isAbandoned {
                published.state = now
                published.verdict = verdict
                published.isDone = progress == DRAIN_SPOOL_DONE
            }
            return (published.isAbandoned, published.state)
        }
        if isAbandoned {
            var told = told
            unsafe drain_spool_revert(raw, &told)
        }
        return progress
    }
}
