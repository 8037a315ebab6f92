import CDrain

/// A command that runs, in the body of `withRun`: what can be read of it, written to it and done to it.
///
/// Its sequences begin with the first byte. A stream is read by one of them: to ask for another, or for one of a
/// stream that is not among `LiveOptions.streams`, is a mistake of the program, at which a precondition fails.
public struct LiveRun: Sendable {
    private let link: LiveLink

    init(_ link: LiveLink) { self.link = link }

    /// The process id of the command.
    public var pid: Int32 { link.pid }

    /// Standard input, where it is `Input.pipe`; else closed.
    public var input: LiveInput { LiveInput(link) }

    /// The lines of a stream.
    public func lines(_ stream: Stream) -> LiveLines { LiveLines(lineBatches(stream)) }

    /// The lines of all streams that are read live, in the order in which they were complete. What comes in the
    /// same round of the loop is told apart by stream only.
    public func lines() -> LiveLines { LiveLines(LiveLineBatches(link, live)) }

    /// The lines of a stream many at a time, the fastest way to read them.
    public func lineBatches(_ stream: Stream) -> LiveLineBatches { LiveLineBatches(link, [stream]) }

    /// The bytes of a stream.
    public func bytes(_ stream: Stream) -> LiveBytes { LiveBytes(link, stream) }

    /// The objects of NDJSON on standard output that the filter names.
    /// - Throws: when there is no memory for it: mmap(2).
    public func events(_ filter: EventFilter) throws(DrainError) -> LiveEvents {
        try LiveEvents(link, .stdout, filter)
    }

    private var live: [Stream] { Stream.allCases.filter(link.options.streams.contains) }

    /// Waits until the command itself has ended, or has been given up. From then on the body may be left, and
    /// sequences let go of, without anything being ended. What is not read by somebody meanwhile may keep the
    /// command from ending.
    public func exit(isolation: isolated (any Actor)? = #isolation) async {
        _ = await link.awaitExit(until: .never, isolation: isolation)
    }

    /// The same; throws when the command has not ended within this time.
    public func exit(
        within limit: Duration, isolation: isolated (any Actor)? = #isolation
    ) async throws(DeadlineExceeded) {
        let deadline = drain_now().advanced(by: limit)
        guard await link.awaitExit(until: deadline, isolation: isolation) else {
            throw DeadlineExceeded(limit: limit)
        }
    }

    /// Ends the run as cancelling its task would. What the command prints till its end can still be read.
    public func cancel() { link.place.cancel() }

    /// Sends a signal to the whole tree of the command, by the means of `Timeouts.killMethod`, followed by SIGCONT.
    public func signal(_ signal: Signal) { link.send(signal) }

    /// Bytes of a stream that were dropped so far.
    public func droppedCount(_ stream: Stream) -> Int { link.dropped[stream.rawValue] }
}
