/// A signal of Linux on x86-64 and arm64: signal(7).
public struct Signal: RawRepresentable, Sendable, Hashable {
    public let rawValue: Int32

    /// Nil for what is not a signal: below 1 or above 64.
    public init?(rawValue: Int32) {
        guard (1...64).contains(rawValue) else { return nil }
        self.rawValue = rawValue
    }

    private init(known: Int32) { rawValue = known }

    public static let hangup = Signal(known: 1)
    public static let interrupt = Signal(known: 2)
    public static let quit = Signal(known: 3)
    public static let kill = Signal(known: 9)
    public static let pipe = Signal(known: 13)
    public static let terminate = Signal(known: 15)

    private static let names = [
        "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2",
        "PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG",
        "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
    ]

    /// Reads `TERM`, `SIGTERM` (in any case) or `15`.
    public init?(_ text: String) {
        if let number = Int32(text), text.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) {
            self.init(rawValue: number)
            return
        }
        // To uppercased() a dotless i is an I as well.
        guard text.utf8.allSatisfy({ $0 < 0x80 }) else { return nil }
        var name = text.uppercased()
        if name.hasPrefix("SIG") { name.removeFirst(3) }
        guard let index = Signal.names.firstIndex(of: name) else { return nil }
        self.init(known: Int32(index + 1))
    }
}

extension Signal: CustomStringConvertible {
    /// `SIGTERM`, or `signal 40` for one without a name.
    public var description: String {
        let index = Int(rawValue) - 1
        return index < Signal.names.count ? "SIG" + Signal.names[index] : "signal \(rawValue)"
    }
}
