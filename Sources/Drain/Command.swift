/// What to run: a program, its arguments and its surroundings. A value; it does nothing by itself.
public struct Command: Sendable, Hashable {
    /// The program and its arguments. The first is looked up as execvp(3) does: as it is if it
    /// holds a slash, else along `PATH` of the command's own environment.
    public var arguments: [OSString]
    /// Where the program starts; nil for the host's working directory. A program named by a
    /// relative path is looked up from there.
    public var workingDirectory: OSString?
    public var environment: Environment
    public var standardInput: Input
    public var resources: ResourceLimits

    /// A command of strings.
    public init(_ program: String, _ arguments: String...) {
        self.init(program, arguments: arguments)
    }

    public init(_ program: String, arguments: [String]) {
        self.init([OSString(program)] + arguments.map { OSString($0) })
    }

    /// A command of bytes, the program first.
    public init(_ arguments: [OSString]) {
        self.arguments = arguments
        self.environment = .inherited
        self.standardInput = .null
        self.resources = ResourceLimits()
    }

    /// A line for `/bin/sh -c`.
    public static func shell(_ line: String) -> Command {
        Command("/bin/sh", "-c", line)
    }
}

/// Where a command's standard input comes from.
public enum Input: Sendable, Hashable {
    /// /dev/null: an end of file at once.
    case null
    /// The host's own. If that is closed, /dev/null.
    case inherited
    /// A file, opened for reading before anything is started. One for which open(2) would wait is not
    /// waited for; but a named pipe is opened by the command's own process, a /bin/sh that then becomes the
    /// program: it waits until somebody writes to the pipe, as a shell does, and time limits and
    /// cancellation end that. A program that is not there is the shell's to tell: exit code 127, or 126.
    case file(OSString)
    /// An open descriptor, which stays the caller's.
    case descriptor(Int32)
    /// These bytes, in a file in memory (memfd_create(2)): the command reads them when it
    /// likes, and nobody has to feed it.
    case bytes([UInt8])
    /// A pipe that the body of `withRun` writes to: `LiveRun.input`. Without such a body, an end of file at once.
    case pipe
}

/// The variables of a command: the host's at the time of the run, or none, and changes to them.
public struct Environment: Sendable, Hashable {
    /// Whether the host's variables are there.
    public var inherits: Bool
    /// Later changes of a name replace earlier ones; a nil value removes the variable.
    public var changes: [Change]

    public struct Change: Sendable, Hashable {
        public var name: OSString
        public var value: OSString?
        public init(name: OSString, value: OSString?) {
            self.name = name
            self.value = value
        }
    }

    public static let inherited = Environment(inherits: true, changes: [])
    public static let empty = Environment(inherits: false, changes: [])

    /// The same with one variable set.
    public func setting(_ name: OSString, to value: OSString) -> Environment {
        var copy = self
        copy.changes.append(Change(name: name, value: value))
        return copy
    }

    /// The same without one variable.
    public func removing(_ name: OSString) -> Environment {
        var copy = self
        copy.changes.append(Change(name: name, value: nil))
        return copy
    }
}

/// Limits that the kernel puts on the command, its children included: setrlimit(2). Soft and
/// hard limit are set alike, so that the command cannot raise them. Nil leaves the host's.
public struct ResourceLimits: Sendable, Hashable {
    /// Processor time of each process, rounded up to whole seconds; past it SIGXCPU, and a
    /// second later SIGKILL. Zero means no limit.
    public var cpuTime: Duration?
    /// Address space of each process, in bytes (RLIMIT_AS).
    public var memory: Int?
    /// The largest file a process may write, in bytes; past it SIGXFSZ.
    public var fileSize: Int?
    /// Open descriptors of each process.
    public var openFiles: Int?
    /// Processes and threads of the command's user, those outside of the command included
    /// (RLIMIT_NPROC); root is not bound by it.
    public var processes: Int?

    public init(
        cpuTime: Duration? = nil, memory: Int? = nil, fileSize: Int? = nil, openFiles: Int? = nil,
        processes: Int? = nil
    ) {
        self.cpuTime = cpuTime
        self.memory = memory
        self.fileSize = fileSize
        self.openFiles = openFiles
        self.processes = processes
    }
}
