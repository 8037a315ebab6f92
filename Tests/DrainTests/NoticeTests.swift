import Testing

@testable import Drain

@Suite("The line that says what is missing")
struct NoticeTests {
    @Test("it stands on a line of its own, where the bytes are missing")
    func places() {
        let lines = (10...99).map { "\($0)\n" }.joined()
        let head = capture(lines, cap: 40, cut: .line, notice: true)
        #expect(head.text == "10\n11\n12\n13\n[drain: 258 bytes missing]\n")
        let tail = capture(lines, cap: 40, keep: .tail, cut: .line, notice: true)
        #expect(tail.text == "[drain: 258 bytes missing]\n96\n97\n98\n99\n")
        let both = capture(lines, cap: 40, keep: .both, cut: .line, notice: true)
        #expect(both.text == "10\n11\n[drain: 258 bytes missing]\n98\n99\n")
    }

    @Test("a head without a newline at its end gets one before the notice")
    func ownLine() {
        let kept = capture(String(repeating: "x", count: 200), cap: 40, notice: true)
        #expect(kept.text == "xxxxxxxxxxxx\n[drain: 188 bytes missing]\n")
        #expect(kept.keptCount == 12 && kept.truncatedCount == 188 && kept.content.count == 40)
    }

    @Test("its length counts the digits it needs in the end")
    func digits() {
        // Without the notice 95 would be missing; with it more than 99 are.
        let kept = capture(String(repeating: "x", count: 135), cap: 40, notice: true)
        #expect(kept.text == "xxxxxxxxxxxx\n[drain: 123 bytes missing]\n")
    }

    @Test("it counts the bytes of the stream, not its own")
    func counts() {
        for cap in 0...200 {
            for keep in Limits.Keep.allCases {
                let kept = capture(String(repeating: "ab€\n", count: 40), cap: cap, keep: keep, notice: true)
                guard let notice = kept.notice else { continue }
                #expect(notice.contains("[drain: \(kept.truncatedCount) bytes missing]\n"))
                #expect(kept.keptCount + notice.utf8.count <= cap)
            }
        }
    }

    @Test("a cap that is too small for it gets none, and keeps what it would without")
    func tooSmall() {
        let text = String(repeating: "x", count: 100)
        for cap in 0..<27 {
            let kept = capture(text, cap: cap, notice: true)
            #expect(kept.notice == nil && kept.keptCount == cap)
        }
        let exact = capture(text, cap: 27, notice: true)
        #expect(exact.text == "[drain: 100 bytes missing]\n" && exact.keptCount == 0)
    }

    @Test("a cap of exactly its length gets it, though with more kept it would need a newline more")
    func exactlyItsLength() {
        let kept = capture(String(repeating: "x", count: 127), cap: 27, notice: true)
        #expect(kept.text == "[drain: 127 bytes missing]\n")
    }

    @Test("a newline that the stream has at that place is kept, not replaced by one of ours")
    func newlineOfTheStream() {
        let text = String(repeating: "x", count: 13) + "\n" + String(repeating: "x", count: 86)
        let kept = capture(text, cap: 40, notice: true)
        #expect(kept.keptCount == 14 && kept.notice == "[drain: 86 bytes missing]\n")
    }

    @Test("nothing missing, nothing said", arguments: Limits.Keep.allCases)
    func nothingMissing(keep: Limits.Keep) {
        #expect(capture(String(repeating: "x", count: 100), cap: 100, keep: keep, notice: true).notice == nil)
        #expect(capture("", cap: 0, keep: keep, notice: true).notice == nil)
    }

    @Test("where the ring begins is of no importance to it", arguments: 0..<50)
    func seam(seam: Int) {
        let text = (0..<50).map { "line \($0)\n" }.joined()
        let kept = capture(text, cap: 60, keep: .both, cut: .line, notice: true, seam: seam)
        #expect(kept.text == "line 0\nline 1\n[drain: 360 bytes missing]\nline 48\nline 49\n")
    }
}
