import CDrain

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// A running command: the owner of what `drain_spawn` gave, and, with `Mapping`, the only type that
/// calls the core. Used by one thread at a time.
///
/// Whatever is left when it goes out of scope is ended: `drain_close`.
@safe struct Child: ~Copyable {
    let raw: OpaquePointer
    private let means: Means
    /// What the core lends for as long as the child is there.
    private let events: EventLog?
    private let spool: SpoolRun?

    /// - Parameters:
    ///   - means: to outlive the child.
    ///   - events: reads standard output along.
    ///   - spool: gets both streams as well.
    ///   - outputs: the command writes to these two descriptors, and nothing is read.
    ///   - sharesOutput: the command writes to the host's own standard output and error.
    ///   - leavesBackground: for a drain-run that supervises: what outlives the command is meant to.
    ///   - pipeSize: bytes that its pipes are made to hold; 0 for what the system gives.
    init(
        _ command: Command, _ limits: Limits, _ means: Means, events: EventLog? = nil,
        spool: SpoolRun? = nil, sharesOutput: Bool = false, outputs: [Int32]? = nil,
        leavesBackground: Bool = false, pipeSize: Int = 0
    ) throws(DrainError) {
        try command.check()
        let input = try InputDescriptor(command.standardInput)
        // A supervisor is not to be bound by what the command is bound by.
        let rlimits = means.supervisor == nil ? command.resources.rlimits : []
        let keep = (limits.retention(of: .stdout).storage, limits.retention(of: .stderr).storage)
        var directory = CStrings(command.workingDirectory.map { [$0] } ?? [])
        let program = input.isNamedPipe ? command.awaitingInput : command.arguments
        var arguments = CStrings(command.resources.supervised(program, by: means.supervisor))
        let variables = command.environment.variables()
        var environment = CStrings(variables ?? [])
        var child: OpaquePointer?
        var failure = drain_failure()
        let error = unsafe arguments.withPointers { argv in
            unsafe environment.withPointers { envp in
                unsafe directory.withPointers { path in
                    unsafe withPointers(rlimits, outputs) { limits, outputs in
                        var spec = unsafe drain_spec(
                            argv: argv, envp: variables == nil ? nil : envp, directory: path[0],
                            input: input.descriptor, rlimits: limits.baseAddress,
                            rlimit_count: limits.count, keep: keep, pipe_size: pipeSize,
                            shares_output: sharesOutput, outputs: outputs, remote: means.supervisor != nil,
                            leaves_background: leavesBackground, events: events?.raw,
                            spools: (spool?.raw(.stdout), spool?.raw(.stderr)), means: means.raw)
                        let error = unsafe drain_spawn(&spec, &child, &failure)
                        guard error != 0, failure.stage == DRAIN_STAGE_CGROUP, means.forgoCgroup() else {
                            return error
                        }
                        unsafe spec.means = means.raw
                        return unsafe drain_spawn(&spec, &child, &failure)
                    }
                }
            }
        }
        guard error == 0, let child = unsafe child else { throw DrainError(failure, command, means) }
        unsafe raw = child
        self.means = means
        self.events = events
        self.spool = spool
    }

    deinit {
        unsafe drain_close(raw)
    }

    var pid: Int32 { unsafe drain_pid(raw) }

    /// Readable when it has ended; the child's own.
    var pidfd: Int32 { unsafe drain_pidfd(raw) }

    func pump(_ watches: inout [drain_watch], until: Instant) throws(DrainError) -> drain_round {
        var round = drain_round()
        let error = unsafe watches.withUnsafeMutableBufferPointer {
            unsafe drain_pump(raw, $0.baseAddress, $0.count, until, &round)
        }
        if error != 0 { throw DrainError(.system, "ppoll", Errno(rawValue: error)) }
        return round
    }

    /// What is known without looking.
    func known() -> drain_round { unsafe drain_known(raw) }

    func join(_ set: borrowing ChildSet, as token: Int) throws(DrainError) {
        let error = unsafe drain_set_add(set.raw, raw, UInt64(token))
        if error != 0 { throw DrainError(.system, "epoll_ctl", Errno(rawValue: error)) }
        unsafe drain_census_use(raw, set.census)
    }

