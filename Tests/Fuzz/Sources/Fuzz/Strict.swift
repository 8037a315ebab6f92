/// JSON as RFC 8259 has it, and nothing else: no lone surrogates, no ill-formed UTF-8, whole numbers only.
struct Strict {
    indirect enum Value: Equatable {
        case null
        case bool(Bool)
        case number(Int)
        /// Bytes, so that what is equal to a person only is not.
        case string([UInt8])
        case array([Value])
        case object([Member])
    }

    struct Member: Equatable {
        let name: [UInt8]
        let value: Value
    }

    private struct Broken: Error {}

    private let bytes: [UInt8]
    private var index = 0

    private init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// Nil for what is not one JSON text.
    static func parse(_ bytes: [UInt8]) -> Value? {
        guard String(validating: bytes, as: UTF8.self) != nil else { return nil }
        var reader = Strict(bytes)
        guard let value = try? reader.value(), reader.index == bytes.count else { return nil }
        return value
    }

    private mutating func next() throws -> UInt8 {
        guard index < bytes.count else { throw Broken() }
        defer { index += 1 }
        return bytes[index]
    }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard index < bytes.count, bytes[index] == UInt8(ascii: character) else { return false }
        index += 1
        return true
    }

    private mutating func expect(_ text: String) throws {
        for unit in text.utf8 where try next() != unit { throw Broken() }
    }

    private mutating func value() throws -> Value {
        switch Unicode.Scalar(try next()) {
        case "n":
            try expect("ull")
            return .null
        case "t":
            try expect("rue")
            return .bool(true)
        case "f":
            try expect("alse")
            return .bool(false)
        case "\"": return .string(try string())
        case "[": return .array(try list("]") { reader in try reader.value() })
        case "{":
            return .object(
                try list("}") { reader in
                    try reader.expect("\"")
                    let name = try reader.string()
                    try reader.expect(":")
                    return Member(name: name, value: try reader.value())
                })
        default:
            index -= 1
            return .number(try number())
        }
    }

    private mutating func list<T>(_ end: Unicode.Scalar, _ item: (inout Strict) throws -> T) throws -> [T] {
        var items: [T] = []
        if take(end) { return items }
        while true {
            items.append(try item(&self))
            if take(end) { return items }
            try expect(",")
        }
    }

    private mutating func number() throws -> Int {
        let start = index
        _ = take("-")
        let digits = bytes[index...].prefix { $0 >= 0x30 && $0 <= 0x39 }
        index += digits.count
        guard let first = digits.first, first != 0x30 || digits.count == 1,
            let number = Int(String(decoding: bytes[start..<index], as: UTF8.self))
        else { throw Broken() }
        return number
    }

    /// What stands up to the closing quote.
    private mutating func string() throws -> [UInt8] {
        var result: [UInt8] = []
        while true {
            let byte = try next()
            switch byte {
            case UInt8(ascii: "\""): return result
            case UInt8(ascii: "\\"): result += Array(String(try escaped()).utf8)
            case 0..<0x20: throw Broken()
            default: result.append(byte)
            }
        }
    }

    private mutating func escaped() throws -> Unicode.Scalar {
        switch Unicode.Scalar(try next()) {
        case "\"": return "\""
        case "\\": return "\\"
        case "/": return "/"
        case "b": return "\u{8}"
        case "f": return "\u{C}"
        case "n": return "\n"
        case "r": return "\r"
        case "t": return "\t"
        case "u":
            var code: UInt32 = 0
            for _ in 0..<4 {
                guard let digit = Character(Unicode.Scalar(try next())).hexDigitValue else { throw Broken() }
                code = code << 4 | UInt32(digit)
            }
            guard let scalar = Unicode.Scalar(code) else { throw Broken() }
            return scalar
        default: throw Broken()
        }
    }
}
