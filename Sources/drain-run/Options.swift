@unsafe @preconcurrency import CGetopt
import Drain

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// What the command line asks for.
struct Options {
    enum Errand { case run, sweep, listSpools, pruneSpools, help, version }

    var errand = Errand.run
    var command = Command([])
    var limits = Limits()
    var timeouts = Timeouts()
    var encoding = ContentEncoding.text
    var live = false
    /// Nil: standard output is not read for events.
    var events: EventFilter?
    /// Nil: streams are kept in memory only.
    var spool: Spool?
    /// The spool comes from the environment: without it, the command runs all the same.
    var spoolIsOptional = false
    /// Nil: none.
    var report: Destination? = .standardOutput
    var progress = false
    /// For a host that has the other end of a socket: see `Supervision`.
    var supervises = false
    /// Nil: the strongest that can be had.
    var killMethod: Report.KillMethod?
    /// Where the run is registered, or what is to be swept.
    var registry: OSString?
    /// What is spooled where, and how much of it is to stay.
    var spools = Spools()
    /// Bad environment variables, one line each.
    var warnings: [String] = []

    /// A directory of spools, for an errand that runs nothing.
    struct Spools {
        var directory: OSString = ""
        var maxAge: Duration?
        var maxBytes: Int?
    }

    /// The options that getopt_long knows. The letters are those of the short forms.
    private enum Key: Int32, CaseIterable {
        case chdir = 0x43  // C
        case env = 0x45  // E
        case help = 0x68  // h
        case stdin = 0x69  // i
        case killAfter = 0x6B  // k
        case signal = 0x73  // s
        case timeout = 0x74  // t
        case maxOutput = 0x100
        case events, maxEvent, maxStdout, maxStderr, spool, maxSpool, spoolSlow, spoolFilter, keep, cut,
            notice, encode,
            live, report, idleTimeout,
            drainGrace
        case background, killMethod, clearEnv, cpuTime, memory, fileSize, openFiles, processes, progress,
            supervise, register, sweep, spoolList, spoolPrune, spoolAge, spoolTotal, version

        // Said out loud: "\(self)" would have the runtime look names up, for half of our start-up time.
        var name: StaticString {
            switch self {
            case .chdir: "chdir"
            case .env: "env"
            case .help: "help"
            case .stdin: "stdin"
            case .killAfter: "kill-after"
            case .signal: "signal"
            case .timeout: "timeout"
            case .maxOutput: "max-output"
            case .events: "events"
            case .maxEvent: "max-event"
            case .maxStdout: "max-stdout"
            case .maxStderr: "max-stderr"
            case .spool: "spool"
            case .maxSpool: "max-spool"
            case .spoolSlow: "spool-slow"
            case .spoolFilter: "spool-filter"
            case .keep: "keep"
            case .cut: "cut"
            case .notice: "notice"
            case .encode: "encode"
            case .live: "live"
            case .report: "report"
            case .idleTimeout: "idle-timeout"
            case .drainGrace: "drain-grace"
            case .background: "background"
            case .killMethod: "kill-method"
            case .clearEnv: "clear-env"
            case .cpuTime: "cpu-time"
            case .memory: "memory"
            case .fileSize: "file-size"
            case .openFiles: "open-files"
            case .processes: "processes"
            case .progress: "progress"
            case .supervise: "supervise"
            case .register: "register"
            case .sweep: "sweep"
            case .spoolList: "spool-list"
            case .spoolPrune: "spool-prune"
            case .spoolAge: "spool-age"
            case .spoolTotal: "spool-total"
            case .version: "version"
            }
        }

        var takesValue: Bool {
            switch self {
            case .notice, .live, .clearEnv, .progress, .supervise, .help, .version: false
            default: true
            }
        }

        /// As getopt_long wants it; the name lives as long as the program.
        var entry: option {
            let start = unsafe UnsafeRawPointer(name.utf8Start).assumingMemoryBound(to: CChar.self)
            return unsafe option(
                name: start, has_arg: takesValue ? required_argument : no_argument, flag: nil, val: rawValue)
        }
    }

    /// What is decided only when all options have been read.
    private struct Pending {
        var maxOutput: Int?
        var maxEvent: Int?
        var types: [OSString] = []
        var maxStdout: Int?
        var maxStderr: Int?
        var spool: OSString?
        var maxSpool: Int?
        var spoolSlow = Spool.WhenSlow.wait
        var spoolFilter: OSString?
        var report: Destination?
    }

    /// A program's name and words, as main gets them.
    typealias Words = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>

