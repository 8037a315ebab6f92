/// What a `Runner` is doing and has done, at one moment. −1 stands for what cannot be told.
///
/// Two of them show a leak: taken when nothing runs or waits, they differ in nothing but what only grows (see
/// `leaks(since:)`). At any moment `submitted` is the sum of `running`, `waiting`, `finished` and `refused`.
public struct Diagnostics: Sendable, Hashable {
    /// Runs that have their turn, those just being started included.
    public internal(set) var running = 0
    /// The most that this ever was.
    public internal(set) var runningHighWater = 0
    /// Runs that wait for their turn.
    public internal(set) var waiting = 0
    /// Runs that were ever asked for.
    public internal(set) var submitted = 0
    /// Commands that were started.
    public internal(set) var started = 0
    /// Reports that were given, by outcome.
    public internal(set) var finished: [Report.Outcome: Int] = [:]
    /// Runs that threw: busy, or the command could not be started.
    public internal(set) var refused = 0
    /// Bytes that the streams of all runs have carried, the present ones included.
    public internal(set) var bytesSeen = 0
    /// Of those of finished runs, the bytes that were kept.
    public internal(set) var bytesKept = 0
    /// Of those of finished runs, the bytes that were thrown away.
    public internal(set) var bytesDiscarded = 0
    /// Bytes of the budget that the present runs have taken: see `Runner.cost(of:)`.
    public internal(set) var memoryReserved = 0
    /// The most that this ever was.
    public internal(set) var memoryHighWater = 0
    public internal(set) var memoryBudget = 0
    /// Threads of Drain in this process, which all runners share. They stay once they were needed.
    public internal(set) var threads = 0
    /// Open descriptors of the whole process, whoever opened them; −1 before Linux 6.2 and without /proc.
    public internal(set) var descriptors = -1
    /// Since the longest present run had its turn; −1 when nothing runs.
    public internal(set) var oldestRunMilliseconds = -1
    /// Processes that reports have named as still running after the kill.
    public internal(set) var survivors = 0

    mutating func note(_ outcome: Job.Outcome) {
        guard case .success(let report) = outcome else {
            refused += 1
            return
        }
        finished[report.outcome, default: 0] += 1
        for capture in [report.stdout, report.stderr] {
            bytesKept += capture.keptCount
            bytesDiscarded += capture.truncatedCount
        }
        survivors += report.survivors.count
    }

    /// What there is more of than there was, though nothing should be left of the runs between: a line each,
    /// with names and numbers; empty when all is well. To be asked of two that were taken when nothing ran
    /// or waited, `earlier` after at least one run. Descriptors that the host has opened since count as well.
    public func leaks(since earlier: Diagnostics) -> [String] {
        var lines: [String] = []
        func compare(_ name: String, _ before: Int, _ after: Int) {
            if before >= 0, after > before { lines.append("\(name): \(before), then \(after)") }
        }
        compare("running", 0, running)
        compare("waiting", 0, waiting)
        compare("memory reserved", 0, memoryReserved)
        compare("descriptors", earlier.descriptors, descriptors)
        compare("survivors", earlier.survivors, survivors)
        let missing = submitted - running - waiting - refused - finished.values.reduce(0, +)
        if missing != 0 { lines.append("runs without a report: \(missing)") }
        let lost = bytesSeen - bytesKept - bytesDiscarded
        if lost != 0, running == 0 { lines.append("bytes neither kept nor discarded: \(lost)") }
        return lines
    }

    /// The keys and values, in order.
    func forEachField<E>(_ field: (String, Int) throws(E) -> Void) throws(E) {
        try field("running", running)
        try field("running_high_water", runningHighWater)
        try field("waiting", waiting)
        try field("submitted", submitted)
        try field("started", started)
        for outcome in Report.Outcome.allCases {
            try field("finished_" + outcome.rawValue, finished[outcome] ?? 0)
        }
        try field("refused", refused)
        try field("bytes_seen", bytesSeen)
        try field("bytes_kept", bytesKept)
        try field("bytes_discarded", bytesDiscarded)
        try field("memory_reserved_bytes", memoryReserved)
        try field("memory_high_water_bytes", memoryHighWater)
        try field("memory_budget_bytes", memoryBudget)
        try field("threads", threads)
        try field("descriptors", descriptors)
        try field("oldest_run_ms", oldestRunMilliseconds)
        try field("survivors", survivors)
    }
}

extension Diagnostics: Encodable {
    /// Writes it as one flat JSON object of numbers.
    public func write<Failure>(to writer: inout JSONWriter<Failure>) throws(Failure) {
        // Borrowed by no closure: a writer cannot be.
        var fields: [(String, Int)] = []
        forEachField { fields.append(($0, $1)) }
        try writer.beginObject()
        for (name, number) in fields {
            try writer.key(name)
            try writer.value(number)
        }
        try writer.endObject()
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try forEachField { (name, number) throws(any Error) in
            try container.encode(number, forKey: Key(stringValue: name))
        }
    }

    private struct Key: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }
        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }
}
