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
    let descriptor: Int32
    private let directory: SpoolDirectory
    private let published: Locked<Published>

    private struct Published {
        var state: drain_spool_state
        var isDone = false
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
        let error = unsafe prefix.withCString { prefix in
            unsafe "".withCString { suffix in
                var raw = unsafe drain_spool_plan(
                    directory: directory.descriptor, prefix: prefix, suffix: suffix,
                    most: UInt64(max(0, plan.spool.maxBytes)), keeps_end: plan.keepsEnd, patience: patience,
                    pipe_size: plan.pipeSize)
                return unsafe drain_spool_open(&raw, &opened)
            }
        }
        guard error == 0, let opened = unsafe opened else {
            throw DrainError(.system, "pipe2", Errno(rawValue: error))
        }
        unsafe raw = opened
        self.directory = directory
        descriptor = unsafe drain_spool_descriptor(opened)
        published = Locked(Published(state: unsafe drain_spool_look(opened)))
    }

    deinit {
        unsafe drain_spool_close(raw)
    }

    func partName(_ offset: Int) -> String {
        let room = Int(DRAIN_SPOOL_NAME)
        return unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: room) { name in
            unsafe drain_spool_name(raw, UInt64(offset), name.baseAddress!)
            return unsafe String(cString: name.baseAddress!)
        }
    }

    /// What is on disk, and whether that is all that will be. Nothing changes after this.
    func settle() -> (drain_spool_state, Bool) {
        published.withLock { published in
            if !published.isDone { published.isAbandoned = true }
            return (published.state, !published.isAbandoned)
        }
    }

    // MARK: On the disk's thread

    /// One step. What it did is told before the next.
    func step(_ disk: OpaquePointer) -> drain_spool_progress {
        let progress = unsafe drain_spool_step(raw, disk)
        if progress == DRAIN_SPOOL_IDLE { return progress }
        let now = unsafe drain_spool_look(raw)
        let (isAbandoned, told) = published.withLock { published in
            if !published.isAbandoned {
                published.state = now
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
