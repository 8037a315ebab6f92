import Foundation
import Testing

@testable import Drain

/// The core's buffers, filled by programs: what was kept is compared with what was written.
@Suite("What programs write, and what is kept of it")
struct CoreTests {
    static let numbers = Array((1...20000).map { "\($0)\n" }.joined().utf8)

    static func expected(_ stream: [UInt8], _ cap: Int, _ keep: Limits.Keep) -> [UInt8] {
        if stream.count <= cap { return stream }
        switch keep {
        case .head: return Array(stream.prefix(cap))
        case .tail: return Array(stream.suffix(cap))
        case .both: return stream.prefix(cap - cap / 2) + stream.suffix(cap / 2)
        }
    }

    @Test("caps of every size keep what they should", arguments: Limits.Keep.allCases)
    func caps(keep: Limits.Keep) throws {
        let total = Self.numbers.count
        for cap in [0, 1, 2, 3, 10, 100, 4095, 4096, 65535, 65536, 65537, total - 1, total, total + 1] {
            let report = try Command("seq", "1", "20000").runBlocking(
                limits: Limits(bytes: cap, keep: keep, cut: .byte))
            #expect(report.exitCode == 0 && report.stdout.reachedEnd && report.stderr.reachedEnd)
            #expect(report.stdout.totalCount == total && report.stderr.totalCount == 0)
            let kept = Array(report.stdout.bytes) == Self.expected(Self.numbers, cap, keep)
            #expect(kept, "cap \(cap)")
        }
    }

    @Test("both streams keep apart, each with its own cap")
    func bothStreams() throws {
        var limits = Limits(bytes: 10, keep: .tail, cut: .byte)
        limits.stderrBytes = 5
        let report = try sh("seq 1 20000; seq 1 300 >&2", limits)
        #expect(report.stdout.text == "999\n20000\n".suffix(10))
        #expect(report.stderr.text == "\n300\n")
        #expect(report[.stderr].totalCount == 1092 && report[.stdout].totalCount == Self.numbers.count)
    }

    @Test("writes of any size at any time make the same stream", arguments: Limits.Keep.allCases)
    func pieces(keep: Limits.Keep) throws {
        var dice = Dice(seed: 12)
        for _ in 0..<12 {
            var stream = ""
            var script = ""
            for index in 0..<dice.roll(1...60) {
                let piece = String(
                    repeating: "\(index),", count: dice.roll(1...(dice.chance(1, in: 5) ? 900 : 9)))
                stream += piece
                script += "printf %s '\(piece)'\n"
            }
            let cap = dice.roll(0...200)
            let report = try sh(script, Limits(bytes: cap, keep: keep, cut: .byte))
            #expect(Array(report.stdout.bytes) == Self.expected(Array(stream.utf8), cap, keep))
            #expect(report.stdout.totalCount == stream.utf8.count)
        }
    }

    /// The last bytes and the number of bytes of `seq 1 COUNT`.
    static let flood = 6_000_000
    static let floodBytes = (1...7).reduce(0) { sum, digits in
        let first = Int(pow(10, Double(digits - 1)))
        let last = min(flood, first * 10 - 1)
        return sum + max(0, last - first + 1) * (digits + 1)
    }

    @Test("a flood is counted to the byte, whatever is kept of it", arguments: Limits.Keep.allCases)
    func floods(keep: Limits.Keep) throws {
        let end = Array((Self.flood - 40000...Self.flood).map { "\($0)\n" }.joined().utf8)
        for cap in [0, 1, 999, 5000, 70_001] {
            let report = try Command("seq", "1", "\(Self.flood)").runBlocking(
                limits: Limits(bytes: cap, keep: keep, cut: .byte))
            #expect(report.stdout.totalCount == Self.floodBytes && report.stdout.keptCount == cap)
            let head = keep == .head ? cap : keep == .tail ? 0 : cap - cap / 2
            let kept = Array(report.stdout.bytes)
            #expect(kept.prefix(head).elementsEqual(Self.numbers.prefix(head)), "cap \(cap)")
            #expect(kept.dropFirst(head).elementsEqual(end.suffix(cap - head)), "cap \(cap)")
        }
    }

    @Test("blocks of any size past the cap are counted on either stream")
    func blocks() throws {
        for (count, block) in [(1_000_003, 7), (20_000_001, 4096), (50_000_000, 1 << 20)] {
            for stream in Drain.Stream.allCases {
                let words = ["write", "\(count)", "\(block)"] + (stream == .stderr ? ["stderr"] : [])
                let report = try Command(Surroundings.misbehave, arguments: words).runBlocking(
                    limits: Limits(bytes: 1000, keep: .both, cut: .byte))
                #expect(report.exitCode == 0)
                #expect(report[stream].totalCount == count && report[stream].keptCount == 1000)
                let other: Drain.Stream = stream == .stdout ? .stderr : .stdout
                #expect(report[other].totalCount == 0)
            }
        }
    }

    @Test("both streams flooded at once block neither")
    func bothFlooded() throws {
        let program = Surroundings.misbehave
        let line = "'\(program)' write 30000000 65536 & '\(program)' write 30000000 100000 stderr; wait"
        let report = try sh(line, Limits(bytes: 65536))
        #expect(report.stdout.totalCount == 30_000_000 && report.stderr.totalCount == 30_000_000)
        #expect(report.stdout.keptCount == 65536 && report.stdout.truncatedCount == 30_000_000 - 65536)
        #expect(report.exitCode == 0)
    }

    @Test("bytes that are no text come through unchanged")
    func binary() throws {
        var dice = Dice(seed: 13)
        let bytes = (0..<300_000).map { _ in UInt8(truncatingIfNeeded: dice.next()) }
        var command = Command("cat")
        command.standardInput = .bytes(bytes)
        let report = try command.runBlocking()
        let same = Array(report.stdout.bytes) == bytes
        #expect(same && !report.stdout.isTruncated)
    }

    @Test("text that is cut and noted comes out as the definition has it")
    func cutText() throws {
        var dice = Dice(seed: 14)
        for keep in Limits.Keep.allCases {
            for cut in Limits.Cut.allCases {
                let text = dice.text(of: 5000, newlines: 5)
                let limits = Limits(bytes: dice.roll(100...4000), keep: keep, cut: cut)
                var command = Command("cat")
                command.standardInput = .bytes(text)
                let kept = try command.runBlocking(limits: limits).stdout
                let model = RetentionModel(text, limits.retention(of: .stdout)).kept
                let same = kept.content == model.head + model.tail
                #expect(same, "\(limits)")
            }
        }
    }
}
