/// Why a command could not be run. Nothing of it is left running.
///
/// What a command does, a non-zero exit, a signal, more output than is kept, a time limit, is
/// never an error: it stands in the `Report`.
public struct DrainError: Error, Sendable, Hashable {
    public enum Kind: Sendable, Hashable {
        /// No program, a NUL inside a string, or a variable's name that cannot be one.
        case invalidCommand
        /// There is no such program.
        case notFound
        /// There is a program, and it cannot be executed.
        case notExecutable
        case workingDirectory
        case standardInput
        /// A resource limit that setrlimit(2) refuses, above the hard limit for example.
        case resourceLimit
        /// The means of ending processes that were asked for cannot be had.
        case killMethod
        /// A directory of runs that cannot be used: `RunRegistry`.
        case registry
        /// A directory to spool to, or of what was spooled, that cannot be used.
        case spool
        /// The system has no room for another process, descriptor or mapping.
        case system
        /// As many runs wait for their turn as may wait: see `Runner`.
        case busy
        /// The run alone may take more memory than all runs of its `Runner` together.
        case memoryBudget
    }

    public let kind: Kind
    /// What it was about: a program, a path, a limit's name, a system call.
    public let subject: String
    public let errno: Errno
    /// Where in the core it happened, for a supervisor to tell its host.
    var origin: Origin?

    struct Origin: Sendable, Hashable {
        var stage: UInt32
        var detail: Int
    }

    package init(_ kind: Kind, _ subject: String, _ errno: Errno) {
        self.kind = kind
        self.subject = subject
        self.errno = errno
    }
}

extension DrainError: CustomStringConvertible {
    /// One line for people.
    public var description: String {
        let what =
            switch kind {
            case .invalidCommand: "this command cannot be run: \(subject)"
            case .notFound, .notExecutable: "cannot run '\(subject)'"
            case .workingDirectory: "cannot change to directory '\(subject)'"
            case .standardInput: "cannot open standard input '\(subject)'"
            case .resourceLimit: "cannot set the limit on \(subject)"
            case .killMethod: "cannot end processes by \(subject)"
            case .registry: "cannot keep runs in \(subject)"
            case .spool: "cannot use the spool directory '\(subject)'"
            case .system: "\(subject) failed"
            case .busy: "too many runs wait already: \(subject)"
            case .memoryBudget: "this run needs more memory than all runs together may take: \(subject)"
            }
        let isWhole =
            kind == .invalidCommand || kind == .registry && errno == .invalid || kind == .busy
            || kind == .memoryBudget
        return isWhole ? what : "\(what): \(errno.message)"
    }
}
