/// How much of what a command prints is kept, and what of it. The memory of a run is bounded by
/// the two caps, however much is printed.
public struct Limits: Sendable, Hashable {
    /// Bytes kept of each stream unless said otherwise: 8 MiB.
    public static let defaultBytes = 8 << 20

    /// Bytes kept of standard output. Negative values count as 0.
    public var stdoutBytes: Int
    /// Bytes kept of standard error. Negative values count as 0.
    public var stderrBytes: Int
    public var keep: Keep
    public var cut: Cut
    /// Whether a line that says how many bytes are missing stands where they are. Kept bytes
    /// and notice together never exceed the cap; a cap too small for it gets none.
    public var notice: Bool

    /// Which end of a stream is kept past its cap.
    public enum Keep: Sendable, Hashable, CaseIterable {
        case head
        case tail
        /// Half each, the odd byte to the head.
        case both
    }

    /// Where a cut may fall.
    public enum Cut: Sendable, Hashable, CaseIterable {
        /// Anywhere.
        case byte
        /// Not inside a well-formed UTF-8 sequence. Ill-formed bytes may be parted anywhere.
        case character
        /// Only after a newline. A stretch without one is not kept.
        case line
    }

    public init(
        bytes: Int = Limits.defaultBytes, keep: Keep = .head, cut: Cut = .character,
        notice: Bool = false
    ) {
        self.stdoutBytes = bytes
        self.stderrBytes = bytes
        self.keep = keep
        self.cut = cut
        self.notice = notice
    }

    func retention(of stream: Stream) -> Retention {
        Retention(
            cap: max(0, stream == .stdout ? stdoutBytes : stderrBytes), keep: keep, cut: cut,
            notice: notice)
    }
}

/// The two streams of a command.
public enum Stream: Int, Sendable, Hashable, CaseIterable {
    case stdout = 0
    case stderr = 1
}
