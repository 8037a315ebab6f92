import Drain
import Glibc

@testable import drain_run

/// The words of a command line, NUL between them.
func fuzzOptions(_ feed: inout Feed) {
    let words = feed.rest.split(separator: 0, maxSplits: 40, omittingEmptySubsequences: false)
        .map { Array($0.prefix { $0 != 0 }) }
    unsetenv("DRAIN_MAX_OUTPUT_BYTES")
    unsetenv("DRAIN_SPOOL_DIR")
    let model = OptionModel(words)
    do throws(Complaint) {
        let options = try parse(words)
        require(model.complaint == nil, "\(model.shown): was taken, expected \(model.complaint ?? "")")
        model.check(options)
    } catch {
        guard let part = model.complaint else { finding("\(model.shown): \(error.message)") }
        // By bytes: a quote that a combining mark follows is no quote to a String.
        let message = error.message.utf8
        let isNamed = message.indices.contains { message[$0...].starts(with: part.utf8) }
        require(isNamed, "\(model.shown): '\(error.message)' is not about '\(part)'")
    }
}

private func parse(_ words: [[UInt8]]) throws(Complaint) -> Options {
    let storage = ([Array("drain-run".utf8)] + words).map { strdup(String.cString($0)) }
    defer { for word in storage { free(word) } }
    var argv = storage + [nil]
    return try Options.parse(Int32(storage.count), &argv)
}

extension String {
    fileprivate static func cString(_ bytes: [UInt8]) -> [CChar] {
        (bytes + [0]).map { CChar(bitPattern: $0) }
    }
}

/// A command line by the contract: slow, and without getopt_long.
struct OptionModel {
    private static let valued: [(name: String, letter: Character?)] = [
        ("chdir", "C"), ("env", "E"), ("stdin", "i"), ("kill-after", "k"), ("signal", "s"), ("timeout", "t"),
        ("max-output", nil), ("max-stdout", nil), ("max-stderr", nil), ("keep", nil), ("cut", nil),
        ("encode", nil), ("report", nil), ("idle-timeout", nil), ("drain-grace", nil), ("background", nil),
        ("kill-method", nil), ("cpu-time", nil), ("memory", nil), ("file-size", nil), ("open-files", nil),
        ("processes", nil), ("register", nil), ("sweep", nil), ("events", nil), ("max-event", nil),
        ("spool", nil), ("max-spool", nil), ("spool-slow", nil), ("spool-filter", nil),
    ]
    private static let flags = ["help", "notice", "live", "clear-env", "progress", "supervise", "version"]

    /// Part of the complaint that is due.
    private(set) var complaint: String?
    private var errand: String?
    private var values: [String: [UInt8]] = [:]
    private var variables: [[UInt8]] = []
    private var command: [[UInt8]] = []
    let shown: String

    init(_ words: [[UInt8]]) {
        shown = "\(words.map { String(decoding: $0, as: UTF8.self) })"
        var left = words[...]
        while complaint == nil, errand == nil, let word = left.first, word.count > 1, word[0] == 0x2D {
            left.removeFirst()
            if word == [0x2D, 0x2D] { break }
            if word[1] == 0x2D { long(word, &left) } else { short(word, &left) }
        }
        command = Array(left)
        if complaint == nil, errand == nil, command.isEmpty { complaint = "no command given" }
    }

    private mutating func long(_ word: [UInt8], _ left: inout ArraySlice<[UInt8]>) {
        let parts = word.dropFirst(2).split(separator: 0x3D, maxSplits: 1, omittingEmptySubsequences: false)
        let all = OptionModel.valued.map(\.name) + OptionModel.flags
        let exact = all.filter { Array($0.utf8) == Array(parts[0]) }
        let fitting = exact.isEmpty ? all.filter { $0.utf8.starts(with: parts[0]) } : exact
        guard fitting.count == 1 else {
            complaint = fitting.isEmpty ? "there is no option '--" : "could be any of --"
            return
        }
        let isFlag = OptionModel.flags.contains(fitting[0])
        switch (isFlag, parts.count == 2) {
        case (true, true): complaint = "'--\(fitting[0])' takes no value"
        case (true, false): set(fitting[0], [])
        case (false, true): set(fitting[0], Array(parts[1]))
        case (false, false): setNext(fitting[0], &left)
        }
    }

    private mutating func short(_ word: [UInt8], _ left: inout ArraySlice<[UInt8]>) {
        let letter = Character(Unicode.Scalar(word[1]))
        if letter == "h" { return set("help", []) }
        guard let key = OptionModel.valued.first(where: { $0.letter == letter }) else {
            complaint = "there is no option '-"
            return
        }
        if word.count > 2 { set(key.name, Array(word[2...])) } else { setNext(key.name, &left) }
    }

    private mutating func setNext(_ name: String, _ left: inout ArraySlice<[UInt8]>) {
        if let value = left.popFirst() { set(name, value) } else { complaint = "needs a value" }
    }

    private mutating func set(_ name: String, _ value: [UInt8]) {
        guard OptionModel.isGood(name, value) else {
            complaint =
                "--\(name): '\(String(decoding: value, as: UTF8.self))' is not allowed here; it takes "
            return
        }
        if ["help", "version", "sweep"].contains(name) { errand = name }
        if name == "env" { variables.append(value) }
        values[name] = value
    }

    private static let choices = [
        "keep": ["head", "tail", "both"], "cut": ["byte", "character", "line"],
        "spool-slow": ["wait", "give-up"], "encode": ["text", "base64", "none"],
        "background": ["kill", "leave"],
        "kill-method": ["auto", "cgroup", "supervisor", "sweep", "group"],
    ]

