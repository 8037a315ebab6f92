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
        var seen: UInt64 = 0
        let error = withWords(command) { floor_run($0, room, cap, &seen) }
        guard error == 0 else { throw Failure("C: \(String(cString: strerror(error)))") }
        return Int(seen)
    }

    func many(_ command: [String], _ count: Int) throws -> Int {
        var seen: UInt64 = 0
        let error = withWords(command) { floor_many($0, Int32(count), &seen) }
        guard error == 0 else { throw Failure("C: \(String(cString: strerror(error)))") }
        return Int(seen)
    }

    private func withWords<R>(
        _ command: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> R
    ) -> R {
        let words = command.map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        return body(words)
    }
}
