/// How the values of options are written.
enum Values {
    /// SIZE: a whole number of bytes, or one with a suffix.
    static func size(_ text: String) -> Int? {
        let (digits, suffix) = split(text) { $0 >= 0x30 && $0 <= 0x39 }
        let units: [String: Int] = [
            "": 1, "k": 1 << 10, "K": 1 << 10, "KiB": 1 << 10, "M": 1 << 20, "MiB": 1 << 20,
            "G": 1 << 30, "GiB": 1 << 30, "kB": 1_000, "MB": 1_000_000, "GB": 1_000_000_000,
        ]
        guard let number = Int(digits), let unit = units[suffix] else { return nil }
        let (bytes, overflow) = number.multipliedReportingOverflow(by: unit)
        return overflow ? nil : bytes
    }

    static let sizeForm = "bytes, or a number with k, K, KiB, M, MiB, G or GiB (1024) or kB, MB or GB (1000)"

    /// DUR: a decimal number with ms, s, m, h or d; seconds without one of these. A positive
    /// duration is never rounded to zero, which would mean something else.
    static func duration(_ text: String) -> Duration? {
        let (number, suffix) = split(text) { $0 >= 0x30 && $0 <= 0x39 || $0 == 0x2E }
        let units: [String: Int64] = [
            "": 1_000_000_000, "ms": 1_000_000, "s": 1_000_000_000, "m": 60_000_000_000,
            "h": 3_600_000_000_000, "d": 86_400_000_000_000,
        ]
        guard let unit = units[suffix] else { return nil }
        let parts = number.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count <= 2, let last = parts.last, !last.isEmpty else { return nil }
        let whole = parts[0].isEmpty ? 0 : Int64(parts[0])
        guard let whole, let fraction = nanoseconds(parts.count == 2 ? last : "0", of: unit) else {
            return nil
        }
        let (scaled, overflow) = whole.multipliedReportingOverflow(by: unit)
        let (sum, more) = scaled.addingReportingOverflow(fraction)
        return overflow || more ? nil : .nanoseconds(sum)
    }

    static let durationForm = "a number with ms, s, m, h or d, seconds without one, as in 90, 1.5m or 250ms"

    /// A whole number that is not negative.
    static func count(_ text: String) -> Int? {
        text.utf8.allSatisfy { $0 >= 0x30 && $0 <= 0x39 } ? Int(text) : nil
    }

    /// What the digits behind a decimal point are of a unit, rounded up.
    private static func nanoseconds(_ digits: Substring, of unit: Int64) -> Int64? {
        // From the last digit to the first, so that however many there are no number grows.
        var sum: Int64 = 0
        var inexact = false
        for digit in digits.utf8.reversed() {
            guard digit >= 0x30, digit <= 0x39 else { return nil }
            let (quotient, remainder) = (sum + Int64(digit - 0x30) * unit).quotientAndRemainder(
                dividingBy: 10)
            sum = quotient
            inexact = inexact || remainder > 0
        }
        return sum + (inexact ? 1 : 0)
    }

    private static func split(_ text: String, while digit: (UInt8) -> Bool) -> (String, String) {
        // Nothing but ASCII is ever right, and to a String the Kelvin sign is equal to a K.
        guard text.utf8.allSatisfy({ $0 < 0x80 }) else { return ("", text) }
        let number = text.utf8.prefix(while: digit)
        return (String(Substring(number)), String(text[number.endIndex...]))
    }
}