    /// Reads a command line; stops at the first word that is not an option. Not for several threads at a
    /// time: getopt_long(3) keeps its place in globals.
    static func parse(_ count: Int32, _ argv: Words) throws(Complaint) -> Options {
        var options = Options()
        options.command.standardInput = .inherited
        var pending = Pending()
        var table = unsafe Key.allCases.map { unsafe $0.entry }
        unsafe table.append(option())
        opterr = 0
        // From the start, wherever in a word an earlier call has stopped.
        optind = 0
        while true {
            // "+": the command's options are its own. ":": tells a missing value from an unknown option.
            let at = max(1, Int(optind))
            let got = unsafe getopt_long(count, argv, "+:C:E:hi:k:s:t:", table, nil)
            if got == -1 { break }
            guard let key = Key(rawValue: got) else {
                throw unsafe complaint(got, words(count, argv, from: at).first)
            }
            let value = unsafe optarg.map {
                unsafe OSString(bytes: UnsafeRawBufferPointer(start: $0, count: strlen($0)))
            }
            try options.apply(key, value ?? "", &pending)
            if options.errand == .help || options.errand == .version || options.errand == .sweep {
                return options
            }
        }
        if try unsafe options.isAboutSpools(words(count, argv, from: Int(optind))) { return options }
        try unsafe options.settle(pending, words: words(count, argv, from: Int(optind)))
        return options
    }

    private static func words(_ count: Int32, _ argv: Words, from first: Int) -> [OSString] {
        (min(first, Int(count))..<Int(count)).compactMap { index in
            unsafe argv[index].map { word in
                unsafe OSString(bytes: UnsafeRawBufferPointer(start: word, count: strlen(word)))
            }
        }
    }

    /// What getopt_long found wrong with the word it was at.
    private static func complaint(_ got: Int32, _ at: OSString?) -> Complaint {
        var word = at?.description ?? ""
        let short = optopt > 0 && optopt < 0x80 ? "-\(Unicode.Scalar(UInt8(optopt)))" : nil
        if got == 0x3A {
            let name = word.hasPrefix("--") ? word : short ?? word
            return Complaint("option '\(name)' needs a value; see drain-run --help")
        }
        if let key = Key(rawValue: optopt), !key.takesValue {
            return Complaint("option '--\(key.name)' takes no value")
        }
        if let short, !word.hasPrefix("--") { word = short }
        // By scalars: a "=" that a combining mark follows is one too.
        let name = word.unicodeScalars.split(separator: "=", maxSplits: 1).first.map { String($0) } ?? word
        let fitting = Key.allCases.filter { name.hasPrefix("--") && "--\($0.name)".hasPrefix(name) }
        if fitting.count > 1 {
            let names = fitting.map { "--\($0.name)" }.joined(separator: ", ")
            return Complaint("option '\(name)' could be any of \(names)")
        }
        return Complaint("there is no option '\(name)'; see drain-run --help, and put -- before the command")
    }