    private static func isGood(_ name: String, _ value: [UInt8]) -> Bool {
        switch name {
        case "max-output", "max-stdout", "max-stderr", "max-event", "max-spool", "memory", "file-size":
            ValueModel.size(value) != nil
        case "timeout", "idle-timeout", "kill-after", "drain-grace", "cpu-time":
            ValueModel.duration(value) != nil
        case "open-files", "processes": ValueModel.count(value) != nil
        case "signal": ValueModel.signal(value) != nil
        case "register", "sweep", "spool", "spool-filter": !value.isEmpty
        case "events":
            value.split(separator: 0x2C, omittingEmptySubsequences: false).allSatisfy { !$0.isEmpty }
        case "env": value.dropFirst().contains(0x3D) && value[0] != 0x3D
        case "report":
            value.starts(with: "fd:".utf8)
                ? ValueModel.count(Array(value.dropFirst(3))).map { $0 <= Int32.max } ?? false
                : !value.isEmpty
        default: choices[name]?.contains { Array($0.utf8) == value } ?? true
        }
    }

    // MARK: What must have come of it

    func check(_ options: Options) {
        func same<T: Equatable>(_ name: String, _ got: T, _ expected: T) {
            require(got == expected, "\(shown): \(name) is \(got), expected \(expected)")
        }
        same("errand", "\(options.errand)", errand ?? "run")
        same("registry", options.registry?.bytes, values[errand == "sweep" ? "sweep" : "register"])
        if errand != nil { return }
        same("command", options.command.arguments.map(\.bytes), command)
        checkLimits(options, same)
        checkTimeouts(options, same)
        same("live", options.live, values["live"] != nil)
        same("progress", options.progress, values["progress"] != nil)
        same("supervise", options.supervises, values["supervise"] != nil)
        same("encode", options.encoding.rawValue, text("encode") ?? "text")
        same("kill-method", options.killMethod?.rawValue ?? "auto", text("kill-method") ?? "auto")
        let noReport = values["live"] != nil && values["report"] == nil
        same("report", options.report?.name, noReport ? nil : destination)
        same("chdir", options.command.workingDirectory?.bytes, values["chdir"])
        let changes = options.command.environment.changes.map {
            $0.name.bytes + [0x3D] + ($0.value?.bytes ?? [])
        }
        same("env", changes, variables)
        same("clear-env", !options.command.environment.inherits, values["clear-env"] != nil)
        let input = values["stdin"] ?? [0x2D]
        same(
            "stdin", options.command.standardInput,
            input == [0x2D] ? .inherited : .file(OSString(bytes: input)))
        same("spool", options.spool?.directory.bytes, values["spool"])
        same("max-spool", options.spool?.maxBytes, values["spool"].map { _ in size("max-spool") ?? 1 << 30 })
        let filter = values["spool"] == nil ? nil : values["spool-filter"]
        same("spool-filter", options.spool?.filter?.arguments.last?.bytes, filter)
        same("warnings", options.warnings, [])
    }

    private func checkLimits(_ options: Options, _ same: (String, Int?, Int?) -> Void) {
        let cap = size("max-output") ?? 8_388_608
        same("max-stdout", options.limits.stdoutBytes, size("max-stdout") ?? cap)
        same("max-stderr", options.limits.stderrBytes, size("max-stderr") ?? cap)
        let events = values["events"].map { _ in size("max-event") ?? 67_108_864 }
        same("max-event", options.events?.maxBytes, events)
        same("memory", options.command.resources.memory, size("memory"))
        same("file-size", options.command.resources.fileSize, size("file-size"))
        same("open-files", options.command.resources.openFiles, size("open-files"))
        same("processes", options.command.resources.processes, size("processes"))
        let shape = "\(options.limits.keep) \(options.limits.cut) \(options.limits.notice)"
        require(
            shape == "\(text("keep") ?? "head") \(text("cut") ?? "character") \(values["notice"] != nil)",
            "\(shown): \(shape)")
    }

    private func checkTimeouts(_ options: Options, _ same: (String, Duration?, Duration?) -> Void) {
        same("timeout", options.timeouts.wall, limit("timeout"))
        same("idle-timeout", options.timeouts.idle, limit("idle-timeout"))
        same("cpu-time", options.command.resources.cpuTime, limit("cpu-time"))
        same("kill-after", options.timeouts.killAfter, duration("kill-after") ?? .seconds(5))
        same("drain-grace", options.timeouts.drainGrace, duration("drain-grace") ?? .milliseconds(500))
        let signal = values["signal"].flatMap { ValueModel.signal($0) } ?? 15
        require(options.timeouts.firstSignal.rawValue == signal, "\(shown): \(options.timeouts.firstSignal)")
        require(
            "\(options.timeouts.background)" == text("background") ?? "kill",
            "\(shown): \(options.timeouts.background)")
    }

    private func text(_ name: String) -> String? { values[name].map { String(decoding: $0, as: UTF8.self) } }
    private func size(_ name: String) -> Int? { values[name].flatMap { ValueModel.size($0) } }
    private func duration(_ name: String) -> Duration? { values[name].flatMap { ValueModel.duration($0) } }
    private func limit(_ name: String) -> Duration? { duration(name).flatMap { $0 == .zero ? nil : $0 } }

    private var destination: String {
        guard let value = values["report"], value != [0x2D] else { return "standard output" }
        if value.starts(with: "fd:".utf8) { return "fd:\(ValueModel.count(Array(value.dropFirst(3)))!)" }
        return "'\(String(decoding: value, as: UTF8.self))'"
    }
}
