/// The report as its keys and values, in order: the one place that says what stands in it.
enum ReportField {
    case null
    case bool(Bool)
    case number(Int)
    case string(String)
    case strings([OSString])
    case numbers([Int])
    case content(Capture)
    case problem(Report.Problem)
    case holders([Report.Holder])
    case events(Events)
    case spool(SpoolReport)

    init(_ number: Int?) { self = number.map { .number($0) } ?? .null }
}

extension Report {
    /// The version of the report's form.
    public static let schema = 1

    func forEachField<E>(_ field: (String, ReportField) throws(E) -> Void) throws(E) {
        try field("schema", .number(Report.schema))
        try field("command", .strings(command))
        try field("outcome", .string(outcome.rawValue))
        try field("exit_code", ReportField(exitCode))
        try field("signal", ReportField(signal))
        try field("timed_out", .bool(timedOut))
        try field("error", error.map { .problem($0) } ?? .null)
        try field("started_at", .string(startedAt.description))
        try field("duration_ms", .number(duration.milliseconds))
        for stream in Stream.allCases { try forEachField(of: stream, field) }
        try field("events", events.map { .events($0) } ?? .null)
        try field("event_lines", ReportField(events?.lineCount))
        try field("event_lines_dropped", ReportField(events?.droppedCount))
        try field("event_lines_invalid", ReportField(events?.invalidCount))
        try field("user_ms", .number(usage.user.milliseconds))
        try field("system_ms", .number(usage.system.milliseconds))
        try field("max_rss_bytes", .number(usage.maxResidentBytes))
        try field("max_rss_floor_bytes", .number(usage.maxResidentFloor))
        try field("kill_method", killMethod.map { .string($0.rawValue) } ?? .null)
        try field("survivors", .numbers(survivors.map { Int($0) }))
        try field("holders", .holders(holders))
    }

    private func forEachField<E>(
        of stream: Stream, _ field: (String, ReportField) throws(E) -> Void
    ) throws(E) {
        let capture = self[stream]
        let name = stream == .stdout ? "stdout" : "stderr"
        try field(name, .content(capture))
        try field(name + "_bytes", .number(capture.totalCount))
        try field(name + "_bytes_kept", .number(capture.keptCount))
        try field(name + "_bytes_truncated", .number(capture.truncatedCount))
        try field(name + "_truncated", .bool(capture.isTruncated))
        try field(name + "_valid_utf8", .bool(capture.isValidUTF8))
        try field(name + "_eof", .bool(capture.reachedEnd))
        try field(name + "_spool", spools.map { .spool($0[stream.rawValue]) } ?? .null)
    }
}

extension Duration {
    /// Whole milliseconds, rounded down.
    var milliseconds: Int { Int(nanoseconds / 1_000_000) }
}
