import Foundation

@testable import Drain

/// Any stream, in any pieces: which lines are objects and which of them are wanted is as Foundation's reader has
/// it; what is kept stays within its bound, and can be read where it stands in a report.
func fuzzEvents(_ feed: inout Feed) {
    let most = feed.pick([1 << 20, 1 << 20, 0, 1, 64, 200])
    let pieces = (0...feed.byte() % 4).map { _ in feed.byte() % 80 + 1 }
    let lines = feed.lines().map { ($0, Judgement($0)) }.filter { $0.1 != .undecided }
    var stream = Array(lines.map(\.0).joined(separator: [UInt8(ascii: "\n")]))
    // With an empty last line: with a newline at its end.
    if lines.isEmpty { stream = [] }

    let whole = scan(stream, most, [.max])
    let parted = scan(stream, most, pieces)
    let text = String(decoding: stream, as: UTF8.self)
    require(
        Facts(whole) == Facts(parted),
        "in pieces of \(pieces) it is \(Facts(parted)), not \(Facts(whole)): \(text)")

    let judged = lines.map(\.1)
    require(whole.lineCount == judged.count { $0 != .blank }, "\(whole.lineCount) lines: \(text)")
    require(
        whole.invalidCount == judged.count { $0 == .noObject }, "\(whole.invalidCount) are invalid: \(text)")
    var room = most
    let kept = lines.enumerated().filter { index, line in
        line.1 == .wanted && line.0.count + (index == lines.count - 1 ? 0 : 1) <= most
    }.reversed().prefix { index, line in
        room -= line.0.count + (index == lines.count - 1 ? 0 : 1)
        return room >= 0
    }.reversed().map { String(decoding: trimmed($0.element.0), as: UTF8.self) }
    require(whole.map(\.text) == kept, "kept are \(whole.map(\.text)), expected \(kept): \(text)")
    let tooLong = lines.enumerated().count { index, line in
        line.1 == .noObject && line.0.count + (index == lines.count - 1 ? 0 : 1) > most
    }
    let dropped = judged.count { $0 == .wanted } - kept.count + tooLong
    require(whole.droppedCount == dropped, "\(whole.droppedCount) were dropped, expected \(dropped): \(text)")

    for event in whole {
        var told: [UInt8] = []
        var core = JSONCore(capacity: 64) { piece in
            told.append(contentsOf: piece)
            return true
        }
        core.json(event.bytes)
        core.flush()
        let isReadable = String(validating: told, as: UTF8.self) != nil && Judgement.reading(told) != nil
        require(isReadable, "\(event.text) stands in a report as \(String(decoding: told, as: UTF8.self))")
    }
    _ = Transcript(whole)
}

private func scan(_ stream: [UInt8], _ most: Int, _ pieces: [Int]) -> Events {
    guard var scanner = try? EventScanner(EventFilter(types: ["t", "result", ""], maxBytes: most)) else {
        finding("no memory for events")
    }
    var (at, turn) = (0, 0)
    while at < stream.count {
        let end = at + min(pieces[turn % pieces.count], stream.count - at)
        // Of its own, so that reading past it is found.
        let piece = Array(stream[at..<end])
        scanner.take(piece.span.bytes)
        (at, turn) = (end, turn + 1)
    }
    return scanner.finish()
}

private struct Facts: Equatable {
    let kept: [String]
    let counts: [Int]

    init(_ events: Events) {
        kept = events.map(\.text)
        counts = [events.count, events.lineCount, events.droppedCount, events.invalidCount]
    }
}

private func trimmed(_ line: [UInt8]) -> ArraySlice<UInt8> {
    let isSpace: (UInt8) -> Bool = { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }
    var rest = line.drop(while: isSpace)
    while let last = rest.last, isSpace(last) { rest.removeLast() }
    return rest
}

/// What a line is, without the scanner.
private enum Judgement: Equatable {
    case blank
    case noObject
    case unwanted
    case wanted
    /// Foundation's reader does not take every number, and sees a byte-order mark where we see none.
    case undecided

    init(_ line: [UInt8]) {
        let text = Array(trimmed(line))
        if line.starts(with: [0xEF, 0xBB, 0xBF]) {
            self = .undecided
        } else if text.isEmpty {
            self = .blank
        } else if text[0] != UInt8(ascii: "{") || text.contains(0) {
            // From NUL bytes Foundation guesses at other encodings, which NDJSON has none of.
            self = .noObject
        } else {
            do {
                self = try Judgement.read(text) is [String: Any] ? .unwanted : .noObject
            } catch {
                self = "\((error as NSError).userInfo)".contains("not representable") ? .undecided : .noObject
            }
        }
        // Foundation's reader allows a comma behind the last member; RFC 8259 does not.
        if self == .unwanted, Judgement.hasIdleComma(text) { self = .noObject }
        if self == .unwanted, Judgement.isWanted(text) { self = .wanted }
    }

    static func reading(_ bytes: [UInt8]) -> Any? { try? read(bytes) }

    private static func read(_ bytes: [UInt8]) throws -> Any {
        let text = Array(String(decoding: settled(bytes), as: UTF8.self).utf8)
        return try JSONSerialization.jsonObject(with: Data(text), options: .fragmentsAllowed)
    }

