import Foundation

@testable import Drain

/// Reports of every kind that a run can have keep to docs/report.schema.json, and say what they were given.
func fuzzReport(_ feed: inout Feed) {
    let encoding = feed.pick(ContentEncoding.allCases)
    let report = feed.flag() ? feed.failure() : feed.report()
    let bytes = json(feed.pick([64, 1000])) { report.write(to: &$0, encoding: encoding) }
    let text = String(decoding: bytes, as: UTF8.self)
    guard case .object(let members) = Strict.parse(bytes) else { finding("no JSON object: \(text)") }
    let names = Set(members.map(\.name))
    require(names.count == members.count, "a key stands there twice: \(text)")
    guard let object = try? JSONSerialization.jsonObject(with: Data(bytes)) else {
        finding("Foundation cannot read \(text)")
    }
    let complaints = (try? schema.complaints(about: object)) ?? ["the schema cannot be applied"]
    require(complaints.isEmpty, "\(complaints): \(text)")

    func same(_ name: String, _ expected: Strict.Value) {
        let value = members.first { $0.name == Array(name.utf8) }?.value
        require(value == expected, "\(name) is \(value as Any), expected \(expected): \(text)")
    }
    same("command", .array(report.command.map { .string(Array($0.description.utf8)) }))
    same("survivors", .array(report.survivors.map { .number(Int($0)) }))
    for (name, stream) in [("stdout", report.stdout), ("stderr", report.stderr)] {
        same(name + "_bytes", .number(stream.totalCount))
        same(name + "_bytes_kept", .number(stream.keptCount))
        same(name + "_bytes_truncated", .number(stream.totalCount - stream.keptCount))
        if encoding == .text {
            same(name, .string(Array(String(decoding: stream.content, as: UTF8.self).utf8)))
        }
    }
}

nonisolated(unsafe) private let schema: Schema = {
    do { return try Schema(file: "docs/report.schema.json") } catch { finding("\(error)") }
}()

/// What the schema's checker throws.
struct Trouble: Error, CustomStringConvertible {
    let description: String
    init(_ what: String) { description = what }
}

extension Feed {
    fileprivate mutating func failure() -> Report {
        let kinds: [DrainError.Kind] = [
            .invalidCommand, .notFound, .notExecutable, .workingDirectory, .standardInput, .resourceLimit,
            .killMethod, .system,
        ]
        // A program that is not there has ENOENT; the other numbers are the system's.
        let kind = pick(kinds)
        let number = kind == .notFound ? 2 : Int32(word() % 4095 + 1)
        let error = DrainError(
            kind, String(decoding: string(), as: UTF8.self), Errno(rawValue: number))
        return Report(of: Command(words()), failedWith: error, startedAt: timestamp())
    }

    fileprivate mutating func report() -> Report {
        let termination: Report.Termination =
            flag() ? .exited(Int32(byte())) : .signaled(Int32(byte() % 64 + 1))
        let plain: Report.Outcome =
            if case .exited = termination { .exited } else { .signaled }
        let outcome = pick([plain, plain, .timedOut, .idleTimedOut, .cancelled, .failed])
        let problem = Report.Problem(
            DrainError(.system, String(decoding: string(), as: UTF8.self), Errno(rawValue: Int32(byte() + 1)))
        )
        let isHeld = flag()
        let isKilled = flag()
        return Report(
            command: words(), outcome: outcome, termination: flag() && outcome != plain ? nil : termination,
            error: outcome == .failed ? problem : nil, startedAt: timestamp(),
            duration: .nanoseconds(Int64(number() & .max)), stdout: capture(eof: !isHeld), stderr: capture(),
            events: nil, spools: flag() ? [spool(), spool()] : nil,
            usage: Report.Usage(
                user: .microseconds(Int64(word())), system: .nanoseconds(Int64(number() & .max)),
                maxResidentBytes: number() & .max, maxResidentFloor: number() & .max),
            killMethod: isKilled ? pick([.group, .sweep, .supervisor, .cgroup]) : nil,
            survivors: isKilled ? (0..<byte() % 4).map { _ in process() } : [],
            holders: isHeld ? (0..<byte() % 4).map { _ in holder() } : [])
    }

    private mutating func spool() -> SpoolReport {
        let problem = Report.Problem(DrainError(.spool, "x", Errno(rawValue: Int32(byte() + 1))))
        let paths = flag() ? [] : words().map { OSString(bytes: $0.bytes + [0x2F]) }
        return SpoolReport(
            files: SpoolFiles(paths: paths, offset: number() & .max, bytes: number() & .max),
            error: flag() ? problem : nil, filter: flag() ? OSString(bytes: string()) : nil)
    }

    private mutating func words() -> [OSString] {
        (0...byte() % 4).map { _ in OSString(bytes: string()) }
    }

    private mutating func process() -> Int32 { Int32(number() & 0x3F_FFFF) + 1 }

    private mutating func holder() -> Report.Holder {
        Report.Holder(pid: process(), command: String(decoding: string(), as: UTF8.self))
    }

    /// Years of four digits.
    private mutating func timestamp() -> Timestamp {
        Timestamp(millisecondsSinceEpoch: Int64((number() & .max) % 253_402_300_800_000))
    }
}
