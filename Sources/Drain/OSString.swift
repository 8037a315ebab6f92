/// A string as Linux has it in arguments, environments and paths: bytes other than NUL, mostly
/// but not always UTF-8. Programs are given these bytes exactly.
public struct OSString: Sendable, Hashable {
    public var bytes: [UInt8]

    public init(bytes: some Sequence<UInt8>) {
        self.bytes = Array(bytes)
    }

    public init(_ string: String) {
        self.bytes = Array(string.utf8)
    }

    var holdsNUL: Bool { bytes.contains(0) }
}

extension OSString: ExpressibleByStringLiteral, CustomStringConvertible {
    public init(stringLiteral value: String) {
        self.init(value)
    }

    /// The bytes as text; those that are not UTF-8 appear as U+FFFD.
    public var description: String { String(decoding: bytes, as: UTF8.self) }
}

/// NUL-terminated copies of several strings, and the array of pointers that execve(2) wants.
struct CStrings {
    private var storage: [UInt8] = []
    private var starts: [Int] = []

    init(_ strings: [OSString]) {
        storage.reserveCapacity(strings.reduce(0) { $0 + $1.bytes.count + 1 })
        for string in strings {
            starts.append(storage.count)
            storage.append(contentsOf: string.bytes)
            storage.append(0)
        }
    }

    /// Calls `body` with a NULL-terminated array, good until it returns.
    mutating func withPointers<R>(_ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> R) -> R {
        let starts = starts
        return unsafe storage.withUnsafeMutableBytes { bytes in
            let base = unsafe bytes.baseAddress?.assumingMemoryBound(to: CChar.self)
            var pointers: [UnsafeMutablePointer<CChar>?] = unsafe starts.map { start in
                guard let base = unsafe base else { return nil }
                return unsafe base + start
            }
            unsafe pointers.append(nil)
            return unsafe pointers.withUnsafeBufferPointer { unsafe body($0.baseAddress!) }
        }
    }
}