    /// Foundation's reader takes no half of a surrogate pair: with another character in place of each.
    private static func settled(_ bytes: [UInt8]) -> [UInt8] {
        var result = bytes
        var at = 0
        while at + 5 < bytes.count {
            guard bytes[at] == UInt8(ascii: "\\") else {
                at += 1
                continue
            }
            let digits = bytes[at + 2..<at + 6].map { Character(Unicode.Scalar($0)).hexDigitValue }
            if bytes[at + 1] == UInt8(ascii: "u"), digits[0] == 0xD, let second = digits[1], second >= 8,
                digits[2] != nil, digits[3] != nil
            {
                result.replaceSubrange(at + 2..<at + 6, with: Array("fffd".utf8))
            }
            at += 2
        }
        return result
    }

    /// Of a text that is an object but for that.
    private static func hasIdleComma(_ text: [UInt8]) -> Bool {
        var (isInString, isBehindComma, at) = (false, false, 0)
        while at < text.count {
            let byte = text[at]
            if isInString {
                if byte == UInt8(ascii: "\\") { at += 1 }
                if byte == UInt8(ascii: "\"") { isInString = false }
            } else if byte == UInt8(ascii: "}") || byte == UInt8(ascii: "]") {
                if isBehindComma { return true }
            } else if byte > 0x20 {
                isBehindComma = byte == UInt8(ascii: ",")
                isInString = byte == UInt8(ascii: "\"")
            }
            at += 1
        }
        return false
    }

    /// Of a text that is an object.
    private static func isWanted(_ text: [UInt8]) -> Bool {
        var type: [UInt8]?
        var isWanted = false
        forEachMember(text) { name, value in
            if name == Array("type".utf8) { type = string(value) }
            if value.first == UInt8(ascii: "{"), let inner = lastType(value) {
                isWanted = isWanted || ["t", "result", ""].contains { Array($0.utf8) == inner }
            }
        }
        guard let type else { return isWanted }
        let low = type.map { $0 >= 0x41 && $0 <= 0x5A ? $0 | 0x20 : $0 }
        let isAlarming = ["error", "failed"].contains { low.contains(Array($0.utf8)) }
        return isWanted || isAlarming || ["t", "result", ""].contains { Array($0.utf8) == type }
    }

    private static func lastType(_ object: [UInt8]) -> [UInt8]? {
        var type: [UInt8]?
        forEachMember(object) { name, value in
            if name == Array("type".utf8) { type = string(value) }
        }
        return type
    }

    /// What a string says, by Foundation; nil for other values.
    private static func string(_ value: [UInt8]) -> [UInt8]? {
        (reading(value) as? String).map { Array($0.utf8) }
    }

    /// Goes over the members of a valid object by counting brackets outside of strings.
    private static func forEachMember(_ object: [UInt8], _ body: ([UInt8], [UInt8]) -> Void) {
        var (depth, start, colon, isInString, at) = (0, 1, 0, false, 0)
        func end(_ end: Int) {
            guard colon > 0 else { return }
            let name = Array(trimmed(Array(object[start..<colon])))
            body(string(name) ?? [], Array(trimmed(Array(object[colon + 1..<end]))))
            (start, colon) = (end + 1, 0)
        }
        while at < object.count {
            let byte = object[at]
            if isInString {
                if byte == UInt8(ascii: "\\") { at += 1 }
                if byte == UInt8(ascii: "\"") { isInString = false }
            } else {
                switch Unicode.Scalar(byte) {
                case "\"": isInString = true
                case "{", "[": depth += 1
                case "}", "]":
                    depth -= 1
                    if depth == 0 { end(at) }
                case ":" where depth == 1: colon = at
                case "," where depth == 1: end(at)
                default: break
                }
            }
            at += 1
        }
    }
}

extension Feed {
    /// What is left: as it is, or made of pieces of objects, which a few bytes stand for.
    fileprivate mutating func lines() -> [[UInt8]] {
        let newline = UInt8(ascii: "\n")
        if flag() {
            return rest.split(separator: newline, omittingEmptySubsequences: false).map { Array($0) }
        }
        let words = [
            "{", "}", "[", "]", ",", ":", "\"", "\\", "\n", "\r\n", " ", "\"type\"", "\"type\":", "\"t\"",
            "\"result\"",
            "\"error\"", "\"x.FAILED\"", "{\"type\":\"t\"}", "{\"item\":{\"type\":\"t\"}}", "\"\\u0074\"",
            "\"ty\\u0070e\"",
            "\\ud83d", "\\ude00", "1", "-0", "1.5e3", "true", "null", "\"a\":", "\"é\"",
            "{\"a\":[{\"type\":\"t\"}]}",
            "log line",
        ]
        var bytes: [UInt8] = []
        while !isEmpty {
            let code = byte()
            if code < 0xE0 {
                bytes += Array(words[code % words.count].utf8)
            } else if code < 0xF0 {
                bytes.append(UInt8(byte()))
            } else {
                // Long strings, and deep nesting.
                let word = Array(words[byte() % words.count].utf8)
                bytes += Array(repeatElement(word, count: byte() * 3).joined())
            }
        }
        return bytes.split(separator: newline, omittingEmptySubsequences: false).map { Array($0) }
    }
}
