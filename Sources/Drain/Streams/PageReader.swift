/// Pages of a stream that was kept in memory or spooled to files, finished or still growing.
///
///     let reader = try PageReader(SpoolFiles(paths: ["log"], bytes: size))
///     var page = try reader.page(.lines(from: -10, count: 10))
///     while page.hasMore { page = try reader.page(page.next) }
///
/// Any thread may use it; one at a time gets its page. It reads with pread(2), and so may block for as
/// long as the disk does. Besides a page it takes 256 KiB, and 8 bytes for each MiB of which lines were
/// asked for by their number.
public final class PageReader: Sendable {
    private let state: Locked<State>

    private struct State: Sendable {
        var source: any PageSource
        var index: PageIndex
    }
    private let scratch: PageScratch

    /// Pages of what was kept of a stream.
    /// - Parameter isComplete: whether it is all that there will be.
    public convenience init(_ capture: Capture, isComplete: Bool = true) {
        self.init(PageCapture(capture: capture, isComplete: isComplete))
    }

    /// Pages of files.
    ///
    /// While the stream grows, the last file is read as far as it goes, beyond `files.bytes`; of a stream
    /// that is complete, `files.bytes` tells its end. Files may go meanwhile, the oldest first.
    /// - Parameters:
    ///   - streamBytes: what the stream carried in all, if that is more than was written: the rest is missing.
    ///   - isComplete: whether nothing is written any more.
    /// - Throws: `PageError.Kind.invalidFiles`. The files are looked at when a page is asked for.
    public convenience init(
        _ files: SpoolFiles, streamBytes: Int? = nil, isComplete: Bool = true
    ) throws(PageError) {
        try self.init(PageFiles(files, streamBytes: streamBytes, isComplete: isComplete, after: nil))
    }

    init(_ source: any PageSource, chunk: Int = 1 << 20, scratch: Int = 1 << 18) {
        state = Locked(State(source: source, index: PageIndex(chunk: chunk)))
        self.scratch = PageScratch(scratch)
    }

    /// The same stream later: it has more files, or fewer, or has ended. What was learnt of it stays.
    public func update(
        _ files: SpoolFiles, streamBytes: Int? = nil, isComplete: Bool
    ) throws(PageError) {
        try state.withLock { (state) throws(PageError) in
            state.source = try PageFiles(
                files, streamBytes: streamBytes, isComplete: isComplete, after: state.source as? PageFiles)
        }
    }

    /// The same stream later, as it is kept now.
    public func update(_ capture: Capture, isComplete: Bool) {
        state.withLock { $0.source = PageCapture(capture: capture, isComplete: isComplete) }
    }

    /// One page of the stream as it is now.
    public func page(_ request: PageRequest) throws(PageError) -> Page {
        try request.check()
        return try state.withLock { (state) throws(PageError) in
            // What goes while it is read is looked for again: there are fewer files each time.
            var patience = 100
            while true {
                do throws(PageError) {
                    let extents = try state.source.look()
                    let view = PageView(source: state.source, extents: extents, scratch: scratch)
                    var cutter = PageCutter(view: view, index: state.index, request: request)
                    defer { state.index = cutter.index }
                    return try cutter.page()
                } catch {
                    patience -= 1
                    if error.kind != .vanished || patience == 0 { throw error }
                }
            }
        }
    }
}