    /// Before it is reaped.
    func leave(_ set: borrowing ChildSet) { unsafe drain_set_remove(set.raw, raw) }

    /// The stream as it is now; its addresses are good until the next call of any kind.
    func look(_ stream: Stream) -> drain_buffer { unsafe drain_look(raw, Int32(stream.rawValue)) }

    func hold(_ stream: Stream, from offset: UInt64) {
        unsafe drain_hold(raw, Int32(stream.rawValue), offset)
    }

    /// A spool that has no room is not waited for any more.
    func hurry() { unsafe drain_hurry(raw) }

    /// Ends the reading of a stream and moves its memory out.
    func takeCaptures(_ limits: Limits) -> (Capture, Capture) {
        let stdout = unsafe drain_take(raw, DRAIN_STDOUT)
        let stderr = unsafe drain_take(raw, DRAIN_STDERR)
        return unsafe (
            Capture(stdout, limits.retention(of: .stdout)), Capture(stderr, limits.retention(of: .stderr))
        )
    }

    /// False where nobody could be signalled.
    @discardableResult
    func signal(_ signal: Signal) -> Bool { unsafe drain_signal(raw, signal.rawValue) == 0 }

    func hasOthers() -> Bool { unsafe drain_others(raw, nil, 0) > 0 }

    func others() -> [Int32] {
        var pids = [pid_t](repeating: 0, count: 256)
        let count = unsafe pids.withUnsafeMutableBufferPointer { room in
            unsafe drain_others(raw, room.baseAddress, room.count)
        }
        return Array(pids.prefix(count))
    }

    func residentBytes() -> Int { Int(clamping: unsafe drain_resident(raw)) }

    func holders() -> [Report.Holder] {
        var holders = [drain_holder](repeating: drain_holder(), count: 64)
        let count = unsafe holders.withUnsafeMutableBufferPointer { room in
            unsafe drain_holders(raw, room.baseAddress!, room.count)
        }
        return holders.prefix(count).map { holder in
            let text = unsafe withUnsafeBytes(of: holder.command) { bytes in
                unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            return Report.Holder(pid: holder.pid, command: text)
        }
    }

    /// What a drain-run that supervised told at the end: who lives on, and whether anybody was killed.
    func survivors() -> (pids: [Int32], killed: Bool) {
        var pids = [pid_t](repeating: 0, count: Int(DRAIN_CONTROL_PIDS))
        var killed = false
        let count = unsafe pids.withUnsafeMutableBufferPointer { room in
            unsafe drain_survivors(raw, room.baseAddress!, room.count, &killed)
        }
        return (Array(pids.prefix(count)), killed)
    }

    func giveUp() { unsafe drain_give_up(raw) }

    /// For a supervisor, when a child of its has ended.
    func reapOrphans() { unsafe drain_reap_orphans(raw) }

    /// As the core has it: 0 or an errno value.
    func reap(_ status: inout drain_status) -> Int32 { unsafe drain_reap(raw, &status) }

    /// Nil while it runs, or when somebody else has reaped it.
    func reap() -> (Report.Termination, Report.Usage)? {
        var status = drain_status()
        guard reap(&status) == 0 else { return nil }
        let usage = Report.Usage(
            user: .nanoseconds(status.user_ns), system: .nanoseconds(status.system_ns),
            maxResidentBytes: Int(clamping: status.max_rss),
            maxResidentFloor: Int(clamping: status.max_rss_floor))
        return (status.signal != 0 ? .signaled(status.signal) : .exited(status.code), usage)
    }
}

/// NULL for no outputs.
private func withPointers<R>(
    _ limits: [drain_rlimit], _ outputs: [Int32]?,
    _ body: (UnsafeBufferPointer<drain_rlimit>, UnsafePointer<Int32>?) -> R
) -> R {
    unsafe limits.withUnsafeBufferPointer { limits in
        guard let outputs else { return unsafe body(limits, nil) }
        return unsafe outputs.withUnsafeBufferPointer { unsafe body(limits, $0.baseAddress) }
    }
}

/// A command's standard input, open for the length of a spawn.
private struct InputDescriptor: ~Copyable {
    /// -1 for /dev/null and DRAIN_INPUT_PIPE for a pipe, which the core opens.
    let descriptor: Int32
    /// It has a name and no more: what it names is to be opened by the command's own process.
    let isNamedPipe: Bool
    private let owned: Bool

