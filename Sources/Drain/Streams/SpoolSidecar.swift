import CDrain

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// `NAME.json` beside the parts of a run: what they are, for whoever finds them. Written before the command is
/// started, and again when it has ended.
struct SpoolSidecar: Sendable {
    var name: String
    var startedAt: Timestamp
    var command: [OSString]
    var maxBytes: Int
    var keep: Limits.Keep
    var filter: OSString?

    private var file: String { name + ".json" }

    /// - Parameters:
    ///   - streams: what came of them; nil while the command runs.
    ///   - lock: for the latter.
    func write(_ directory: SpoolDirectory, _ streams: [SpoolReport]?, lock: FileLock? = nil) -> Errno? {
        let bytes = Array(JSONWriter.line { write(to: &$0, streams) }.utf8)
        let error = directory.replace(file, bytes, lock: lock)
        return error != nil && streams != nil ? directory.overwrite(file, bytes) : error
    }

    func remove(_ directory: SpoolDirectory) { directory.remove(file) }

    private func write(to json: inout JSONWriter<Never>, _ streams: [SpoolReport]?) {
        let pid = getpid()
        json.key("type")
        json.value(SpoolNote.type)
        json.key("schema")
        json.value(1)
        json.key("run")
        json.value(name)
        json.key("pid")
        json.value(Int(pid))
        json.key("pid_started")
        json.value(Int(clamping: drain_start_time(pid)))
        json.key("started_at")
        json.value(startedAt.description)
        json.key("command")
        json.beginArray()
        for word in command { json.value(word) }
        json.endArray()
        json.key("max_bytes")
        json.value(maxBytes)
        json.key("keep")
        json.value(keep.word)
        json.key("filter")
        if let filter { json.value(filter) } else { json.null() }
        json.key("finished")
        json.value(streams != nil)
        for stream in Stream.allCases {
            json.key(stream == .stdout ? "stdout" : "stderr")
            if let streams { write(streams[stream.rawValue], to: &json) } else { json.null() }
        }
    }

    private func write(_ spool: SpoolReport, to json: inout JSONWriter<Never>) {
        json.beginObject()
        json.key("paths")
        json.beginArray()
        for path in spool.files.paths {
            json.value(OSString(bytes: path.bytes.split(separator: UInt8(ascii: "/")).last ?? []))
        }
        json.endArray()
        json.key("offset")
        json.value(spool.files.offset)
        json.key("bytes")
        json.value(spool.files.bytes)
        json.key("error")
        if let error = spool.error {
            json.beginObject()
            json.key("message")
            json.value(error.message)
            json.key("errno")
            json.value(error.errno.name)
            json.endObject()
        } else {
            json.null()
        }
        json.endObject()
    }
}

extension Limits.Keep {
    fileprivate var word: String {
        switch self {
        case .head: "head"
        case .tail: "tail"
        case .both: "both"
        }
    }
}
