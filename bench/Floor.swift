import Floors
import Foundation

/// Plain C for the same work, with one buffer that is used again and again.
final class Floor {
    nonisolated(unsafe) static let shared = Floor()
    private var room: UnsafeMutablePointer<CChar>
    private var size = 16 << 20

    private init() { room = .allocate(capacity: size) }

    func run(_ command: [String], cap: Int = 0) throws -> Int {
        if cap > size {
            room.deallocate()
            room = .allocate(capacity: cap)
            size = cap
        }
        return try measure(command) { floor_run($0, room, cap, &$1) }
    }

    func save(_ command: [String], to path: String) throws -> Int {
        try measure(command) { floor_save($0, path, &$1) }
    }

    func many(_ command: [String], _ count: Int) throws -> Int {
        try measure(command) { floor_many($0, Int32(count), &$1) }
    }

    /// The bytes that were seen.
    private func measure(
        _ command: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>, inout UInt64) -> Int32
    ) throws -> Int {
        let words = command.map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        var seen: UInt64 = 0
        let error = body(words, &seen)
        guard error == 0 else { throw Failure("C: \(String(cString: strerror(error)))") }
        return Int(seen)
    }
}
