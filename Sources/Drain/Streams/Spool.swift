/// That both streams of a command go to disk as well, and how.
///
/// Each stream is written to files in a directory as it comes, beside what is kept of it in memory, without
/// passing through this process's memory unless tee(2) or splice(2) is refused. `Report.stdoutSpool` says what is
/// there when the run has ended. The files are private to the user. A run with a spool, a blocking one too, uses a
/// thread beside that which it runs on: one for each file system, shared by all runs of the process, made when it is
/// first needed.
///
/// The directory is opened and the first file written by the thread that starts the command; after that, no disk
/// holds up a run, its limits or other runs.
///
/// While the command runs, `NAME.json` in the directory says what the files beside it are; when it has ended,
/// it says what has become of them. It is what a killed host leaves.
public struct Spool: Sendable, Hashable {
    /// What is written of each stream unless said otherwise: 1 GiB.
    public static let defaultBytes = 1 << 30
    /// How long `giveUp` waits for a disk that takes nothing.
    public static let patience = Duration.milliseconds(200)
    /// How long a filter may go on when its input has ended.
    static let filterPatience = Duration.seconds(10)

    /// Must exist.
    public var directory: OSString
    /// Bytes on disk of each stream. Past it the oldest go where `Limits.keep` is `tail`, otherwise the newest.
    /// Negative values count as 0.
    public var maxBytes: Int
    public var whenSlow: WhenSlow
    /// What each stream goes through on its way to disk, `Command.shell("gzip")` for example: started once for
    /// each, with the stream as its standard input and a file as its standard output. A spool with a filter keeps
    /// the beginning, whatever `Limits.keep` says, and what the filter writes may be a sixty-fourth larger than
    /// `maxBytes`. A filter has ten seconds to end when its input has ended. What it is given as its standard
    /// input is not used.
    public var filter: Command?

    /// What happens when the disk is slower than the command.
    public enum WhenSlow: Sendable, Hashable, CaseIterable {
        /// The command waits, and nothing is lost; to an idle limit, a command that waits is idle. When a limit
        /// or a cancellation ends the run, what the disk has not taken two seconds later is lost, and told.
        case wait
        /// A disk that takes nothing for `Spool.patience` loses the spool of that stream, and the command
        /// goes on at full speed.
        case giveUp
    }

    public init(
        directory: OSString, maxBytes: Int = Spool.defaultBytes, whenSlow: WhenSlow = .wait,
        filter: Command? = nil
    ) {
        self.directory = directory
        self.maxBytes = maxBytes
        self.whenSlow = whenSlow
        self.filter = filter
    }
}

/// What is on disk of one stream when its run has ended.
public struct SpoolReport: Sendable, Hashable {
    /// `PageReader` reads them. With a filter, what it made of so many bytes of the stream.
    public let files: SpoolFiles
    /// Why there is not all that there should be; what `files` says is there nonetheless.
    public let error: Report.Problem?
    /// The command line that the stream went through on its way; nil for none.
    public let filter: OSString?
}
