import Testing

@testable import Drain

@Suite("What is kept, and where the cuts fall")
struct RetentionTests {
    static let combinations: [(Limits.Keep, Limits.Cut)] = Limits.Keep.allCases.flatMap { keep in
        Limits.Cut.allCases.map { (keep, $0) }
    }

    /// Compares a capture with its definition, in all that it says.
    static func check(
        _ stream: [UInt8], _ retention: Retention, seam: Int, rubbish: UInt8,
        at location: SourceLocation = #_sourceLocation
    ) -> Bool {
        let expected = RetentionModel(stream, retention).kept
        let got = capture(stream, retention, seam: seam, rubbish: rubbish)
        let bytes = expected.head + expected.tail
        let content = expected.head + Array((expected.notice ?? "").utf8) + expected.tail
        let right =
            Array(got.bytes) == bytes && got.notice == expected.notice && got.content == content
            && got.headCount == expected.head.count && got.totalCount == stream.count
            && got.keptCount == bytes.count && got.truncatedCount == stream.count - bytes.count
            && got.isTruncated == (bytes.count < stream.count) && got.reachedEnd
            && (stream.count <= retention.cap || content.count <= retention.cap)
        if !right {
            Issue.record(
                """
                \(retention), seam \(seam), rubbish \(rubbish), stream \(stream)
                expected \(content), head \(expected.head.count), notice \(expected.notice ?? "none")
                got      \(got.content), head \(got.headCount), notice \(got.notice ?? "none")
                """, sourceLocation: location)
        }
        return right
    }

    /// Many streams, small enough for every corner to be met.
    static func generate(
        _ count: Int, _ keep: Limits.Keep, _ cut: Limits.Cut, notice: Bool, seed: UInt64,
        longest: Int
    ) {
        var dice = Dice(seed: seed)
        for _ in 0..<count {
            let newlines = dice.pick([0, 3, 15, 60])
            let length = dice.roll(0...longest)
            let stream = dice.text(of: length, newlines: newlines, illFormed: dice.pick([0, 20, 80]))
            let near = dice.pick([0, 1, 2, 3, length - 1, length, length + 1, dice.roll(0...longest)])
            let retention = Retention(
                cap: max(0, dice.chance(1, in: 2) ? near : dice.roll(0...length)), keep: keep, cut: cut,
                notice: notice)
            let rubbish = dice.pick([0, 0x0A, 0x80, 0xC3, 0xFF] as [UInt8])
            if !check(stream, retention, seam: dice.roll(0...longest), rubbish: rubbish) { return }
        }
    }

    @Test("cuts fall where their definition says", arguments: combinations)
    func generated(keep: Limits.Keep, cut: Limits.Cut) {
        Self.generate(1200, keep, cut, notice: false, seed: 1, longest: 40)
        Self.generate(60, keep, cut, notice: false, seed: 2, longest: 600)
    }

    @Test("notices take the least room in which they fit", arguments: combinations)
    func generatedNotices(keep: Limits.Keep, cut: Limits.Cut) {
        Self.generate(600, keep, cut, notice: true, seed: 3, longest: 130)
        Self.generate(60, keep, cut, notice: true, seed: 4, longest: 60)
    }

    @Test("every cap over one text, wherever the ring begins", arguments: combinations)
    func everyCap(keep: Limits.Keep, cut: Limits.Cut) {
        let stream = Array("aé€😀\n😀€é\n\nb€".utf8) + [0xE2, 0x82, 0x0A, 0x80, 0xF0, 0x9F, 0x98]
        for cap in 0...stream.count + 1 {
            for seam in 0..<cap + 4 {
                let retention = Retention(cap: cap, keep: keep, cut: cut, notice: false)
                if !Self.check(stream, retention, seam: seam, rubbish: 0x80) { return }
            }
        }
    }

    // MARK: By hand

    @Test("a cap of 0 keeps nothing, and is only truncated when there was something")
    func capOfZero() {
        for keep in Limits.Keep.allCases {
            let nothing = capture("", cap: 0, keep: keep)
            #expect(nothing.text == "" && !nothing.isTruncated && nothing.totalCount == 0)
            let five = capture("12345", cap: 0, keep: keep)
            #expect(five.text == "" && five.isTruncated)
            #expect(five.totalCount == 5 && five.keptCount == 0 && five.truncatedCount == 5)
        }
    }