    private mutating func apply(_ key: Key, _ value: OSString, _ pending: inout Pending) throws(Complaint) {
        func bad(_ form: String) -> Complaint {
            Complaint("--\(key.name): '\(value)' is not allowed here; it takes \(form)")
        }
        func size() throws(Complaint) -> Int {
            guard let size = Values.size(value.description) else { throw bad(Values.sizeForm) }
            return size
        }
        func duration() throws(Complaint) -> Duration {
            guard let duration = Values.duration(value.description) else { throw bad(Values.durationForm) }
            return duration
        }
        func count() throws(Complaint) -> Int {
            guard let count = Values.count(value.description) else { throw bad("a whole number") }
            return count
        }
        func limit() throws(Complaint) -> Duration? {
            let limit = try duration()
            return limit == .zero ? nil : limit
        }
        func choice<T>(_ choices: KeyValuePairs<String, T>) throws(Complaint) -> T {
            for (name, choice) in choices where value.bytes.elementsEqual(name.utf8) { return choice }
            throw bad(choices.map(\.key).joined(separator: ", "))
        }
        switch key {
        case .maxOutput: pending.maxOutput = try size()
        case .maxStdout: pending.maxStdout = try size()
        case .maxStderr: pending.maxStderr = try size()
        case .spool:
            if value.bytes.isEmpty { throw bad("a directory") }
            pending.spool = value
        case .maxSpool: pending.maxSpool = try size()
        case .spoolSlow: pending.spoolSlow = try choice(["wait": .wait, "give-up": .giveUp])
        case .spoolFilter:
            if value.bytes.isEmpty { throw bad("a line for /bin/sh, as in 'gzip'") }
            pending.spoolFilter = value
        case .keep: limits.keep = try choice(["head": .head, "tail": .tail, "both": .both])
        case .cut: limits.cut = try choice(["byte": .byte, "character": .character, "line": .line])
        case .notice: limits.notice = true
        case .events:
            let types = value.bytes.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
            if types.contains(where: \.isEmpty) {
                throw bad("types with commas between them, none of them empty, as in result,item.completed")
            }
            pending.types += types.map { OSString(bytes: $0) }
        case .maxEvent: pending.maxEvent = try size()
        case .encode: encoding = try choice(["text": .text, "base64": .base64, "none": .none])
        case .live: live = true
        case .report:
            guard let destination = Destination(value) else { throw bad("a file, fd:N or -") }
            pending.report = destination
        case .timeout: timeouts.wall = try limit()
        case .idleTimeout: timeouts.idle = try limit()
        case .killAfter: timeouts.killAfter = try duration()
        case .drainGrace: timeouts.drainGrace = try duration()
        case .signal:
            guard let signal = Signal(value.description) else {
                throw bad("a signal's name or number, as in TERM, SIGTERM or 15")
            }
            timeouts.firstSignal = signal
        case .background: timeouts.background = try choice(["kill": .kill, "leave": .leave])
        case .killMethod:
            killMethod = try choice([
                "auto": nil, "cgroup": .cgroup, "supervisor": .supervisor, "sweep": .sweep, "group": .group,
            ])
        case .chdir: command.workingDirectory = value
        case .env:
            let parts = value.bytes.split(
                separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, !parts[0].isEmpty else { throw bad("NAME=VALUE") }
            command.environment = command.environment.setting(
                OSString(bytes: parts[0]), to: OSString(bytes: parts[1]))
        case .clearEnv: command.environment.inherits = false
        case .stdin: command.standardInput = value == "-" ? .inherited : .file(value)
        case .cpuTime: command.resources.cpuTime = try limit()
        case .memory: command.resources.memory = try size()
        case .fileSize: command.resources.fileSize = try size()
        case .openFiles: command.resources.openFiles = try count()
        case .processes: command.resources.processes = try count()
        case .progress: progress = true
        case .supervise: supervises = true
        case .register, .sweep:
            if value.bytes.isEmpty { throw bad("a directory") }
            registry = value
            if key == .sweep { errand = .sweep }
        case .spoolList, .spoolPrune:
            if value.bytes.isEmpty { throw bad("a directory") }
            spools.directory = value
            errand = key == .spoolList ? .listSpools : .pruneSpools
        case .spoolAge: spools.maxAge = try duration()
        case .spoolTotal: spools.maxBytes = try size()
        case .help: errand = .help
        case .version: errand = .version
        }
    }

    /// Whether nothing is to be run. An option that would do nothing then, or a prune that would remove nothing,
    /// is a mistake that is better told.
    private func isAboutSpools(_ words: [OSString]) throws(Complaint) -> Bool {
        let isBounded = spools.maxAge != nil || spools.maxBytes != nil
        if errand == .pruneSpools, !isBounded {
            throw Complaint("--spool-prune needs --spool-age DUR, --spool-total SIZE or both")
        }
        if errand != .pruneSpools, isBounded {
            throw Complaint("--spool-age and --spool-total are for --spool-prune DIR")
        }
        guard errand != .run else { return false }
        guard let word = words.first else { return true }
        throw Complaint(
            "'\(word)' is not run with \(errand == .listSpools ? "--spool-list" : "--spool-prune")")
    }

    private mutating func settle(_ pending: Pending, words: [OSString]) throws(Complaint) {
        guard !words.isEmpty else {
            throw Complaint("no command given; usage: drain-run [OPTION]... [--] COMMAND [ARG]...")
        }
        command.arguments = words
        let stated = pending.maxOutput
        let needed = stated == nil && (pending.maxStdout == nil || pending.maxStderr == nil)
        let cap = stated ?? (needed ? environmentCap() : Limits.defaultBytes)
        limits.stdoutBytes = pending.maxStdout ?? cap
        limits.stderrBytes = pending.maxStderr ?? cap
        if !pending.types.isEmpty {
            events = EventFilter(types: pending.types, maxBytes: pending.maxEvent ?? EventFilter.defaultBytes)
        }
        report = pending.report ?? (live ? nil : .standardOutput)
        spoolIsOptional = pending.spool == nil
        if let directory = pending.spool ?? environmentSpool() {
            spool = Spool(
                directory: directory, maxBytes: pending.maxSpool ?? Spool.defaultBytes,
                whenSlow: pending.spoolSlow,
                filter: pending.spoolFilter.map { Command(["/bin/sh", "-c", $0]) })
        }
    }

    private mutating func environmentSpool() -> OSString? {
        guard let text = unsafe getenv(Options.spoolVariable) else { return nil }
        let value = unsafe OSString(bytes: UnsafeRawBufferPointer(start: text, count: strlen(text)))
        if value.bytes.first == UInt8(ascii: "/") { return value }
        warnings.append(
            "\(Options.spoolVariable): '\(value)' is not allowed here; it takes a directory's absolute path;"
                + " nothing is spooled")
        return nil
    }

    static let spoolVariable = "DRAIN_SPOOL_DIR"

    private mutating func environmentCap() -> Int {
        let name = "DRAIN_MAX_OUTPUT_BYTES"
        guard let text = unsafe getenv(name) else { return Limits.defaultBytes }
        let value = unsafe String(cString: text)
        if let size = Values.size(value) { return size }
        warnings.append(
            "\(name): '\(value)' is not allowed here; it takes \(Values.sizeForm); using \(Limits.defaultBytes)"
        )
        return Limits.defaultBytes
    }
}
