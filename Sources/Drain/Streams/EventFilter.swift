/// Which objects of NDJSON are kept, and how much of them.
///
/// An object is kept if its own type, the string in its member `type`, is named here or holds
/// `error` or `failed`, in letters of any case; or if an object that is directly a member of it
/// (as in `item.type`) has a type that is named. What lies deeper does not count. Of several members
/// `type` of one object the last counts.
public struct EventFilter: Sendable, Hashable {
    /// What is kept unless said otherwise: 64 MiB.
    public static let defaultBytes = 64 << 20

    /// As they read when JSON's escapes are undone.
    public var types: [OSString]
    /// The longest line that is kept, in bytes with its newline, and the most that all kept lines
    /// take together: past that the oldest go. Negative values count as 0. Memory is bounded by
    /// twice as much, since a line is not known to be unwanted before its end.
    public var maxBytes: Int

    public init(types: [OSString], maxBytes: Int = EventFilter.defaultBytes) {
        self.types = types
        self.maxBytes = maxBytes
    }
}
