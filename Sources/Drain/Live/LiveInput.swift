import CDrain

/// The standard input of a running command, where that is `Input.pipe`.
public struct LiveInput: Sendable {
    private let link: LiveLink

    init(_ link: LiveLink) { self.link = link }

    /// Writes all of it, waiting for room as the command reads: nothing is stored but in the pipe. One call at a
    /// time writes; others wait for their turn. Blocks no thread: write(2) to a pipe that does not block, and
    /// epoll(7).
    ///
    /// A command that has ended or reads no more is no error: the result says how much the pipe took.
    ///
    /// - Parameter limit: how long it may take; nil for as long as the run does.
    @discardableResult
    public func write(
        _ bytes: [UInt8], within limit: Duration? = nil, isolation: isolated (any Actor)? = #isolation
    ) async -> Written {
        let deadline = limit.map { drain_now().advanced(by: $0) } ?? .never
        return await link.write(bytes, until: deadline, isolation: isolation)
    }

    /// Writes a string as UTF-8.
    @discardableResult
    public func write(
        _ text: String, within limit: Duration? = nil, isolation: isolated (any Actor)? = #isolation
    ) async -> Written {
        await write(Array(text.utf8), within: limit, isolation: isolation)
    }

    /// Ends it: the command reads what is in the pipe, and then an end of file. What is being written ends where it
    /// is. Any number of times.
    public func close() { link.closeInput() }

    /// Whether nothing more can be written: it was closed, nobody reads it any more, or the run is over.
    public var isClosed: Bool { link.isInputClosed }
}

/// What became of something written to a command.
public struct Written: Sendable, Hashable {
    /// Bytes that the pipe took. Whether the command has read them is not known.
    public let count: Int
    public let ending: Ending

    public enum Ending: Sendable, Hashable {
        case whole
        /// Nobody reads it any more, or it was closed.
        case closed
        /// There was no room within the time for it.
        case deadline
        /// The task was cancelled.
        case cancelled
    }

    public var isWhole: Bool { ending == .whole }
}
