extension Report {
    /// Writes the report as one JSON object: docs/report.schema.json says its form. Adds no more to
    /// memory than the writer's buffer.
    public func write<Failure>(
        to writer: inout JSONWriter<Failure>, encoding: ContentEncoding = .text
    ) throws(Failure) {
        try writer.write(self, encoding)
    }

    /// The report as JSON. A copy: `write(to:encoding:)` is for what is large.
    public func json(encoding: ContentEncoding = .text) -> String {
        var bytes: [UInt8] = []
        var writer = JSONWriter<Never> { span in
            unsafe span.withUnsafeBytes { unsafe bytes.append(contentsOf: $0) }
        }
        write(to: &writer, encoding: encoding)
        writer.flush()
        return String(decoding: bytes, as: UTF8.self)
    }
}

extension JSONCore {
    mutating func report(_ report: Report, _ encoding: ContentEncoding) {
        open("{")
        report.forEachField { name, field in
            key(name)
            value(field, encoding)
        }
        close("}")
    }

    private mutating func value(_ field: ReportField, _ encoding: ContentEncoding) {
        switch field {
        case .null: word("null")
        case .bool(let bool): word(bool ? "true" : "false")
        case .number(let value): number(value)
        case .string(let value): string(value)
        case .content(let capture): content(capture, encoding)
        case .strings(let values): strings(values)
        case .numbers(let numbers):
            open("[")
            for value in numbers { number(value) }
            close("]")
        case .problem(let value): problem(value)
        case .holders(let holders):
            open("[")
            for holder in holders {
                open("{")
                key("pid")
                number(Int(holder.pid))
                key("command")
                string(holder.command)
                close("}")
            }
            close("]")
        case .events(let events):
            open("[")
            for event in events { unsafe json(event.bytes) }
            close("]")
        case .spool(let value): spool(value)
        }
    }

    private mutating func strings(_ strings: [OSString]) {
        open("[")
        for value in strings { string(value) }
        close("]")
    }

    private mutating func problem(_ problem: Report.Problem) {
        open("{")
        key("message")
        string(problem.message)
        key("errno")
        string(problem.errno.name)
        close("}")
    }

    mutating func spool(_ spool: SpoolReport) {
        open("{")
        key("paths")
        strings(spool.files.paths)
        key("offset")
        number(spool.files.offset)
        key("bytes")
        number(spool.files.bytes)
        key("error")
        if let error = spool.error { problem(error) } else { word("null") }
        key("filter")
        if let filter = spool.filter { string(filter) } else { word("null") }
        close("}")
    }
}

/// The same keys and values for a host's own encoder; kept bytes as text.
extension Report: Encodable {
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: ReportKey.self)
        try forEachField { (name, field) throws(any Error) in
            let key = ReportKey(stringValue: name)
            switch field {
            case .null: try container.encodeNil(forKey: key)
            case .bool(let bool): try container.encode(bool, forKey: key)
            case .number(let number): try container.encode(number, forKey: key)
            case .string(let string): try container.encode(string, forKey: key)
            case .content(let capture): try container.encode(capture.text, forKey: key)
            case .strings(let strings): try container.encode(strings.map(\.description), forKey: key)
            case .numbers(let numbers): try container.encode(numbers, forKey: key)
            case .problem(let problem): try container.encode(problem, forKey: key)
            case .holders(let holders): try container.encode(holders, forKey: key)
            case .events(let events): try container.encode(Array(events), forKey: key)
            case .spool(let spool): try container.encode(spool, forKey: key)
            }
        }
    }
}

/// A key by its name.
struct ReportKey: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }
    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
}

extension SpoolReport: Encodable {
    private enum Key: String, CodingKey { case paths, offset, bytes, error, filter }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(files.paths.map(\.description), forKey: .paths)
        try container.encode(files.offset, forKey: .offset)
        try container.encode(files.bytes, forKey: .bytes)
        // Absent it would not say that there was none.
        try container.encode(error, forKey: .error)
        try container.encode(filter?.description, forKey: .filter)
    }
}

extension Report.Problem: Encodable {
    private enum Key: String, CodingKey { case message, errno }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(message, forKey: .message)
        try container.encode(errno.name, forKey: .errno)
    }
}
