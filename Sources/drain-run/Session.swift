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
        for warning in options.warnings { Output.complain(warning) }
        try options.report?.check(missing: missing)
        switch Supervisor.split(signals, leavesBackground: options.timeouts.background == .leave) {
        case .worker(let supervised): return try work(supervised)
        case .guardian(let status): return status
        case .bereft(let survivors):
            throw Complaint(
                survivors == 0
                    ? "killed while the command ran; its processes were ended"
                    : "killed while the command ran; \(survivors) of its processes could not be ended")
        }
    }

    private func work(_ supervised: Bool) throws(Complaint) -> Int32 {
        let live = options.live ? LiveOutput(stdout: 1, stderr: 2, options.limits) : nil
        let status = options.progress && isatty(2) == 1 ? StatusLine(live) : nil
        live?.willWrite = { status?.erase() }
        let report = try outcome(live, status, supervised)
        status?.erase()
        if let problem = report.error { Output.complain(problem.message) }
        try options.report?.write(report, options.encoding)
        try complainOfLosses(live)
        return ExitStatus.of(report, cancelledBy: signals.first)
    }

    private func outcome(_ live: LiveOutput?, _ status: StatusLine?, _ supervised: Bool) throws(Complaint)
        -> Report
    {
        let ticker = status.map { status in ProgressTicker(options.limits) { status.show($0) } }
        let startedAt = Timestamp.now()
        do throws(DrainError) {
            return try options.command.run(
                limits: options.limits, timeouts: options.timeouts, cancellation: signals.source,
                live: live, progress: ticker, supervised: supervised)
        } catch {
            switch error.kind {
            // What an option names is a wrong option; nothing was started, and there is no report.
            case .invalidCommand, .workingDirectory, .standardInput, .resourceLimit:
                throw Complaint(error.description)
            case .notFound, .notExecutable, .system:
                return Report(of: options.command, failedWith: error, startedAt: startedAt)
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
