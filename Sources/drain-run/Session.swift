import Drain

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// One run of drain-run, from its options to its exit status.
struct Session {
    private let options: Options
    private let signals: SignalDescriptor

    /// Of 0, 1 and 2, those that were closed when we were started.
    private let missing: Set<Int32>

    init(_ options: Options, missing: Set<Int32>) throws(Complaint) {
        self.options = options
        self.missing = missing
        // A write to a reader that has gone is an error to us, not our end.
        _ = signal(SIGPIPE, SIG_IGN)
        // Ignored by whoever started us, it would have the kernel reap the command, status and all.
        _ = signal(SIGCHLD, SIG_DFL)
        // nohup(1) ignores SIGHUP for us, and means it. A shell that runs us in the background
        // ignores SIGINT and SIGQUIT as well, but only for the terminal's sake.
        var ending: [Signal] = [.interrupt, .terminate, .quit]
        if !Signal.hangup.isIgnored { ending.append(.hangup) }
        do throws(DrainError) { signals = try SignalDescriptor(ending) } catch {
            throw Complaint(error.description)
        }
    }

    func run() throws(Complaint) -> Int32 {
        if options.supervises { return try supervise() }
        for warning in options.warnings { Output.complain(warning) }
        try options.report?.check(missing: missing)
        switch try split(leavesBackground: options.timeouts.background == .leave) {
        case .worker(let means):
            // Only a spool has a thread beside ours.
            if options.spool == nil { return try work(means) }
            return try onThreadOfItsOwn { () -> Result<Int32, Complaint> in
                do throws(Complaint) { return .success(try work(means)) } catch { return .failure(error) }
            }.get()
        case .guardian(let status): return status
        case .bereft(0): throw Complaint("killed while the command ran; its processes were ended")
        case .bereft(nil): throw Complaint("killed while the command ran; its processes may live on")
        case .bereft(let survivors?):
            throw Complaint("killed while the command ran; \(survivors) of its processes could not be ended")
        }
    }

    /// The library's own use of us. What goes wrong is told over the socket; standard error is the command's.
    private func supervise() throws(Complaint) -> Int32 {
        guard Supervision.isAsked else {
            throw Complaint("--supervise is for the library: descriptor 3 is to be a socket of its own")
        }
        // Whether something is left is decided when the host has said so: the guardian ends nothing
        // that the worker let go.
        switch try split(leavesBackground: true, serves: true) {
        case .worker(let means):
            Supervision.serve(options.command, means, signals)
            return 0
        case .guardian(let status): return status
        case .bereft: return ExitStatus.failed
        }
    }

    private func split(leavesBackground: Bool, serves: Bool = false) throws(Complaint) -> Supervisor.Role {
        do throws(DrainError) {
            return try Supervisor.split(
                signals, serves ? .supervisor : options.killMethod, leavesBackground: leavesBackground,
                serves: serves)
        } catch {
            throw Complaint("--kill-method: \(error.description)")
        }
    }

    private func work(_ means: Means) throws(Complaint) -> Int32 {
        let live = options.live ? LiveOutput(stdout: 1, stderr: 2, options.limits) : nil
        let status = options.progress && isatty(2) == 1 ? StatusLine(live) : nil
        live?.willWrite = { status?.erase() }
        let report = try outcome(live, status, means)
        status?.erase()
        if let problem = report.error { Output.complain(problem.message) }
        try options.report?.write(report, options.encoding)
        try complainOfLosses(live)
        return ExitStatus.of(report, cancelledBy: signals.first)
    }

    private func outcome(_ live: LiveOutput?, _ status: StatusLine?, _ means: Means) throws(Complaint)
        -> Report
    {
        let ticker = status.map { status in ProgressTicker(options.limits) { status.show($0) } }
        let startedAt = Timestamp.now()
        func run(_ spool: Spool?) throws(DrainError) -> Report {
            try options.command.run(
                limits: options.limits, timeouts: options.timeouts, cancellation: signals.source,
                live: live, progress: ticker, means: means,
                registry: try options.registry.map { path throws(DrainError) in try RunRegistry(path) },
                events: options.events, spool: spool)
        }
        do throws(DrainError) {
            do throws(DrainError) { return try run(options.spool) } catch {
                guard error.kind == .spool, options.spoolIsOptional else { throw error }
                Output.complain("\(Options.spoolVariable): \(error.description); nothing is spooled")
                return try run(nil)
            }
        } catch {
            switch error.kind {
            case .spool: throw Complaint("--spool: \(error.description)")
            // What an option names is a wrong option; nothing was started, and there is no report.
            case .invalidCommand, .workingDirectory, .standardInput, .resourceLimit, .killMethod, .registry:
                throw Complaint(error.description)
            case .notFound, .notExecutable, .system, .busy, .memoryBudget:
                return Report(
                    of: options.command, failedWith: error, startedAt: startedAt,
                    events: options.events == nil ? nil : Events())
            }
        }
    }

    private func complainOfLosses(_ live: LiveOutput?) throws(Complaint) {
        for (stream, error) in live?.failures ?? [] {
            let name = stream == .stdout ? "standard output" : "standard error"
            throw Complaint("cannot pass on the command's \(name): \(error.message)")
        }
    }
}
