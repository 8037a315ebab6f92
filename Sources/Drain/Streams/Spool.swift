/// That both streams of a command go to disk as well, and how.
///
/// Each stream is written to files in a directory as it comes, beside what is kept of it in memory, without
/// passing through this process's memory. `Report.stdoutSpool` says what is there when the run has ended. The
/// files are private to the user. A run with a spool, a blocking one too, uses a thread beside that which it
/// runs on: one for each file system, shared by all runs of the process, made when it is first needed.
///
/// While the command runs, `NAME.json` in the directory says what the files beside it are; when it has ended,
/// it says what has become of them. It is what a killed host leaves.
public struct Spool: Sendable, Hashable {
    /// What is written of each stream unless said otherwise: 1 GiB.
    public static let defaultBytes = 1 << 30
    /// How long `giveUp` waits for a disk that takes nothing.
    public static let patience = Duration.milliseconds(200)

    /// Must exist.
    public var directory: OSString
    /// Bytes on disk of each stream. Past it the oldest go where `Limits.keep` is `tail`, otherwise the newest.
    /// Negative values count as 0.
    public var maxBytes: Int
    public var whenSlow: WhenSlow

    /// What happens when the disk is slower than the command.
    public enum WhenSlow: Sendable, Hashable, CaseIterable {
        /// The command waits, and nothing is lost.
        case wait
        /// A disk that takes nothing for `Spool.patience` loses the spool of that stream, and the command
        /// goes on at full speed.
        case giveUp
    }

    public init(
        directory: OSString, maxBytes: Int = Spool.defaultBytes, whenSlow: WhenSlow = .wait
    ) {
        self.directory = directory
        self.maxBytes = maxBytes
        self.whenSlow = whenSlow
    }
}

/// What is on disk of one stream when its run has ended.
public struct SpoolReport: Sendable, Hashable {
    /// `PageReader` reads them.
    public let files: SpoolFiles
    /// Why there is not all that there should be; what `files` says is there nonetheless.
    public let error: Report.Problem?
    /// The command line that the stream went through on its way; nil for none.
    public let filter: OSString?
}