    init(_ input: Input) throws(DrainError) {
        var isPipe = false
        switch input {
        case .null:
            (descriptor, owned) = (-1, false)
        case .pipe:
            (descriptor, owned) = (DRAIN_INPUT_PIPE, false)
        case .inherited:
            (descriptor, owned) = (fcntl(0, F_GETFD) < 0 ? -1 : 0, false)
        case .descriptor(let number):
            guard fcntl(number, F_GETFD) >= 0 else {
                throw DrainError(.standardInput, "descriptor \(number)", .current)
            }
            (descriptor, owned) = (number, false)
        case .file(let path):
            var opened: Int32 = -1
            var name = CStrings([path])
            let error = unsafe name.withPointers { unsafe drain_input_open($0[0]!, &opened, &isPipe) }
            guard error == 0 else {
                throw DrainError(.standardInput, path.description, Errno(rawValue: error))
            }
            (descriptor, owned) = (opened, true)
        case .bytes(let bytes):
            (descriptor, owned) = (try memoryFile(bytes), true)
        }
        isNamedPipe = isPipe
    }

    deinit {
        if owned { close(descriptor) }
    }
}

private func memoryFile(_ bytes: [UInt8]) throws(DrainError) -> Int32 {
    let file = unsafe bytes.withUnsafeBytes { unsafe drain_memory_file($0.baseAddress, $0.count) }
    guard file >= 0 else { throw DrainError(.system, "memfd_create", Errno(rawValue: -file)) }
    return file
}

extension Command {
    /// Refuses what cannot be said to execve(2).
    fileprivate func check() throws(DrainError) {
        func refuse(_ why: String) -> DrainError { DrainError(.invalidCommand, why, .invalid) }
        guard !arguments.isEmpty else { throw refuse("it names no program") }
        var strings = arguments + environment.changes.flatMap { [$0.name] + ($0.value.map { [$0] } ?? []) }
        if let workingDirectory { strings.append(workingDirectory) }
        if case .file(let path) = standardInput { strings.append(path) }
        for string in strings where string.holdsNUL { throw refuse("'\(string)' holds a NUL byte") }
        for change in environment.changes
        where change.name.bytes.isEmpty || change.name.bytes.contains(UInt8(ascii: "=")) {
            throw refuse("'\(change.name)' cannot be the name of a variable")
        }
    }
}

extension Command {
    /// A shell that opens the named pipe which it has for its standard input, and so waits until somebody
    /// writes to it, and then becomes the program.
    fileprivate var awaitingInput: [OSString] {
        ["/bin/sh", "-c", #"exec "$@" </proc/self/fd/0"#, "sh"] + arguments
    }
}

extension ResourceLimits {
    /// A program and its arguments, or what makes a drain-run supervise it and set these limits there.
    fileprivate func supervised(_ program: [OSString], by supervisor: OSString?) -> [OSString] {
        guard let supervisor else { return program }
        var words: [OSString] = [supervisor, "--supervise"]
        if let time = cpuTime { words += ["--cpu-time", OSString("\(time.wholeSeconds)")] }
        func add(_ option: OSString, _ value: Int?) {
            if let value { words += [option, OSString("\(max(0, value))")] }
        }
        add("--memory", memory)
        add("--file-size", fileSize)
        add("--open-files", openFiles)
        add("--processes", processes)
        return words + ["--"] + program
    }
}

extension Environment {
    /// NAME=VALUE for the command; nil for the host's environment unchanged.
    fileprivate func variables() -> [OSString]? {
        if inherits, changes.isEmpty { return nil }
        var values: [(name: OSString, value: OSString?)] = []
        for change in changes {
            values.removeAll { $0.name == change.name }
            values.append((change.name, change.value))
        }
        let changed = Set(values.map(\.name))
        let equals = UInt8(ascii: "=")
        let kept = inherits ? hostVariables() : []
        return kept.filter { !changed.contains(OSString(bytes: $0.bytes.prefix { $0 != equals })) }
            + values.compactMap { name, value in
                value.map { OSString(bytes: name.bytes + [equals] + $0.bytes) }
            }
    }

