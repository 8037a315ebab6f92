import Foundation

/// NDJSON by Foundation, to hold the scanner against.
struct EventModel {
    let wanted: Set<String>
    private(set) var events: [String] = []
    private(set) var lines = 0
    private(set) var invalid = 0

    init(_ wanted: Set<String>, _ stream: [UInt8]) {
        self.wanted = wanted
        for line in stream.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: true) {
            take(line)
        }
    }

    private mutating func take(_ line: ArraySlice<UInt8>) {
        let text = String(decoding: line, as: UTF8.self)
        let trimmed = text.trimmingCharacters(in: CharacterSet(charactersIn: " \t\r"))
        if trimmed.isEmpty { return }
        lines += 1
        guard let object = EventModel.object(trimmed) else {
            invalid += 1
            return
        }
        if isWanted(object) { events.append(trimmed) }
    }

    private func isWanted(_ object: [String: Any]) -> Bool {
        if let type = object["type"] as? String {
            let low = type.lowercased()
            if wanted.contains(type) || low.contains("error") || low.contains("failed") { return true }
        }
        return object.values.contains { value in
            ((value as? [String: Any])?["type"] as? String).map { wanted.contains($0) } ?? false
        }
    }

    /// Foundation is stricter than the RFC about surrogates, and looser about what may stand around a
    /// value; it also guesses encodings from NUL bytes, which no JSON in UTF-8 has.
    private static func object(_ text: String) -> [String: Any]? {
        guard text.utf8.first == UInt8(ascii: "{"), !text.utf8.contains(0) else { return nil }
        let settled = text.replacing(/\\u[dD][89a-fA-F][0-9a-fA-F]{2}/, with: "\\ufffd")
        return try? JSONSerialization.jsonObject(with: Data(settled.utf8)) as? [String: Any]
    }
}

/// Objects as programs write them, and as they should not.
struct EventMaker {
    var dice: Dice
    static let types = ["wanted", "other", "Some.ERROR", "turn.failed", "err", "wanted2", ""]

    mutating func stream(lines: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        for _ in 0..<lines {
            bytes += line()
            bytes += dice.chance(1, in: 4) ? Array("\r\n".utf8) : [UInt8(ascii: "\n")]
        }
        if dice.chance(1, in: 2) { bytes.removeLast() }
        return bytes
    }

    private mutating func line() -> [UInt8] {
        switch dice.roll(1...10) {
        case 1:
            return Array(dice.pick(["", " \t ", "a log line", "[1]", "\"type\"", "12", "null", "{"]).utf8)
        case 2: return Array(dice.text(of: dice.roll(0...80), newlines: 0))
        case 3...6: return Array(object(depth: 0).utf8)
        default: return damaged(Array(object(depth: 0).utf8))
        }
    }

    private mutating func damaged(_ whole: [UInt8]) -> [UInt8] {
        var bytes = whole
        let marks = Array("{}[]\",:\\tu0e-.+ n\r\t\u{1}\u{1F}/".utf8) + [0x80, 0xFF, 0, 0xE2]
        for _ in 0..<dice.roll(1...2) where !bytes.isEmpty {
            let at = dice.roll(0...bytes.count - 1)
            switch dice.roll(1...4) {
            case 1: bytes.remove(at: at)
            case 2: bytes[at] = dice.pick(marks)
            case 3: bytes.insert(dice.pick(marks), at: at)
            default: bytes.removeSubrange(at...)
            }
        }
        return bytes
    }

    private mutating func object(depth: Int) -> String {
        var members: [String] = []
        for index in 0..<dice.roll(0...4) {
            members.append("\(string("m\(index)")):\(space())\(value(depth + 1))")
        }
        for _ in 0..<dice.roll(0...2) {
            let type = dice.chance(1, in: 8) ? value(depth + 1) : string(dice.pick(EventMaker.types))
            members.append("\(string("type"))\(space()):\(space())\(type)")
        }
        members.shuffle(using: &dice)
        return "{\(space())" + members.joined(separator: "\(space()),\(space())") + "\(space())}"
    }

    private mutating func value(_ depth: Int) -> String {
        switch dice.roll(1...(depth > 4 ? 6 : 9)) {
        case 1: return dice.pick(["true", "false", "null"])
        case 2: return dice.pick(["0", "-0", "12", "-3.25", "1e5", "1.5E-3", "0.0", "98765432109876543210"])
        case 3: return string(dice.pick(EventMaker.types))
        case 4: return string("error \"type\":\"wanted\"")
        case 5: return string(String(repeating: "long ", count: dice.roll(0...40)))
        case 6: return string(dice.pick(["é€😀\u{7F}", "\\\\\\", "line\nline\t", "a/b\\\"", "\u{8}\u{C}\r"]))
        case 7:
            let count = dice.roll(0...3)
            return "[" + (0..<count).map { _ in value(depth + 1) }.joined(separator: ",\(space())") + "]"
        default: return object(depth: depth)
        }
    }

    private mutating func space() -> String {
        dice.chance(1, in: 6) ? dice.pick([" ", "\t", "  ", " \t\r "]) : ""
    }

    /// Quoted, with the escapes that must be and some that need not.
    private mutating func string(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            if dice.chance(1, in: 12) {
                for unit in String(scalar).utf16 {
                    let hex = String(unit, radix: 16, uppercase: dice.chance(1, in: 2))
                    result += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
                }
                continue
            }
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\t": result += "\\t"
            case "\r": result += "\\r"
            case "\u{8}": result += "\\b"
            case "\u{C}": result += "\\f"
            case "/": result += dice.chance(1, in: 2) ? "\\/" : "/"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