    @Test("a negative cap is 0")
    func negativeCap() {
        #expect(Limits(bytes: -7).retention(of: .stdout).cap == 0)
    }

    @Test("a cap of 1, for each end", arguments: [(Limits.Keep.head, "1"), (.tail, "5"), (.both, "1")])
    func capOfOne(keep: Limits.Keep, kept: String) {
        #expect(capture("12345", cap: 1, keep: keep).text == kept)
    }

    @Test("9 and 10 bytes fit into 10, and 11 do not", arguments: Limits.Keep.allCases)
    func aroundTheCap(keep: Limits.Keep) {
        for count in [0, 9, 10] {
            let whole = capture(String(repeating: "x", count: count), cap: 10, keep: keep, notice: true)
            #expect(whole.keptCount == count && !whole.isTruncated && whole.notice == nil)
        }
        let over = capture("0123456789a", cap: 10, keep: keep)
        #expect(over.keptCount == 10 && over.truncatedCount == 1)
        #expect(
            over.text
                == ["0123456789", "123456789a", "012346789a"][keep == .head ? 0 : keep == .tail ? 1 : 2])
    }

    @Test("of both ends, the head has the odd byte")
    func oddByte() {
        let kept = capture("0123456789", cap: 5, keep: .both)
        #expect(kept.text == "01289" && kept.headCount == 3)
    }

    @Test("a cut never falls inside a character")
    func characters() {
        #expect(capture("héllo", cap: 2).text == "h")
        #expect(capture("héllo", cap: 3).text == "hé")
        #expect(capture("hello é", cap: 1, keep: .tail).text == "")
        #expect(capture("hello é", cap: 2, keep: .tail).text == "é")
        #expect(capture("😀😀😀", cap: 11).text == "😀😀")
        #expect(capture("😀😀😀", cap: 11, keep: .tail).text == "😀😀")
        // The halves are cut by themselves: five bytes and five hold one each.
        #expect(capture("😀😀😀", cap: 10, keep: .both).text == "😀😀")
        #expect(capture("héllo", cap: 2, cut: .byte).bytes.elementsEqual([0x68, 0xC3]))
    }

    @Test("a character across the ring's seam is one", arguments: 0..<20)
    func seam(seam: Int) {
        let kept = capture("aaaaaaaaaaaa€€€€", cap: 10, keep: .tail, seam: seam)
        #expect(kept.text == "€€€" && kept.truncatedCount == 15)
    }

    @Test("a character across the gap belongs to neither side")
    func gap() {
        let kept = capture("ab€", cap: 4, keep: .both)
        #expect(kept.text == "ab" && kept.headCount == 2 && kept.keptCount == 2)
        #expect(capture("€€", cap: 4, keep: .both).text == "")
    }

    @Test("ill-formed bytes may be parted anywhere")
    func illFormed() {
        let stream: [UInt8] = [0xE2, 0x82, 0x41, 0xC0, 0xAF, 0xED, 0xA0, 0x80]
        for cap in 0...8 {
            let retention = Retention(cap: cap, keep: .head, cut: .character, notice: false)
            #expect(Array(capture(stream, retention).bytes) == Array(stream.prefix(cap)))
        }
    }

    @Test("whole lines only: 33 of 100 fit into 372")
    func lines() {
        let text = String(repeating: "xxxxxxxxxx\n", count: 100)
        let head = capture(text, cap: 372, cut: .line)
        #expect(head.keptCount == 363 && head.truncatedCount == 737)
        let tail = capture(text, cap: 372, keep: .tail, cut: .line)
        #expect(tail.keptCount == 363 && tail.headCount == 0)
        let both = capture(text, cap: 372, keep: .both, cut: .line)
        #expect(both.keptCount == 352 && both.headCount == 176)
    }

    @Test("a stretch without a newline is not kept where lines are")
    func noLines() {
        for keep in Limits.Keep.allCases {
            #expect(capture("0123456789", cap: 5, keep: keep, cut: .line).keptCount == 0)
        }
        // A last line without its newline is the stream's end, not a cut.
        #expect(capture("0123456\n89", cap: 5, keep: .tail, cut: .line).text == "89")
        #expect(capture("0123456\n89", cap: 2, keep: .tail, cut: .line).text == "89")
        #expect(capture("0123456\n89", cap: 1, keep: .tail, cut: .line).text == "")
    }
}