    /// As with getenv(3), another thread must not change the environment meanwhile.
    private func hostVariables() -> [OSString] {
        var result: [OSString] = []
        guard var next = unsafe drain_environment() else { return [] }
        while let entry = unsafe next.pointee {
            unsafe result.append(
                OSString(bytes: unsafe UnsafeRawBufferPointer(start: entry, count: strlen(entry))))
            unsafe next += 1
        }
        return result
    }
}

extension Duration {
    /// Rounded up, since zero is no limit.
    fileprivate var wholeSeconds: Int64 {
        nanoseconds / 1_000_000_000 + (nanoseconds % 1_000_000_000 > 0 ? 1 : 0)
    }
}

extension ResourceLimits {
    fileprivate var rlimits: [drain_rlimit] {
        var result: [drain_rlimit] = []
        func add(_ resource: Int32, _ value: Int?) {
            guard let value else { return }
            let limit = UInt64(max(0, value))
            result.append(drain_rlimit(resource: resource, soft: limit, hard: limit))
        }
        if let cpuTime, cpuTime.nanoseconds > 0 {
            // Above the soft limit, or SIGKILL would come in the place of SIGXCPU.
            let limit = UInt64(cpuTime.wholeSeconds)
            result.append(drain_rlimit(resource: DRAIN_LIMIT_CPU, soft: limit, hard: limit + 1))
        }
        add(DRAIN_LIMIT_MEMORY, memory)
        add(DRAIN_LIMIT_FILE_SIZE, fileSize)
        add(DRAIN_LIMIT_OPEN_FILES, openFiles)
        add(DRAIN_LIMIT_PROCESSES, processes)
        return result
    }

    fileprivate static func name(_ index: Int, of limits: [drain_rlimit]) -> String {
        guard limits.indices.contains(index) else { return "resources" }
        let limit = limits[index]
        let names = [
            DRAIN_LIMIT_CPU: "processor time", DRAIN_LIMIT_MEMORY: "memory",
            DRAIN_LIMIT_FILE_SIZE: "file size", DRAIN_LIMIT_OPEN_FILES: "open files",
            DRAIN_LIMIT_PROCESSES: "processes",
        ]
        return "\(names[limit.resource] ?? "resources") (\(limit.soft))"
    }
}

extension DrainError {
    fileprivate init(_ failure: drain_failure, _ command: Command, _ means: Means) {
        let errno = Errno(rawValue: failure.error)
        let program = command.arguments[0].description
        switch failure.stage {
        case DRAIN_STAGE_EXEC:
            self.init(errno == .notFound ? .notFound : .notExecutable, program, errno)
        case DRAIN_STAGE_DIRECTORY:
            self.init(.workingDirectory, command.workingDirectory?.description ?? "", errno)
        case DRAIN_STAGE_INPUT:
            self.init(.standardInput, "/dev/null", errno)
        case DRAIN_STAGE_RLIMIT:
            let limits = command.resources.rlimits
            self.init(.resourceLimit, ResourceLimits.name(failure.detail, of: limits), errno)
        case DRAIN_STAGE_MEMORY: self.init(.system, "mmap of the buffers", errno)
        case DRAIN_STAGE_SUPERVISOR:
            self.init(.killMethod, "supervisor '\(means.supervisor?.description ?? "")'", errno)
        case DRAIN_STAGE_CGROUP: self.init(.killMethod, "cgroup", errno)
        case DRAIN_STAGE_PIPE: self.init(.system, "pipe2", errno)
        case DRAIN_STAGE_DESCRIPTOR: self.init(.system, "dup2", errno)
        default: self.init(.system, "clone", errno)
        }
        origin = Origin(stage: failure.stage.rawValue, detail: failure.detail)
    }
}
