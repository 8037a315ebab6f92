/// Where a stream stands on disk: what the report's `stdout_spool` says of it.
public struct SpoolFiles: Sendable, Hashable {
    /// Files whose contents, in order, are `bytes` bytes of the stream from position `offset` on.
    public var paths: [OSString]
    /// The position in the stream of the first byte that is there.
    public var offset: Int
    /// Bytes of the stream that are there. Of a stream that is still being written, those that were there
    /// at some time.
    public var bytes: Int

    public init(paths: [OSString], offset: Int = 0, bytes: Int) {
        self.paths = paths
        self.offset = offset
        self.bytes = bytes
    }
}
