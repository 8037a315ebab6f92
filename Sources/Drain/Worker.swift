#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// A thread of ours, which never ends.
final class Worker: Sendable {
    private let body: @Sendable () -> Never

    private init(_ body: @escaping @Sendable () -> Never) { self.body = body }

    /// Starts a detached thread, or says why there is none.
    static func start(_ body: @escaping @Sendable () -> Never) throws(DrainError) {
        // The host's signal handlers are not to run on a thread of ours: it starts with all
        // signals blocked, and so it stays.
        var all = sigset_t()
        var before = sigset_t()
        unsafe sigfillset(&all)
        unsafe pthread_sigmask(SIG_SETMASK, &all, &before)
        defer { unsafe _ = pthread_sigmask(SIG_SETMASK, &before, nil) }

        let held = unsafe Unmanaged.passRetained(Worker(body))
        let error = unsafe startThread(held.toOpaque()) { argument in
            let worker = unsafe Unmanaged<Worker>.fromOpaque(argument!).takeRetainedValue()
            worker.body()
        }
        guard error != 0 else { return }
        unsafe held.release()
        throw DrainError(.system, "pthread_create", Errno(rawValue: error))
    }
}

/// Does something on another thread, and waits for it.
///
/// For a process that was forked and is about to have several threads: Swift's runtime has remembered the number
/// of its first thread, which is that of the parent's. Its locks (futex(2), FUTEX_LOCK_PI) go by that number, and
/// where two threads want one at once, neither ever gets it. A new thread has its own number.
package func onThreadOfItsOwn<Value>(_ body: @escaping () -> Value) -> Value {
    let errand = Errand(body)
    do throws(DrainError) {
        try Worker.start {
            errand.perform()
            while true { pause() }
        }
    } catch {
        errand.perform()
    }
    errand.done.wait()
    return errand.value!
}

/// Unchecked: done by one thread, and looked at by another when it is done.
private final class Errand<Value>: @unchecked Sendable {
    private let body: () -> Value
    private(set) var value: Value?
    let done = Semaphore()

    init(_ body: @escaping () -> Value) { self.body = body }

    func perform() {
        value = body()
        done.signal()
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

/// A count that a thread can wait for: sem_overview(7).
@safe final class Semaphore: @unchecked Sendable {
    private let raw: UnsafeMutablePointer<sem_t>

    init() {
        unsafe raw = .allocate(capacity: 1)
        unsafe raw.initialize(to: sem_t())
        unsafe sem_init(raw, 0, 0)
    }

    deinit {
        unsafe sem_destroy(raw)
        unsafe raw.deallocate()
    }

    func signal() { unsafe _ = sem_post(raw) }

    func wait() {
        while unsafe sem_wait(raw) != 0 {}
    }
}
