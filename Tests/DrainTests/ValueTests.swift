import Foundation
import Testing

@testable import Drain

@Suite("Values")
struct ValueTests {
    @Test("signals are read by name, by either name, in any case, and by number")
    func signals() {
        for text in ["TERM", "SIGTERM", "term", "sigTerm", "15", "015"] {
            #expect(Signal(text) == .terminate, "\(text)")
        }
        #expect(Signal("KILL") == .kill && Signal("INT") == .interrupt && Signal("HUP") == .hangup)
        #expect(Signal("QUIT") == .quit && Signal("PIPE") == .pipe)
        let known: [(String, Int32)] = [
            ("USR1", SIGUSR1), ("USR2", SIGUSR2), ("CHLD", SIGCHLD), ("CONT", SIGCONT), ("STOP", SIGSTOP),
            ("XCPU", SIGXCPU), ("XFSZ", SIGXFSZ), ("WINCH", SIGWINCH), ("SYS", SIGSYS), ("BUS", SIGBUS),
            ("ALRM", SIGALRM), ("SEGV", SIGSEGV), ("ABRT", SIGABRT), ("TTOU", SIGTTOU), ("IO", SIGIO),
        ]
        for (name, number) in known { #expect(Signal(name)?.rawValue == number, "\(name)") }
        #expect(Signal("64")?.rawValue == 64)
        for text in [
            "", "SIG", "0", "65", "-15", "+15", "15 ", " 15", "TERMINATE", "SIGSIGTERM", "1e1", "99999999999",
            "FOO", "SIG15", "TERM\n",
        ] {
            #expect(Signal(text) == nil, "\(text)")
        }
        #expect(Signal(rawValue: 0) == nil && Signal(rawValue: 65) == nil && Signal(rawValue: -1) == nil)
    }

    @Test("a signal's description is read back as that signal")
    func signalNames() {
        for number in Int32(1)...31 {
            let signal = Signal(rawValue: number)!
            #expect(Signal(signal.description) == signal)
        }
        #expect(Signal.terminate.description == "SIGTERM")
        #expect(Signal(rawValue: 40)!.description == "signal 40")
    }

    @Test("durations are rounded up to whole nanoseconds, and end at what can be told")
    func durations() {
        #expect(Duration.zero.nanoseconds == 0)
        #expect(Duration.seconds(3).nanoseconds == 3_000_000_000)
        #expect(Duration.nanoseconds(1).nanoseconds == 1)
        #expect(Duration(secondsComponent: 0, attosecondsComponent: 1).nanoseconds == 1)
        #expect(Duration(secondsComponent: 0, attosecondsComponent: 1_000_000_000).nanoseconds == 1)
        #expect(Duration(secondsComponent: 0, attosecondsComponent: 1_000_000_001).nanoseconds == 2)
        #expect(
            Duration(secondsComponent: 1, attosecondsComponent: 999_999_999_999_999_999).nanoseconds
                == 2_000_000_000)
        #expect(Duration.seconds(-1).nanoseconds == 0 && Duration.nanoseconds(-1).nanoseconds == 0)
        #expect(Duration.seconds(9_223_372_036).nanoseconds == 9_223_372_036_000_000_000)
        #expect(Duration.seconds(9_223_372_037).nanoseconds == .max)
        #expect(Duration.seconds(Int64.max).nanoseconds == .max)
        #expect(Duration.nanoseconds(Int64.max).nanoseconds == .max)
        #expect(Instant(5).advanced(by: .seconds(Int64.max)) == .never)
        #expect((Instant.max - 1).advanced(by: .nanoseconds(1)) == .never)
        #expect(Instant(5).advanced(by: .seconds(-7)) == 5)
        #expect(Duration.microseconds(1999).milliseconds == 1)
    }

    @Test("times of day are RFC 3339, as Foundation has them")
    func timestamps() {
        func text(_ milliseconds: Int64) -> String {
            Timestamp(millisecondsSinceEpoch: milliseconds).description
        }
        #expect(text(0) == "1970-01-01T00:00:00.000Z")
        #expect(text(7) == "1970-01-01T00:00:00.007Z")
        #expect(text(-1) == "1969-12-31T23:59:59.999Z")
        #expect(text(-1000) == "1969-12-31T23:59:59.000Z")
        #expect(text(951_782_400_000) == "2000-02-29T00:00:00.000Z")
        #expect(text(1_709_164_800_000) == "2024-02-29T00:00:00.000Z")
        #expect(text(4_107_542_400_000) == "2100-03-01T00:00:00.000Z")
        #expect(text(2_147_483_648_000) == "2038-01-19T03:14:08.000Z")
        #expect(text(253_402_300_799_999) == "9999-12-31T23:59:59.999Z")

        var dice = Dice(seed: 11)
        let formatter = DateFormatter()
        formatter.locale = Locale(identifier: "en_US_POSIX")
        formatter.timeZone = TimeZone(secondsFromGMT: 0)
        formatter.dateFormat = "yyyy-MM-dd'T'HH:mm:ss"
        for _ in 0..<300 {
            let seconds = dice.roll(-2_000_000_000...100_000_000_000)
            let date = Date(timeIntervalSince1970: TimeInterval(seconds))
            #expect(text(Int64(seconds) * 1000 + 50) == formatter.string(from: date) + ".050Z")
        }
        #expect(
            abs(Date().timeIntervalSince1970 * 1000 - Double(Timestamp.now().millisecondsSinceEpoch)) < 60_000
        )
    }

    @Test("errors have the system's names and words")
    func errors() {
        #expect(Errno(rawValue: ENOENT).name == "ENOENT")
        #expect(Errno(rawValue: EACCES).name == "EACCES")
        #expect(Errno(rawValue: E2BIG).name == "E2BIG" && Errno(rawValue: EAGAIN).name == "EAGAIN")
        #expect(Errno(rawValue: 4095).name == "E4095")
        #expect(Errno(rawValue: ENOENT).message == String(cString: strerror(ENOENT)))
        let error = DrainError(.notFound, "x", .notFound)
        #expect(error.description == "cannot run 'x': No such file or directory")
        #expect(DrainError(.invalidCommand, "why", .invalid).description == "this command cannot be run: why")
    }

    @Test("strings of the system are bytes")
    func strings() {
        let string = OSString(bytes: [0x61, 0xFF])
        #expect(string.bytes == [0x61, 0xFF] && string.description == "a\u{FFFD}")
        #expect(("é" as OSString).bytes == [0xC3, 0xA9])
        #expect(OSString("a\u{0}b").holdsNUL && !string.holdsNUL)
        // Equal text of other bytes is another string.
        #expect(OSString("\u{E9}") != OSString("e\u{301}"))
    }

    @Test("C strings are terminated, the empty one too")
    func cStrings() {
        var strings = CStrings(["", "ab", ""])
        strings.withPointers { pointers in
            #expect(String(cString: pointers[0]!) == "" && String(cString: pointers[1]!) == "ab")
            #expect(String(cString: pointers[2]!) == "" && pointers[3] == nil)
        }
        var none = CStrings([])
        none.withPointers { #expect($0[0] == nil) }
    }

    @Test("a command of strings holds their bytes, the program first")
    func commands() {
        #expect(Command("a", "b", "é").arguments.map(\.bytes) == [[0x61], [0x62], [0xC3, 0xA9]])
        #expect(Command.shell("x y").arguments == ["/bin/sh", "-c", "x y"])
        #expect(Command("a") == Command(["a"]) && Limits.defaultBytes == 8 * 1024 * 1024)
    }
}
