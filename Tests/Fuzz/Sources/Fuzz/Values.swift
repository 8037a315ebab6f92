import Drain

@testable import drain_run

func fuzzValues(_ feed: inout Feed) {
    let kind = feed.byte() % 4
    let bytes = Array(feed.rest)
    let text = String(decoding: bytes, as: UTF8.self)
    // Values are read as text: what is not UTF-8 has become U+FFFD by then, and is never right.
    switch kind {
    case 0: agree(text, Values.size(text), ValueModel.size(bytes))
    case 1: agree(text, Values.duration(text), ValueModel.duration(bytes))
    case 2: agree(text, Values.count(text), ValueModel.count(bytes))
    default: agree(text, Signal(text)?.rawValue, ValueModel.signal(bytes))
    }
}

private func agree<T: Equatable>(_ text: String, _ got: T?, _ expected: T?) {
    require(got == expected, "'\(text)' is \(got as Any), expected \(expected as Any)")
}

/// How the contract has values written, by the bytes, with decimal digits and no machine integers.
enum ValueModel {
    static func size(_ bytes: [UInt8]) -> Int? {
        let digits = bytes.prefix(while: isDigit)
        let suffix = Array(bytes.dropFirst(digits.count))
        let units = [
            ("", 1), ("k", 1024), ("K", 1024), ("KiB", 1024), ("M", 1_048_576), ("MiB", 1_048_576),
            ("G", 1_073_741_824), ("GiB", 1_073_741_824), ("kB", 1000), ("MB", 1_000_000),
            ("GB", 1_000_000_000),
        ]
        guard !digits.isEmpty, let unit = units.first(where: { Array($0.0.utf8) == suffix }) else {
            return nil
        }
        return integer(product(Array(digits), unit.1))
    }

    static func duration(_ bytes: [UInt8]) -> Duration? {
        let whole = Array(bytes.prefix(while: isDigit))
        var rest = bytes.dropFirst(whole.count)
        var fraction: [UInt8] = []
        if rest.first == UInt8(ascii: ".") {
            fraction = Array(rest.dropFirst().prefix(while: isDigit))
            guard !fraction.isEmpty else { return nil }
            rest = rest.dropFirst(1 + fraction.count)
        }
        let units = [
            ("", 1_000_000_000), ("ms", 1_000_000), ("s", 1_000_000_000), ("m", 60_000_000_000),
            ("h", 3_600_000_000_000), ("d", 86_400_000_000_000),
        ]
        guard !(whole + fraction).isEmpty, let unit = units.first(where: { Array($0.0.utf8) == Array(rest) })
        else { return nil }
        let all = product(whole + fraction, unit.1)
        let nanoseconds = all.dropLast(fraction.count)
        let isExact = all.suffix(fraction.count).allSatisfy { $0 == UInt8(ascii: "0") }
        guard let floor = integer(Array(nanoseconds)), isExact || floor < Int.max else { return nil }
        return .nanoseconds(floor + (isExact ? 0 : 1))
    }

    static func count(_ bytes: [UInt8]) -> Int? {
        bytes.isEmpty || !bytes.allSatisfy(isDigit) ? nil : integer(bytes)
    }

    static func signal(_ bytes: [UInt8]) -> Int32? {
        if let number = count(bytes) { return (1...64).contains(number) ? Int32(number) : nil }
        let capitals = bytes.map { $0 >= 0x61 && $0 <= 0x7A ? $0 - 32 : $0 }
        let short = capitals.starts(with: "SIG".utf8) ? Array(capitals.dropFirst(3)) : capitals
        let names = """
            HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP \
            TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS
            """
        let index = names.split(separator: " ").firstIndex { Array($0.utf8) == short }
        return index.map { Int32($0 + 1) }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }

    /// Digits times a number, as on paper; as many digits as it takes, and at least as many as came.
    private static func product(_ digits: [UInt8], _ factor: Int) -> [UInt8] {
        var result: [UInt8] = []
        var carry = 0
        for digit in digits.reversed() {
            carry += Int(digit - 0x30) * factor
            result.append(UInt8(0x30 + carry % 10))
            carry /= 10
        }
        while carry > 0 {
            result.append(UInt8(0x30 + carry % 10))
            carry /= 10
        }
        return result.reversed()
    }

    private static func integer(_ digits: [UInt8]) -> Int? {
        let plain = Array(digits.drop { $0 == 0x30 })
        let most = Array("9223372036854775807".utf8)
        if plain.count > most.count || plain.count == most.count && most.lexicographicallyPrecedes(plain) {
            return nil
        }
        return plain.reduce(0) { $0 * 10 + Int($1 - 0x30) }
    }
}
