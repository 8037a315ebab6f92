import CDrain

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// The spool of one run: two lanes, one for each stream, and the file beside them that says what they are.
///
/// Made by the thread that starts the command; `begin` hands the lanes to a `SpoolDisk`, and `settle` takes what
/// came of them.
final class SpoolRun: Sendable {
    let name: String
    private let directory: SpoolDirectory
    private let lanes: [SpoolLane]
    private let filter: OSString?
    private let sidecar: SpoolSidecar
    /// By which a `SpoolStore` knows that it is being written.
    private let lock = FileLock()
    private let disk: SpoolDisk
    private let state = Locked(State())

    private struct State {
        var unfinished = 0
        /// When all is on disk that will be.
        var results: [SpoolReport]?
        var notify: (@Sendable () -> Void)?
    }

    /// - Parameter notify: called by the disk's thread when all is on disk.
    init(
        _ spool: Spool, _ command: Command, _ keep: Limits.Keep, pipeSize: Int = 0,
        notify: @escaping @Sendable () -> Void
    ) throws(DrainError) {
        let startedAt = Timestamp.now()
        directory = try SpoolDirectory(spool.directory)
        name = SpoolRun.name(startedAt)
        let plan = SpoolLane.Plan(spool, run: name, keep, pipeSize: pipeSize)
        let first = try SpoolLane(plan, .stdout, in: directory)
        do throws(DrainError) { lanes = [first, try SpoolLane(plan, .stderr, in: directory)] } catch {
            first.cancel()
            throw error
        }
        filter = spool.filter.map { SpoolFilter.line($0) }
        disk = try SpoolDisk.of(directory.device)
        sidecar = SpoolSidecar(
            name: name, startedAt: startedAt, command: command.arguments, maxBytes: max(0, spool.maxBytes),
            keep: keep, filter: filter)
        if let error = sidecar.write(directory, nil, lock: lock) {
            for lane in lanes { lane.cancel() }
            throw DrainError(.spool, spool.directory.description, error)
        }
        state.withLock { $0.notify = notify }
    }

    /// `drain-20260131T235959123Z-4711-0123abcd`.
    private static func name(_ time: Timestamp) -> String {
        let digits = time.description.filter { $0 != "-" && $0 != ":" && $0 != "." }
        let chance = String(UInt32.random(in: 0 ... .max), radix: 16)
        let padding = String(repeating: "0", count: 8 - chance.utf8.count)
        return "drain-\(digits)-\(getpid())-\(padding)\(chance)"
    }

    /// For the core, while `self` lives.
    func raw(_ stream: Stream) -> OpaquePointer { unsafe lanes[stream.rawValue].raw }

    /// The command was started.
    func begin() {
        state.withLock { $0.unfinished = lanes.count }
        disk.add(lanes, of: self)
    }

    /// The command was not started.
    func cancel() {
        for lane in lanes { lane.cancel() }
        sidecar.remove(directory)
    }

    /// Processes that are none of the command's.
    var helpers: [Int32] { lanes.compactMap { $0.filter?.pid } }

    /// The run is over: what still filters is ended, before everything is that is left.
    func endFilters() {
        guard filter != nil, !isFlushed else { return }
        for lane in lanes { _ = lane.filter?.collect(killing: true) }
        disk.wake()
    }

    /// Both streams have ended.
    func end() { disk.wake() }

    /// Whether all is on disk that will be.
    var isFlushed: Bool { state.withLock { $0.results != nil } }

    /// What is on disk. What is not there by now will not be.
    func settle() -> [SpoolReport] {
        // Without a look at a disk that may not answer.
        state.withLock { $0.results } ?? lanes.map { report($0, isInPlace: true) }
    }

    private func report(_ lane: SpoolLane, isInPlace: Bool) -> SpoolReport {
        let result = lane.settle()
        let state = result.state
        var parts = SpoolParts(isInPlace ? state : drain_spool_state())
        if filter != nil, isInPlace, state.count > 0, result.isWhole, result.problem == nil {
            parts = SpoolParts(offsets: [0], offset: 0, bytes: Int(clamping: state.passed))
        }
        var problem: Report.Problem?
        if !isInPlace {
            problem = .spool("the directory of the spool is gone", .notFound)
        } else if state.missing {
            problem = .spool("parts of the spool were removed", .notFound)
        } else if state.slow {
            problem = .spool("the disk was too slow for the spool", Errno(rawValue: state.error))
        } else if let filtering = result.problem {
            problem = isInPlace && state.count > 0 ? locate(filtering, lane) : filtering
        } else if state.error != 0 {
            let errno = Errno(rawValue: state.error)
            problem = .spool("the spool could not be written: \(errno.message)", errno)
        } else if !result.isWhole {
            problem = .spool("the disk did not take the rest of the spool in time", .timedOut)
        }
        let paths = parts.offsets.map { directory.path(of: lane.partName($0)) }
        return SpoolReport(
            files: SpoolFiles(paths: paths, offset: parts.offset, bytes: parts.bytes), error: problem,
            filter: filter)
    }

    /// A filter's problem, and where to find what it left: nobody can tell how much of the stream that is.
    private func locate(_ problem: Report.Problem, _ lane: SpoolLane) -> Report.Problem {
        let path = directory.path(of: lane.partName(0))
        return .spool("\(problem.message); what it wrote, if anything, is in \(path)", problem.errno)
    }

    // MARK: On the disk's thread

    func laneIsDone() {
        let isLast = state.withLock { state in
            state.unfinished -= 1
            return state.unfinished == 0
        }
        guard isLast else { return }
        let isInPlace = directory.isInPlace
        let results = lanes.map { report($0, isInPlace: isInPlace) }
        _ = sidecar.write(directory, results)
        let notify = state.withLock { state in
            state.results = results
            defer { state.notify = nil }
            return state.notify
        }
        notify?()
    }
}

extension Report.Problem {
    fileprivate static func spool(_ message: String, _ errno: Errno) -> Report.Problem {
        Report.Problem(message: message, errno: errno)
    }
}

/// The parts of a state as Swift likes them.
struct SpoolParts {
    let offsets: [Int]
    let offset: Int
    let bytes: Int

    init(offsets: [Int], offset: Int, bytes: Int) {
        (self.offsets, self.offset, self.bytes) = (offsets, offset, bytes)
    }

    init(_ state: drain_spool_state) {
        var offsets: [Int] = []
        var bytes = 0
        unsafe withUnsafeBytes(of: state.parts) { raw in
            let parts = unsafe raw.bindMemory(to: drain_spool_part.self)
            for index in 0..<state.count where unsafe parts[index].bytes > 0 {
                unsafe offsets.append(Int(clamping: parts[index].offset))
                unsafe bytes += Int(clamping: parts[index].bytes)
            }
        }
        self.offsets = offsets
        self.bytes = bytes
        offset = offsets.first ?? 0
    }
}
