import Foundation

/// A report as JSONSerialization reads it.
struct ReportView {
    let object: [String: Any]
    let line: [UInt8]
    /// The exit status of the drain-run that wrote it, where that is known.
    var code: Int32?

    /// One JSON object that keeps to the schema, and a newline, and nothing else.
    init(_ bytes: [UInt8]) throws {
        line = bytes
        guard bytes.last == UInt8(ascii: "\n") else {
            throw Trouble("no report: '\(String(decoding: bytes.prefix(300), as: UTF8.self))'")
        }
        guard !bytes.dropLast().contains(UInt8(ascii: "\n")) else { throw Trouble("more than one line") }
        guard let object = try JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any] else {
            throw Trouble("not an object")
        }
        self.object = object
        let complaints = try Schema.ofReports.complaints(about: object)
        guard complaints.isEmpty else { throw Trouble("against the schema: \(complaints)") }
    }

    init(file path: String) throws {
        try self.init(Array(try Data(contentsOf: URL(fileURLWithPath: path))))
    }

    subscript(key: String) -> Any? { object[key] }
    func text(_ key: String) -> String? { object[key] as? String }
    func number(_ key: String) -> Int? { object[key] is NSNull ? nil : object[key] as? Int }
    func flag(_ key: String) -> Bool? { object[key] as? Bool }
    func isNull(_ key: String) -> Bool { object[key] is NSNull }

    var outcome: String? { text("outcome") }
    var exitCode: Int? { number("exit_code") }
    var holders: [[String: Any]] { object["holders"] as? [[String: Any]] ?? [] }
    var survivors: [Int] { object["survivors"] as? [Int] ?? [-1] }
    /// By whichever means there are here.
    var hasKilled: Bool { text("kill_method") != nil }
    var errorName: String? { (object["error"] as? [String: Any])?["errno"] as? String }

    /// Kept bytes of a report with `--encode base64`.
    func data(_ key: String) -> [UInt8]? {
        text(key).flatMap { Data(base64Encoded: $0) }.map { Array($0) }
    }
}
