import Foundation
import Testing

@testable import Drain

/// What is expected of lines, put the plainest way: bytes and gaps in, lines out.
private struct LineModel {
    struct Line: Hashable {
        var bytes: [UInt8]
        var missing: Int?
    }

    enum Item: Hashable {
        case byte(UInt8)
        case gap(Int)
    }

    static func lines(_ items: [Item], longest: Int) -> [Line] {
        var lines: [Line] = []
        var (line, missing, isOpen) = ([UInt8](), Int?.none, false)
        func end(newline: Bool) {
            if newline, missing == nil, line.last == 0x0D { line.removeLast() }
            lines.append(Line(bytes: line, missing: missing))
            (line, missing, isOpen) = ([], nil, false)
        }
        for item in items {
            switch item {
            case .byte(0x0A): end(newline: true)
            case .gap(let count):
                missing = (missing ?? 0) + count
                isOpen = true
            case .byte(let byte):
                isOpen = true
                if missing != nil {
                    missing! += 1
                } else if line.count < longest {
                    line.append(byte)
                } else {
                    // The byte that is too many may show that a character was begun.
                    let torn = unfinished(line)
                    line.removeLast(torn)
                    missing = torn + 1
                }
            }
        }
        if isOpen { end(newline: false) }
        return lines
    }

    private static func unfinished(_ bytes: [UInt8]) -> Int {
        for back in 1...3 where back <= bytes.count {
            let tail = Array(bytes.suffix(back))
            let wanted = tail[0] >= 0xF0 ? 4 : tail[0] >= 0xE0 ? 3 : tail[0] >= 0xC0 ? 2 : 0
            if wanted > back, tail.dropFirst().allSatisfy({ $0 & 0xC0 == 0x80 }) { return back }
        }
        return 0
    }
}

@Suite("Cutting a stream into lines")
struct LineCutterTests {
    private static func cut(_ pieces: [[LineModel.Item]], longest: Int) -> [LineModel.Line] {
        var cutter = LineCutter(.stdout, longest: longest)
        var lines: [LineModel.Line] = []
        var held: [LineBatch] = []
        func fetch() {
            while let batch = cutter.next() {
                // Some are kept, so that memory in use is not used again.
                if held.count < 3 { held.append(batch) }
                batch.forEachLine { span in
                    let bytes = span.withUnsafeBytes { Array($0) }
                    lines.append(LineModel.Line(bytes: bytes, missing: batch.missingCount))
                }
            }
        }
        for piece in pieces {
            for item in piece where piece.count == 1 {
                if case .gap(let count) = item { cutter.skipped(count) }
            }
            let bytes = piece.compactMap { if case .byte(let byte) = $0 { byte } else { nil } }
            if !bytes.isEmpty {
                bytes.withUnsafeBytes {
                    cutter.room(for: bytes.count).copyMemory(from: $0.baseAddress!, byteCount: bytes.count)
                }
                cutter.filled(bytes.count)
            }
            fetch()
        }
        cutter.finish()
        fetch()
        return lines
    }

