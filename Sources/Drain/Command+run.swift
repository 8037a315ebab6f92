#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

extension Command {
    /// Runs the command and waits for its end, on the calling thread and no other.
    ///
    /// - Parameters:
    ///   - events: reads standard output as NDJSON, and keeps these objects of it in the report.
    ///   - cancellation: ends the run from another thread; it still yields its report.
    ///   - registry: has an entry of the run for as long as it lasts.
    /// - Throws: when the command could not be run; nothing of it is left then. What the command
    ///   does is never an error.
    public func runBlocking(
        limits: Limits = Limits(), timeouts: Timeouts = Timeouts(), events: EventFilter? = nil,
        cancellation: Cancellation? = nil, registry: RunRegistry? = nil
    ) throws(DrainError) -> Report {
        try Run.perform(
            self, limits, timeouts, cancellation: cancellation?.source, registry: registry, events: events)
    }

    /// Runs the command without blocking the calling task's thread; one thread of its own waits.
    ///
    /// Cancelling the task ends the run as a time limit does, and still yields its report, with
    /// what was kept and the outcome `cancelled`.
    ///
    /// - Parameters:
    ///   - events: reads standard output as NDJSON, and keeps these objects of it in the report.
    ///   - registry: has an entry of the run for as long as it lasts.
    /// - Throws: when the command could not be run; nothing of it is left then.
    public func run(
        limits: Limits = Limits(), timeouts: Timeouts = Timeouts(), events: EventFilter? = nil,
        registry: RunRegistry? = nil
    ) async throws(DrainError) -> Report {
        let cancellation = try Cancellation()
        let result: Result<Report, DrainError> = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let job = Job { () throws(DrainError) in
                    try self.runBlocking(
                        limits: limits, timeouts: timeouts, events: events, cancellation: cancellation,
                        registry: registry)
                } done: { result in
                    continuation.resume(returning: result)
                }
                if let error = job.start() { continuation.resume(returning: .failure(error)) }
            }
        } onCancel: {
            cancellation.cancel()
        }
        return try result.get()
    }
}

/// Work for a thread of its own.
private final class Job: Sendable {
    private let work: @Sendable () throws(DrainError) -> Report
    private let done: @Sendable (Result<Report, DrainError>) -> Void

    init(
        work: @escaping @Sendable () throws(DrainError) -> Report,
        done: @escaping @Sendable (Result<Report, DrainError>) -> Void
    ) {
        self.work = work
        self.done = done
    }

    /// Starts a detached thread, or says why it could not; `done` is not called then.
    func start() -> DrainError? {
        // The host's signal handlers are not to run on a thread of ours: it starts with all
        // signals blocked, and so it stays.
        var all = sigset_t()
        var before = sigset_t()
        unsafe sigfillset(&all)
        unsafe pthread_sigmask(SIG_SETMASK, &all, &before)
        defer { unsafe _ = pthread_sigmask(SIG_SETMASK, &before, nil) }

        let held = unsafe Unmanaged.passRetained(self)
        let error = unsafe startThread(held.toOpaque()) { argument in
            let job = unsafe Unmanaged<Job>.fromOpaque(argument!).takeRetainedValue()
            job.run()
            return nil
        }
        guard error != 0 else { return nil }
        unsafe held.release()
        return DrainError(.system, "pthread_create", Errno(rawValue: error))
    }

    private func run() {
        do throws(DrainError) { done(.success(try work())) } catch { done(.failure(error)) }
    }
}

private func startThread(
    _ argument: UnsafeMutableRawPointer,
    _ body: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer?
) -> Int32 {
    var attributes = pthread_attr_t()
    unsafe pthread_attr_init(&attributes)
    defer { unsafe _ = pthread_attr_destroy(&attributes) }
    unsafe pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
    var thread = pthread_t()
    return unsafe pthread_create(&thread, &attributes, body, argument)
}
