/// Chance that is the same in every run: splitmix64.
struct Dice: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    mutating func roll(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &self) }
    mutating func pick<T>(_ choices: [T]) -> T { choices[roll(0...choices.count - 1)] }
    mutating func chance(_ one: Int, in many: Int) -> Bool { roll(1...many) <= one }
}

extension Dice {
    /// Bytes as bad programs write them: ASCII, whole characters of every length, and every kind of
    /// ill-formed sequence that table 3-7 of the Unicode standard excludes.
    mutating func text(of count: Int, newlines: Int = 8, illFormed: Int = 30) -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < count {
            if chance(newlines, in: 100) {
                bytes.append(UInt8(ascii: "\n"))
            } else if chance(illFormed, in: 100) {
                bytes += pick(Dice.illFormed)
            } else {
                bytes += Array(pick(Dice.wellFormed).utf8)
            }
        }
        // The end may be anywhere inside a character.
        return Array(bytes.prefix(count))
    }

    static let wellFormed: [String] = [
        "a", "z", "0", " ", "\t", "\u{7F}", "\u{0}", "\"", "\\", "\u{80}", "é", "\u{7FF}", "\u{800}", "€",
        "\u{D7FF}", "\u{E000}", "\u{FFFD}", "\u{FFFF}", "\u{2028}", "\u{10000}", "😀", "\u{10FFFF}",
    ]

    static let illFormed: [[UInt8]] = [
        [0x80], [0xBF], [0x80, 0x80, 0x80, 0x80],  // continuations of nothing
        [0xC0], [0xC1, 0xBF], [0xC0, 0x80], [0xC0, 0xAF],  // overlong, two bytes
        [0xE0, 0x80, 0x80], [0xE0, 0x9F, 0xBF], [0xE0],  // overlong, three bytes
        [0xF0, 0x80, 0x80, 0x80], [0xF0, 0x8F, 0xBF, 0xBF], [0xF0],  // overlong, four bytes
        [0xED, 0xA0, 0x80], [0xED, 0xBF, 0xBF], [0xED, 0xA0],  // surrogates
        [0xF4, 0x90, 0x80, 0x80], [0xF4, 0x90], [0xF5], [0xF7, 0xBF, 0xBF, 0xBF], [0xF8], [0xFE], [0xFF],
        [0xC3], [0xE2], [0xE2, 0x82], [0xF0, 0x9F], [0xF0, 0x9F, 0x98], [0xF4, 0x8F, 0xBF],  // unfinished
    ]
}
