import Glibc

/// Which promise is tried, named by DRAIN_FUZZ. Each gets some bytes and calls `require` of what must hold.
private let target: @Sendable (inout Feed) -> Void = {
    let targets: [String: @Sendable (inout Feed) -> Void] = [
        "options": fuzzOptions, "values": fuzzValues, "retention": fuzzRetention, "text": fuzzText,
        "json": fuzzJSON, "report": fuzzReport, "events": fuzzEvents,
    ]
    let name = getenv("DRAIN_FUZZ").map { String(cString: $0) } ?? ""
    guard let target = targets[name] else {
        finding("DRAIN_FUZZ is '\(name)'; it takes one of \(targets.keys.sorted())")
    }
    return target
}()

/// libFuzzer calls this.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    var feed = Feed(UnsafeBufferPointer(start: start, count: count))
    target(&feed)
    return 0
}

func require(_ holds: Bool, _ message: @autoclosure () -> String) {
    if !holds { finding(message()) }
}

func finding(_ message: String) -> Never {
    let line = Array("FINDING: \(message)\n".utf8)
    _ = write(2, line, line.count)
    abort()
}

/// The fuzzer's bytes, taken from the front; zeros when there are no more.
struct Feed {
    private(set) var rest: ArraySlice<UInt8>

    init(_ bytes: UnsafeBufferPointer<UInt8>) { rest = Array(bytes)[...] }

    var isEmpty: Bool { rest.isEmpty }

    mutating func byte() -> Int { Int(rest.popFirst() ?? 0) }
    mutating func flag() -> Bool { byte() & 1 == 1 }
    mutating func pick<T>(_ choices: [T]) -> T { choices[byte() % choices.count] }
    mutating func word() -> Int { byte() << 8 | byte() }

    mutating func number() -> Int {
        var bits: UInt64 = 0
        for _ in 0..<8 { bits = bits << 8 | UInt64(byte()) }
        return Int(bitPattern: UInt(bits))
    }

    mutating func bytes(_ most: Int) -> [UInt8] {
        let taken = Array(rest.prefix(most))
        rest = rest.dropFirst(most)
        return taken
    }

    /// A few bytes, or many of the same kind: long strings come from short inputs.
    mutating func string() -> [UInt8] {
        let shape = byte()
        let piece = bytes(shape & 63)
        guard shape >= 0xC0, !piece.isEmpty else { return piece }
        let end = bytes(shape & 7)
        return Array(repeatElement(piece, count: byte() * 4).joined()) + end
    }
}
