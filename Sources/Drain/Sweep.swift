/// What `RunRegistry.sweep()` found and did.
public struct Sweep: Sendable, Hashable {
    /// Entries looked at, in all.
    public internal(set) var entries = 0
    /// Of these, those whose owner lives: left alone.
    public internal(set) var alive = 0
    /// Those of runs that the caller is a part of: left alone.
    public internal(set) var own = 0
    /// Those of another PID or time namespace, where numbers mean something else: left alone.
    public internal(set) var foreign = 0
    /// Those of which nothing is left, and which were removed.
    public internal(set) var ended = 0
    /// Process ids that were killed; of a tree that forked meanwhile, those that were met first.
    public internal(set) var killed: [Int32] = []
    /// How many processes live in spite of that, after two seconds. Their entries stay.
    public internal(set) var left = 0
    /// The process ids of those, where they are known.
    public internal(set) var survivors: [Int32] = []
    /// Entries that cannot be trusted: left as they are, and nothing done by them.
    public internal(set) var damaged: [Damage] = []

    public struct Damage: Sendable, Hashable {
        /// The name in the directory.
        public let entry: String
        public let reason: String
    }
}

extension Sweep {
    /// One JSON object and a newline.
    public func json() -> String {
        JSONWriter.line { writer in
            let counts = [
                ("entries", entries), ("alive", alive), ("own", own), ("foreign", foreign), ("ended", ended),
                ("left", left),
            ]
            for (name, count) in counts {
                writer.key(name)
                writer.value(count)
            }
            for (name, pids) in [("killed", killed), ("survivors", survivors)] {
                writer.key(name)
                writer.beginArray()
                for pid in pids { writer.value(Int(pid)) }
                writer.endArray()
            }
            writer.key("damaged")
            writer.beginArray()
            for damage in damaged {
                writer.beginObject()
                writer.key("entry")
                writer.value(damage.entry)
                writer.key("reason")
                writer.value(damage.reason)
                writer.endObject()
            }
            writer.endArray()
        }
    }
}
