import Foundation
import Testing

/// The status line on a terminal.
@Suite struct ProgressTests {
    /// A terminal: the side of its screen, and the side that a program has.
    private static func terminal() throws -> (screen: Reader, program: Int32) {
        // As posix_openpt(3), unlockpt(3) and ptsname(3) do, which the C library's module lacks.
        let (unlock, number) = (UInt(0x4004_5431), UInt(0x8004_5430))  // TIOCSPTLCK, TIOCGPTN
        let screen = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
        var (locked, index) = (Int32(0), Int32(0))
        guard screen >= 0, ioctl(screen, unlock, &locked) == 0, ioctl(screen, number, &index) == 0 else {
            throw Trouble("/dev/ptmx", errno: errno)
        }
        let program = open("/dev/pts/\(index)", O_RDWR | O_NOCTTY | O_CLOEXEC)
        guard program >= 0 else { throw Trouble("open /dev/pts/\(index)", errno: errno) }
        // Wide enough for the whole line.
        var size = winsize(ws_row: 50, ws_col: 200, ws_xpixel: 0, ws_ypixel: 0)
        _ = ioctl(program, UInt(TIOCSWINSZ), &size)
        return (Reader(screen), program)
    }

    /// What a person would see at the end: carriage returns, erasing to the end of line, newlines.
    static func shown(_ text: String) -> [String] {
        var lines: [[Unicode.Scalar]] = [[]]
        var column = 0
        var rest = Array(text.unicodeScalars)[...]
        while let scalar = rest.popFirst() {
            switch scalar {
            case "\r": column = 0
            case "\n":
                lines.append([])
                column = 0
            case "\u{1B}":
                // Only "erase to the end of the line" is known.
                guard rest.prefix(2) == ["[", "K"] else { return ["an escape that is not known"] }
                rest = rest.dropFirst(2)
                lines[lines.count - 1] = Array(lines[lines.count - 1].prefix(column))
            default:
                let last = lines.count - 1
                if column < lines[last].count {
                    lines[last][column] = scalar
                } else {
                    lines[last].append(scalar)
                }
                column += 1
            }
        }
        return lines.map { line in String(String.UnicodeScalarView(line)) }
    }

    @Test func `A status line tells time, both streams and memory, and vanishes`() throws {
        let (screen, program) = try Self.terminal()
        let pipe = try makePipe()
        let running = try start(
            "--progress", "--max-output", "1k", "--", Programs.misbehave, "write", "3072", "1024", "write",
            "100", "100",
            "stderr", "input", input: .descriptor(pipe.reading), error: .descriptor(program))
        close(pipe.reading)
        #expect(screen.wait(for: "out 3.0 KiB, 1.0 KiB kept   err 100 B, 100 B kept   memory "))
        #expect(screen.text.contains("0:00 "))
        close(pipe.writing)
        let finished = try running.finish()
        close(program)
        #expect(screen.waitForEnd())
        #expect(finished.code == 0)
        #expect(try finished.report.number("stdout_bytes") == 3072)
        #expect(Self.shown(screen.text) == [""])
        #expect(screen.text.contains("iB\r\u{1B}[K"))
    }

    @Test func `Where standard error is no terminal there is none`() throws {
        let finished = try run("--progress", "--", "sleep", "0.3")
        #expect(finished.stderr.isEmpty)
        #expect(finished.code == 0)
    }

    @Test func `Where it is not asked for there is none`() throws {
        let (screen, program) = try Self.terminal()
        let finished = try run("--", "sleep", "0.3", error: .descriptor(program))
        close(program)
        #expect(screen.waitForEnd())
        #expect(screen.text.isEmpty)
        #expect(finished.code == 0)
    }

    @Test func `With live output it never breaks half a line`() throws {
        let (screen, program) = try Self.terminal()
        let line =
            "for i in 1 2 3 4 5; do printf 'half %s ' $i; sleep 0.25; printf 'whole %s\\n' $i >&2; sleep 0.15; done"
        let finished = try run(
            "--live", "--progress", "--", "sh", "-c", line.replacingOccurrences(of: " >&2", with: ""),
            output: .descriptor(program), error: .descriptor(program))
        close(program)
        #expect(screen.waitForEnd())
        #expect(finished.code == 0)
        #expect(Self.shown(screen.text) == (1...5).map { "half \($0) whole \($0)" } + [""])
        // It was there in between, or nothing would be shown by this.
        #expect(screen.text.contains("memory "))
        for piece in screen.text.components(separatedBy: "\u{1B}[K") where piece.contains("half") {
            #expect(!piece.contains("memory"))
        }
    }

    @Test func `A line that is too long for the terminal is cut to it`() throws {
        let (screen, program) = try Self.terminal()
        var size = winsize(ws_row: 50, ws_col: 20, ws_xpixel: 0, ws_ypixel: 0)
        _ = ioctl(program, UInt(TIOCSWINSZ), &size)
        let pipe = try makePipe()
        let running = try start(
            "--progress", "--", "cat", input: .descriptor(pipe.reading), error: .descriptor(program))
        close(pipe.reading)
        #expect(screen.wait(for: "0:00   out 0 B"))
        close(pipe.writing)
        #expect(try running.finish().code == 0)
        close(program)
        #expect(screen.waitForEnd())
        let lines = screen.text.components(separatedBy: "\r\u{1B}[K")
        #expect(lines.allSatisfy { $0.count < 20 })
        #expect(Self.shown(screen.text) == [""])
    }
}
