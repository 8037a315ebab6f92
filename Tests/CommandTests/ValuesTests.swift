import Drain
import Testing

@testable import drain_run

/// How the values of options are written, without a process.
@Suite struct ValuesTests {
    @Test(arguments: [
        ("0", 0), ("1", 1), ("0010", 10), ("8388608", 8_388_608), ("1k", 1024), ("1K", 1024), ("1KiB", 1024),
        ("64k", 65536), ("1M", 1 << 20), ("8MiB", 8 << 20), ("2G", 2 << 30), ("3GiB", 3 << 30),
        ("1kB", 1000), ("5MB", 5_000_000), ("7GB", 7_000_000_000), ("0G", 0),
        ("9223372036854775807", Int.max), ("8589934591G", 8_589_934_591 << 30),
    ])
    func `A size is a whole number with one of ten suffixes`(text: String, bytes: Int) {
        #expect(Values.size(text) == bytes)
    }

    @Test(arguments: [
        "", " ", "k", "-1", "-0", "+1", "1.5", "1.5M", "1e3", "0x10", "1 k", " 1", "1 ", "1kk", "1m", "1g",
        "1b",
        "1B", "1KB", "1Kib", "1mb", "1T", "1TiB", "1kib", "1MiBs", "1\u{212A}", "1\u{212A}iB",
        "9223372036854775808", "8589934592G",
        "9007199254740992K", "99999999999999999999999999", "1\u{0661}", "\u{0661}", "1\n", "1,000", "1_000",
    ])
    func `A size is nothing else`(text: String) {
        #expect(Values.size(text) == nil)
    }

    @Test(arguments: [
        ("0", Duration.zero), ("0ms", .zero), ("0.0", .zero), ("1", .seconds(1)), ("90", .seconds(90)),
        ("1s", .seconds(1)), ("250ms", .milliseconds(250)), ("1.5", .milliseconds(1500)),
        ("1.5m", .seconds(90)), ("2h", .seconds(7200)), ("1d", .seconds(86400)), ("0.001", .milliseconds(1)),
        ("0.5d", .seconds(43200)), ("0.000001ms", .nanoseconds(1)), ("0.25h", .seconds(900)),
        ("00.50", .milliseconds(500)),
    ])
    func `A duration is a decimal number with one of five units`(text: String, duration: Duration) {
        #expect(Values.duration(text) == duration)
    }

    @Test(arguments: ["0.0000000001", "0.00000000000000000000000000001", "0.0000001ms"])
    func `A duration that is not zero never becomes zero, which would mean no limit`(text: String) throws {
        #expect(try #require(Values.duration(text)) > .zero)
    }

    @Test func `However many digits stand behind the point, only what they are in all is rounded up`() {
        // A nanosecond is 1.1574074074074074...e-14 of a day.
        #expect(Values.duration("0.000000000000011574d") == .nanoseconds(1))
        #expect(Values.duration("0.0000000000000115740740740740d") == .nanoseconds(1))
        #expect(Values.duration("0.0000000000000115740740740741d") == .nanoseconds(2))
        #expect(Values.duration("0.999999999999999999999999999999") == .seconds(1))
        #expect(Values.duration("0.100000000000000000000000000000") == .milliseconds(100))
    }

    @Test(arguments: [
        "", " ", "s", "ms", ".", "-1", "-1s", "+1", "1x", "1 s", " 1s", "1s ", "1S", "1M", "1sec", "1us",
        "1ns",
        "1w", "1.2.3", "1e3", "1,5", "inf", "nan", "1m30s", "99999999999999999999d", "9223372036854775807d",
        "106752d", "0x1", "1..5", "1ms2", "\u{0661}s",
    ])
    func `A duration is nothing else`(text: String) {
        #expect(Values.duration(text) == nil)
    }

    @Test func `The longest durations fit`() {
        #expect(Values.duration("106751d") == .seconds(106_751 * 86400))
        #expect(Values.duration("9223372036") == .seconds(9_223_372_036))
    }

    @Test(arguments: ["", "-1", "+1", "1.5", "1k", " 1", "1 ", "99999999999999999999"])
    func `A count is a whole number and nothing else`(text: String) {
        #expect(Values.count(text) == nil)
    }

    @Test func `A count may be any whole number`() {
        #expect(Values.count("0") == 0)
        #expect(Values.count("64") == 64)
    }

    @Test(arguments: [
        ("TERM", 15), ("SIGTERM", 15), ("15", 15), ("KILL", 9), ("SIGKILL", 9), ("9", 9), ("INT", 2),
        ("HUP", 1),
        ("QUIT", 3), ("USR1", 10), ("SIGUSR2", 12), ("1", 1), ("64", 64),
    ])
    func `A signal has a name, a long name and a number`(text: String, number: Int32) {
        #expect(Signal(text)?.rawValue == number)
    }

    @Test(arguments: [
        "", "0", "65", "-15", "+15", "SIG", "TERMS", "SIGSIGTERM", " TERM", "15 ", "1.5", "K\u{131}LL",
        "\u{17F}TOP",
    ])
    func `A signal is nothing else`(text: String) {
        #expect(Signal(text) == nil)
    }
}
