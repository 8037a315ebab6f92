import Foundation
import Testing

/// What is kept, where it is cut, and how it stands in the report.
@Suite struct KeepTests {
    private func kept(_ options: String..., text: String) throws -> ReportView {
        let finished = try Running(Programs.drainRun, options + ["--", "printf", "%s", text]).finish()
        return try finished.report
    }

    @Test(arguments: [
        ("head", "abcde", 5), ("tail", "fghij", 5), ("both", "abcij", 5),
    ])
    func `Either end is kept, or half of both with the odd byte to the head`(
        keep: String, text: String, count: Int
    ) throws {
        let report = try kept("--keep", keep, "--max-output", "5", text: "abcdefghij")
        #expect(report.text("stdout") == text)
        #expect(report.number("stdout_bytes_kept") == count)
        #expect(report.number("stdout_bytes_truncated") == 5)
    }

    @Test(arguments: ["head", "tail", "both"])
    func `What fits is whole, whichever end is kept`(keep: String) throws {
        for cap in ["10", "11", "1M"] {
            let report = try kept(
                "--keep", keep, "--cut=line", "--notice", "--max-output", cap, text: "abcdefghij")
            #expect(report.text("stdout") == "abcdefghij")
            #expect(report.flag("stdout_truncated") == false)
        }
    }

    @Test(arguments: [
        ("head", "byte", "61c3"), ("head", "character", "61"), ("tail", "byte", "a962"),
        ("tail", "character", "62"),
    ])
    func `A cut falls inside a character only where that is asked for`(
        keep: String, cut: String, hex: String
    ) throws {
        // a é é b, two bytes kept
        let report = try drainRun(
            "--encode", "base64", "--max-output", "2", "--keep", keep, "--cut", cut, "--", Programs.misbehave,
            "hex",
            "61c3a9c3a962")
        let bytes = try #require(report.data("stdout"))
        #expect(bytes.map { String(format: "%02x", $0) }.joined() == hex)
        #expect(report.flag("stdout_valid_utf8") == (cut == "character"))
        #expect(report.number("stdout_bytes_kept") == hex.count / 2)
        #expect(report.number("stdout_bytes") == 6)
    }

    @Test(arguments: [
        ("head", "one\ntwo\n", 8), ("tail", "four\n", 5), ("both", "one\n", 4),
    ])
    func `A cut at lines falls behind a newline`(keep: String, text: String, count: Int) throws {
        let report = try kept(
            "--max-output", "9", "--cut", "line", "--keep", keep, text: "one\ntwo\nthree\nfour\n")
        #expect(report.text("stdout") == text)
        #expect(report.number("stdout_bytes_kept") == count)
    }

    @Test(arguments: ["head", "tail", "both"], ["byte", "character", "line"])
    func `A notice is one line where bytes are missing, inside the cap`(keep: String, cut: String) throws {
        for cap in [0, 1, 20, 28, 30, 31, 40, 64, 100, 1000] {
            let finished = try run(
                "--max-output", "\(cap)", "--keep", keep, "--cut", cut, "--notice", "--", "seq", "1000")
            let report = try finished.report
            let text = try #require(report.text("stdout"))
            let missing = try #require(report.number("stdout_bytes_truncated"))
            let notice = "[drain: \(missing) bytes missing]\n"
            #expect(text.utf8.count <= cap)
            #expect(report.number("stdout_bytes") == 3893)
            let whole = (1...1000).map { "\($0)\n" }.joined()
            guard text.contains("[drain:") else {
                // Only where it does not fit.
                #expect(cap < 32)
                #expect(text.utf8.count == report.number("stdout_bytes_kept"))
                continue
            }
            let parts = text.components(separatedBy: notice)
            #expect(parts.count == 2, "\(cap)")
            let kept = try #require(report.number("stdout_bytes_kept"))
            let head = whole.prefix(kept - parts[1].utf8.count)
            #expect(parts[0] == head || parts[0] == head + "\n")
            #expect(parts[0].isEmpty || parts[0].hasSuffix("\n"))
            #expect(whole.hasSuffix(parts[1]))
        }
    }

    @Test func `Each stream has its own cap`() throws {
        let report = try drainRun(
            "--max-output", "7", "--max-stderr", "3", "--", "sh", "-c", "echo abcdefghij; echo klmnopqrst >&2"
        )
        #expect(report.text("stdout") == "abcdefg")
        #expect(report.text("stderr") == "klm")
        #expect(report.number("stderr_bytes") == 11)
    }

    @Test func `Both streams at once are counted each`() throws {
        let report = try drainRun(
            "--max-output", "1k", "--keep", "tail", "--", Programs.misbehave, "alternate", "20000")
        let out = (1...20000).map { "out \($0)\n" }.joined()
        let err = (1...20000).map { "err \($0)\n" }.joined()
        #expect(report.number("stdout_bytes") == out.utf8.count)
        #expect(report.number("stderr_bytes") == err.utf8.count)
        #expect(report.text("stdout") == String(out.suffix(1024)))
        #expect(report.text("stderr") == String(err.suffix(1024)))
    }

    @Test func `A tail is the end of a stream far longer than the cap`() throws {
        let report = try drainRun(
            "--max-output", "100", "--keep", "tail", "--cut=line", "--", "seq", "3000000")
        #expect(report.text("stdout")?.hasSuffix("2999999\n3000000\n") == true)
        #expect(report.number("stdout_bytes_kept") == 96)
    }

    @Test(arguments: [
        ("", ""), ("66", "f"), ("666f", "fo"), ("ff", "\u{FFFD}"), ("61ff62", "a\u{FFFD}b"),
        ("f09f98", "\u{FFFD}"), ("e282", "\u{FFFD}"), ("eda080", "\u{FFFD}\u{FFFD}\u{FFFD}"),
        ("c0af", "\u{FFFD}\u{FFFD}"), ("f09f9880", "\u{1F600}"),
        ("0001", "\0\u{1}"),
    ])
    func `Kept bytes stand as text, as base64 or not at all`(hex: String, text: String) throws {
        func report(_ encoding: String) throws -> ReportView {
            try drainRun("--encode", encoding, "--", Programs.misbehave, "hex", hex)
        }
        var bytes: [UInt8] = []
        var digits = Substring(hex)
        while !digits.isEmpty {
            bytes.append(try #require(UInt8(digits.prefix(2), radix: 16)))
            digits = digits.dropFirst(2)
        }
        #expect(try report("text").text("stdout").map { Array($0.utf8) } == Array(text.utf8))
        #expect(try report("base64").text("stdout") == Data(bytes).base64EncodedString())
        let none = try report("none")
        #expect(none.isNull("stdout"))
        #expect(none.isNull("stderr"))
        #expect(none.number("stdout_bytes_kept") == bytes.count)
        #expect(none.flag("stdout_valid_utf8") == (String(validating: bytes, as: UTF8.self) != nil))
    }
}
