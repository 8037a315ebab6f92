import CDrain

/// Reads NDJSON as it comes, in pieces of any size, and keeps the objects that a filter names.
///
///     var scanner = try EventScanner(EventFilter(types: ["result"]))
///     scanner.take(piece)
///     let events = scanner.finish()
///
/// A line counts as an object only if it is one by RFC 8259, nested at most 512 deep. Bytes in a
/// string that are not UTF-8 are allowed, and so is half of a surrogate pair after `\u`. A byte-order
/// mark is skipped where the stream starts. Used by one thread at a time.
public struct EventScanner: ~Copyable {
    private let log: EventLog

    /// - Throws: when there is no memory: mmap(2).
    public init(_ filter: EventFilter) throws(DrainError) {
        log = try EventLog(filter)
    }

    /// Reads on.
    public mutating func take(_ bytes: RawSpan) {
        unsafe bytes.withUnsafeBytes { unsafe log.take($0) }
    }

    /// There is no more. A last line without a newline is one too.
    public consuming func finish() -> Events {
        log.finish()
        return Events(log)
    }
}

/// The owner of what `drain_events_open` gave.
///
/// Unchecked: one run or scanner feeds it, and it is never written again once there are `Events` of it.
@safe final class EventLog: JSONLines, @unchecked Sendable {
    /// For the core alone, while `self` lives.
    let raw: OpaquePointer

    init(_ filter: EventFilter) throws(DrainError) {
        var bytes: [UInt8] = []
        for type in filter.types { bytes += type.bytes }
        var opened: OpaquePointer?
        let error = unsafe bytes.withUnsafeBufferPointer { all in
            var start = 0
            let types = unsafe filter.types.map { type in
                defer { start += type.bytes.count }
                return unsafe drain_type(
                    bytes: all.baseAddress.map { unsafe $0 + start }, count: type.bytes.count)
            }
            return unsafe types.withUnsafeBufferPointer {
                unsafe drain_events_open($0.baseAddress, $0.count, max(0, filter.maxBytes), &opened)
            }
        }
        guard error == 0, let opened = unsafe opened else {
            throw DrainError(.system, "memory for events", Errno(rawValue: error))
        }
        unsafe raw = opened
    }

    deinit {
        unsafe drain_events_close(raw)
    }

    func take(_ bytes: UnsafeRawBufferPointer) {
        unsafe drain_events_take(raw, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count)
    }

    /// To the end of the first line that is kept; how many bytes that were.
    func takeToNext(_ bytes: UnsafeRawBufferPointer) -> Int {
        guard let start = unsafe bytes.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return 0 }
        return unsafe drain_events_take_one(raw, start, bytes.count)
    }

    /// What was kept was handed out.
    func forget() { unsafe drain_events_forget(raw) }

    func finish() { unsafe drain_events_finish(raw) }

    func look() -> drain_event_log { unsafe drain_events_look(raw) }

    /// The kept lines, good for as long as `self` lives once it is finished.
    var lines: UnsafeRawBufferPointer {
        let log = unsafe look()
        return unsafe UnsafeRawBufferPointer(start: log.lines, count: log.length)
    }
}
