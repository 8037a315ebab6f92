import Drain

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// One line at the foot of the terminal that says how far the run is, and leaves no trace.
final class StatusLine {
    private weak var live: LiveOutput?  // it has us in its `willWrite`
    private var isShown = false

    /// - Parameter live: what else goes to the terminal.
    init(_ live: LiveOutput?) {
        self.live = live
    }

    func show(_ progress: Progress) {
        // Behind half a line it would be mistaken for its rest, and erasing it would take both.
        if let live, !live.isAtLineStart { return }
        let line = StatusLine.text(progress).prefix(columns() - 1)
        Output.show("\r\u{1B}[K\(line)")
        isShown = true
    }

    func erase() {
        guard isShown else { return }
        Output.show("\r\u{1B}[K")
        isShown = false
    }

    static func text(_ progress: Progress) -> String {
        func stream(_ name: String, _ counts: (seen: Int, kept: Int)) -> String {
            "\(name) \(size(counts.seen)), \(size(counts.kept)) kept"
        }
        return [
            elapsed(progress.elapsed), stream("out", progress.stdout), stream("err", progress.stderr),
            "memory \(size(progress.resident))",
        ].joined(separator: "   ")
    }

    /// `0:07`, `12:03`, `1:00:09`.
    static func elapsed(_ duration: Duration) -> String {
        let seconds = duration.components.seconds
        func two(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let (hours, minutes) = (seconds / 3600, seconds / 60 % 60)
        return hours > 0
            ? "\(hours):\(two(minutes)):\(two(seconds % 60))" : "\(minutes):\(two(seconds % 60))"
    }

    /// Three or four digits and a unit: `0 B`, `999 B`, `1.4 KiB`, `23.0 GiB`.
    static func size(_ bytes: Int) -> String {
        if bytes < 1024 { return "\(bytes) B" }
        var tenths = bytes * 10 / 1024
        var unit = 0
        let units = ["KiB", "MiB", "GiB", "TiB", "PiB"]
        while tenths >= 10240, unit < units.count - 1 {
            tenths /= 1024
            unit += 1
        }
        return "\(tenths / 10).\(tenths % 10) \(units[unit])"
    }

    private func columns() -> Int {
        var size = winsize()
        guard unsafe ioctl(2, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 1 else { return 80 }
        return Int(size.ws_col)
    }
}
