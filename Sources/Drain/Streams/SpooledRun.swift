/// The files of one run in a `SpoolStore`, as they were when it was looked at.
public struct SpooledRun: Sendable, Hashable {
    public enum State: String, Sendable, Hashable {
        /// Somebody writes to it: the lock on its sidecar (flock(2)) is held.
        case running
        /// It was written to its end.
        case finished
        /// Whoever wrote it was killed; what is there is good.
        case interrupted
        /// Its sidecar is gone or cannot be read.
        case unknown
    }

    /// What the names of its files begin with.
    public let name: String
    public internal(set) var state = State.unknown
    public let startedAt: Timestamp
    /// When the last of its files was written to.
    public internal(set) var lastWrittenAt: Timestamp
    /// What was run; empty where that is not known.
    public internal(set) var command: [String] = []
    /// The filter that the files went through; nil for none.
    public internal(set) var filter: String?
    /// Bytes of its files, the sidecar included.
    public internal(set) var bytes = 0
    /// For a `PageReader`, complete unless `state` is `running`. Nil if there is nothing. With a filter,
    /// `SpoolFiles.bytes` counts what the filter made.
    public internal(set) var stdout: SpoolFiles?
    public internal(set) var stderr: SpoolFiles?

    /// Names in the directory, the sidecar last.
    var files: [String] = []
}

extension SpooledRun {
    func write<E>(to writer: inout JSONWriter<E>) throws(E) {
        try writer.beginObject()
        try writer.key("run")
        try writer.value(name)
        try writer.key("state")
        try writer.value(state.rawValue)
        try writer.key("started_at")
        try writer.value(startedAt.description)
        try writer.key("last_written_at")
        try writer.value(lastWrittenAt.description)
        try writer.key("command")
        try writer.beginArray()
        for word in command { try writer.value(word) }
        try writer.endArray()
        try writer.key("filter")
        if let filter { try writer.value(filter) } else { try writer.null() }
        try writer.key("bytes")
        try writer.value(bytes)
        for (name, files) in [("stdout", stdout), ("stderr", stderr)] {
            try writer.key(name)
            try files.write(to: &writer)
        }
        try writer.endObject()
    }
}

extension SpoolFiles? {
    fileprivate func write<E>(to writer: inout JSONWriter<E>) throws(E) {
        guard let self else { return try writer.null() }
        try writer.beginObject()
        try writer.key("paths")
        try writer.beginArray()
        for path in self.paths { try writer.value(path) }
        try writer.endArray()
        try writer.key("offset")
        try writer.value(self.offset)
        try writer.key("bytes")
        try writer.value(self.bytes)
        try writer.endObject()
    }
}