    @Test("every split of a small input gives the same lines", arguments: [1, 2, 3, 5, 100])
    func splits(longest: Int) {
        let inputs = [
            "", "\n", "a", "ab\r\ncd\n\n", "\r\n\r\r\n", "äöü\nabcdef\nx", "a\u{1F600}b\n\u{20AC}\n", "abc\r",
        ]
        for input in inputs {
            let items = Array(input.utf8).map { LineModel.Item.byte($0) }
            let expected = LineModel.lines(items, longest: longest)
            for first in 0...items.count {
                for second in first...items.count {
                    let pieces = [
                        Array(items[..<first]), Array(items[first..<second]), Array(items[second...]),
                    ]
                    #expect(
                        Self.cut(pieces, longest: longest) == expected,
                        "\(input.debugDescription) \(first) \(second)")
                }
            }
        }
    }

    @Test("random bytes, splits and gaps give what the model gives")
    func random() {
        var dice = Dice(seed: 20)
        for round in 0..<3000 {
            let longest = dice.pick([1, 4, 9, 60, 1000])
            var pieces: [[LineModel.Item]] = []
            for _ in 0..<dice.roll(0...12) {
                if dice.chance(1, in: 6) {
                    pieces.append([.gap(dice.roll(1...1000))])
                } else {
                    pieces.append(dice.text(of: dice.roll(1...80)).map { .byte($0) })
                }
            }
            let expected = LineModel.lines(pieces.flatMap { $0 }, longest: longest)
            #expect(Self.cut(pieces, longest: longest) == expected, "round \(round)")
        }
    }

    @Test("lines longer than what is read at a time are whole")
    func long() {
        let line = [UInt8](repeating: 65, count: 3_000_000)
        let items = (line + [0x0A] + line).map { LineModel.Item.byte($0) }
        let pieces = stride(from: 0, to: items.count, by: 100_000).map {
            Array(items[$0..<min($0 + 100_000, items.count)])
        }
        let lines = Self.cut(pieces, longest: 3_000_000)
        #expect(lines == [LineModel.Line(bytes: line), LineModel.Line(bytes: line)])
    }

    @Test("text is repaired where it must be, and the bytes stay as they are")
    func text() {
        let bytes: [UInt8] = Array("a".utf8) + [0xE2, 0x82] + Array("b".utf8)
        let line = bytes.withUnsafeBytes { Line($0, .stderr, isValid: false, missing: nil) }
        #expect(line.text == "a\u{FFFD}b" && line.bytes == bytes && line.source == .stderr && !line.isCut)
        let plain = Array("gr\u{FC}n".utf8).withUnsafeBytes { Line($0, .stdout, isValid: false, missing: 7) }
        #expect(
            plain.text == "gr\u{FC}n" && plain.bytes == Array("gr\u{FC}n".utf8) && plain.missingCount == 7)
    }
}

@Suite("Which bytes wait to be read")
struct FeedTests {
    /// Numbers come from a writer; what the ring may take is taken, and what is lent is checked.
    private static func play(_ overflow: LiveOptions.Overflow, seed: UInt64) {
        var dice = Dice(seed: seed)
        let size = 64
        var feed = Feed(size: size, overflow)
        var (filled, shed, limit) = (0, 0, size)
        var (delivered, gaps, written) = (0, 0, 0)
        var ended = false
        while true {
            if !ended, dice.chance(1, in: 2) {
                let count = dice.roll(0...size)
                let fits = min(count, max(0, limit - filled))
                filled += fits
                written += fits
                if overflow == .dropNewest {
                    shed += count - fits
                    written += count - fits
                }
                ended = dice.chance(1, in: 100)
                limit = feed.note(filled: filled, shed: shed, isEnded: ended)
                #expect(limit - feed.taken <= size && limit >= filled)
            }
            switch feed.lend(dice.roll(1...size)) {
            case .nothing: continue
            case .gap(let count): gaps += count
            case .bytes(let range):
                if dice.chance(1, in: 3), !ended {
                    limit = feed.note(filled: filled, shed: shed, isEnded: false)
                }
                #expect(range.upperBound <= filled && range.lowerBound >= filled - size)
                delivered += range.count
                if feed.giveBack(range.count) {
                    limit = feed.note(filled: filled, shed: shed, isEnded: ended)
                }
            case .end:
                #expect(delivered + gaps == written && gaps == feed.dropped)
                #expect(overflow != .wait || gaps == 0)
                return
            }
        }
    }

    @Test("what is delivered and what is dropped is all there was", arguments: LiveOptions.Overflow.allCases)
    func counts(overflow: LiveOptions.Overflow) {
        for seed in 1...200 { Self.play(overflow, seed: UInt64(seed)) }
    }

    @Test("the order of two streams is that of their arrival")
    func order() {
        var arrivals = Arrivals()
        var taken = [0, 0]
        arrivals.note(.stdout, end: 3)
        arrivals.note(.stdout, end: 5)
        arrivals.note(.stderr, end: 2)
        arrivals.note(.stdout, end: 6)
        var seen: [String] = []
        while let next = arrivals.first(taken: { taken[$0.rawValue] }) {
            seen.append("\(next.stream) \(next.end)")
            taken[next.stream.rawValue] = next.end
        }
        #expect(seen == ["stdout 5", "stderr 2", "stdout 6"])
        // However far a reader is behind, little is remembered, and nothing is lost.
        for turn in 1...10_000 {
            arrivals.note(.stdout, end: 6 + turn)
            arrivals.note(.stderr, end: 2 + turn)
        }
        var count = 0
        while let next = arrivals.first(taken: { taken[$0.rawValue] }) {
            taken[next.stream.rawValue] = next.end
            count += 1
        }
        #expect(taken == [10_006, 10_002] && count <= Arrivals.most + 2)
    }
}
