import Foundation

/// Reads a descriptor to its end on a thread of its own, and lets others wait for what comes.
final class Reader: @unchecked Sendable {
    private let descriptor: Int32
    private let most: Int
    private let condition = NSCondition()
    private var collected: [UInt8] = []
    private var counted = 0
    private var ended = false

    /// - Parameters:
    ///   - descriptor: is closed at its end.
    ///   - most: keeps no more than so many bytes, and counts the rest.
    init(_ descriptor: Int32, keeping most: Int = .max) {
        self.descriptor = descriptor
        self.most = most
        Thread.detachNewThread { self.readToEnd() }
    }

    /// The reading side of a FIFO, open at once whether there is a writer or not.
    convenience init(fifo path: String) throws {
        // Opened for both, so that there is no end of file before the first writer; the fixture
        // opens it next, and only then is our writing side closed.
        let both = open(path, O_RDWR | O_CLOEXEC)
        guard both >= 0 else { throw Trouble("open \(path)", errno: errno) }
        let reading = open(path, O_RDONLY | O_CLOEXEC)
        guard reading >= 0 else { throw Trouble("open \(path)", errno: errno) }
        self.init(reading)
        keptOpen = both
    }

    private var keptOpen: Int32 = -1

    /// From now on the end of file tells that no writer lives.
    func letGo() {
        condition.withLock {
            if keptOpen >= 0 { close(keptOpen) }
            keptOpen = -1
        }
    }

    private func readToEnd() {
        var room = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = read(descriptor, &room, room.count)
            if count < 0, errno == EINTR { continue }
            condition.withLock {
                if count > 0 {
                    counted += count
                    collected.append(contentsOf: room[..<min(count, max(0, most - collected.count))])
                } else {
                    ended = true
                }
                condition.broadcast()
            }
            if count <= 0 { break }
        }
        close(descriptor)
    }

    var bytes: [UInt8] { condition.withLock { collected } }
    var count: Int { condition.withLock { counted } }
    var text: String { String(decoding: bytes, as: UTF8.self) }

    /// Whether the end came in time.
    func waitForEnd() -> Bool { wait { self.ended } }

    /// Whether this text came in time.
    func wait(for text: String) -> Bool {
        wait { String(decoding: self.collected, as: UTF8.self).contains(text) }
    }

    private func wait(_ isTrue: () -> Bool) -> Bool {
        let deadline = Date().addingTimeInterval(patience)
        condition.lock()
        defer { condition.unlock() }
        while !isTrue() {
            if !condition.wait(until: deadline) { return isTrue() }
        }
        return true
    }
}

extension NSCondition {
    fileprivate func withLock<R>(_ body: () -> R) -> R {
        lock()
        defer { unlock() }
        return body()
    }
}

/// Two ends of a pipe that no child inherits unasked.
func makePipe() throws -> (reading: Int32, writing: Int32) {
    // The C library's module lacks it, and pipe(2) with fcntl(2) leaves a gap for other threads' spawns.
    typealias Pipe2 = @convention(c) (UnsafeMutablePointer<Int32>, Int32) -> Int32
    let pipe2 = unsafeBitCast(dlsym(nil, "pipe2"), to: Pipe2.self)
    var ends: [Int32] = [-1, -1]
    guard pipe2(&ends, O_CLOEXEC) == 0 else { throw Trouble("pipe2", errno: errno) }
    return (ends[0], ends[1])
}
