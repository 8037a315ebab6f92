#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// A time of day, to the millisecond, in UTC.
public struct Timestamp: Sendable, Hashable, CustomStringConvertible {
    /// Since 1970-01-01T00:00:00Z, without leap seconds.
    public let millisecondsSinceEpoch: Int64

    public init(millisecondsSinceEpoch: Int64) {
        self.millisecondsSinceEpoch = millisecondsSinceEpoch
    }

    /// CLOCK_REALTIME, now.
    package static func now() -> Timestamp {
        var time = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(millisecondsSinceEpoch: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
    }

    /// RFC 3339, `2026-01-31T23:59:59.123Z`.
    public var description: String {
        let (days, milliseconds) = Timestamp.floorDivide(millisecondsSinceEpoch, 86_400_000)
        let (year, month, day) = Timestamp.date(days)
        var text = ""
        func append(_ value: Int64, _ width: Int, _ behind: String) {
            let digits = String(value)
            for _ in 0..<max(0, width - digits.utf8.count) { text += "0" }
            text += digits
            text += behind
        }
        append(year, 4, "-")
        append(month, 2, "-")
        append(day, 2, "T")
        append(milliseconds / 3_600_000, 2, ":")
        append(milliseconds / 60_000 % 60, 2, ":")
        append(milliseconds / 1000 % 60, 2, ".")
        append(milliseconds % 1000, 3, "Z")
        return text
    }

    /// Year, month and day of the Gregorian calendar for a count of days since 1970-01-01. Not
    /// gmtime_r(3): that reads the time zone's files first, which we have no use for.
    private static func date(_ days: Int64) -> (Int64, Int64, Int64) {
        // Counted from 0000-03-01, so that the leap day is the last of its year. An era is 400 years.
        let (era, day) = floorDivide(days + 719_468, 146_097)
        let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365
        let ofYear = day - (365 * year + year / 4 - year / 100)
        let shifted = (5 * ofYear + 2) / 153
        let month = shifted < 10 ? shifted + 3 : shifted - 9
        return (year + era * 400 + (month <= 2 ? 1 : 0), month, ofYear - (153 * shifted + 2) / 5 + 1)
    }

    /// A time of the Gregorian calendar; nil if there is none such.
    init?(
        _ year: Int, _ month: Int, _ day: Int, _ hour: Int, _ minute: Int, _ second: Int, _ millisecond: Int
    ) {
        guard year >= 0, 1...12 ~= month, 1...31 ~= day else { return nil }
        // As above, the other way round.
        let shifted = Int64(month > 2 ? month - 3 : month + 9)
        let ofMarch = Int64(month > 2 ? year : year - 1)
        let (era, ofEra) = Timestamp.floorDivide(ofMarch, 400)
        let ofYear = (153 * shifted + 2) / 5 + Int64(day) - 1
        let days = era * 146_097 + ofEra * 365 + ofEra / 4 - ofEra / 100 + ofYear - 719_468
        guard Timestamp.date(days) == (Int64(year), Int64(month), Int64(day)), 0...23 ~= hour,
            0...59 ~= minute, 0...60 ~= second, 0...999 ~= millisecond
        else { return nil }
        let seconds = Int64((hour * 60 + minute) * 60 + second)
        self.init(millisecondsSinceEpoch: (days * 86_400 + seconds) * 1000 + Int64(millisecond))
    }

    private static func floorDivide(_ value: Int64, _ by: Int64) -> (Int64, Int64) {
        let (quotient, remainder) = value.quotientAndRemainder(dividingBy: by)
        return remainder < 0 ? (quotient - 1, remainder + by) : (quotient, remainder)
    }
}
