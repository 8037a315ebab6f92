import Foundation

/// A JSON Schema (2020-12), for as many of its keywords as docs/report.schema.json uses. A keyword that
/// it does not know is an error: a rule that is not checked is none.
struct Schema {
    private let root: [String: Any]

    nonisolated(unsafe) static let ofReports = Result {
        try Schema(file: packageFile("docs/report.schema.json"))
    }.orDie

    init(file path: String) throws {
        let data = try Data(contentsOf: URL(fileURLWithPath: path))
        guard let root = try JSONSerialization.jsonObject(with: data) as? [String: Any] else {
            throw Trouble("the schema is no object")
        }
        self.root = root
    }

    init(_ root: [String: Any]) { self.root = root }

    /// What is wrong with a value; empty if nothing is.
    func complaints(about value: Any) throws -> [String] { try check(value, root, at: "") }

    private func check(_ value: Any, _ schema: [String: Any], at place: String) throws -> [String] {
        var wrong: [String] = []
        for (keyword, rule) in schema {
            switch keyword {
            case "$schema", "$id", "$defs", "title", "description", "$comment", "then", "else": break
            case "if", "allOf", "$ref": wrong += try checkComposed(value, schema, keyword, at: place)
            case "properties", "required", "items", "additionalProperties":
                wrong += try checkMembers(value, keyword, rule, at: place)
            default:
                if try !holds(value, keyword, rule) {
                    wrong.append("\(place): \(value) breaks \(keyword) \(rule)")
                }
            }
        }
        return wrong
    }

    private func checkComposed(
        _ value: Any, _ schema: [String: Any], _ keyword: String, at place: String
    ) throws -> [String] {
        func object(_ any: Any?) throws -> [String: Any] {
            guard let object = any as? [String: Any] else { throw Trouble("\(keyword) takes an object") }
            return object
        }
        switch keyword {
        case "if":
            let applies = try check(value, object(schema["if"]), at: place).isEmpty
            guard let next = schema[applies ? "then" : "else"] else { return [] }
            return try check(value, object(next), at: place)
        case "allOf":
            return try (schema["allOf"] as? [Any] ?? []).flatMap { try check(value, object($0), at: place) }
        default:
            guard let name = schema["$ref"] as? String, name.hasPrefix("#/$defs/") else {
                throw Trouble("a $ref into $defs is all that is known")
            }
            let definitions = try object(root["$defs"])
            return try check(value, object(definitions[String(name.dropFirst(8))]), at: place)
        }
    }

    private func checkMembers(_ value: Any, _ keyword: String, _ rule: Any, at place: String) throws
        -> [String]
    {
        if keyword == "items" {
            guard let items = value as? [Any], let rule = rule as? [String: Any] else { return [] }
            return try items.enumerated().flatMap { try check($1, rule, at: "\(place)/\($0)") }
        }
        guard let object = value as? [String: Any] else { return [] }
        switch (keyword, rule) {
        case ("properties", let rules as [String: Any]):
            return try rules.flatMap { name, rule in
                guard let member = object[name], let rule = rule as? [String: Any] else { return [String]() }
                return try check(member, rule, at: "\(place)/\(name)")
            }
        case ("required", let names as [String]):
            return names.filter { object[$0] == nil }.map { "\(place): no '\($0)'" }
        case ("additionalProperties", let allowed as Bool) where allowed: return []
        default: throw Trouble("the schema's \(keyword) is not understood")
        }
    }

    private func holds(_ value: Any, _ keyword: String, _ rule: Any) throws -> Bool {
        switch (keyword, rule) {
        case ("type", let name as String): return try Schema.kinds(value).contains(Schema.known(name))
        case ("type", let names as [String]):
            return try !Schema.kinds(value).isDisjoint(with: names.map(Schema.known))
        case ("const", _): return Schema.equal(value, rule)
        case ("enum", let values as [Any]): return values.contains { Schema.equal(value, $0) }
        case ("minimum", let limit as NSNumber):
            return Schema.number(value).map { $0.compare(limit) != .orderedAscending } ?? true
        case ("maximum", let limit as NSNumber):
            return Schema.number(value).map { $0.compare(limit) != .orderedDescending } ?? true
        case ("minLength", let least as Int):
            return (value as? String).map { $0.unicodeScalars.count >= least } ?? true
        case ("minItems", let least as Int): return (value as? [Any]).map { $0.count >= least } ?? true
        case ("maxItems", let most as Int): return (value as? [Any]).map { $0.count <= most } ?? true
        case ("pattern", let pattern as String):
            guard let text = value as? String else { return true }
            return text.range(of: pattern, options: .regularExpression) != nil
        default: throw Trouble("the schema's keyword '\(keyword)' is not known to the tests")
        }
    }

    private static func known(_ type: String) throws -> String {
        let all = ["null", "boolean", "integer", "number", "string", "array", "object"]
        guard all.contains(type) else { throw Trouble("the schema has a type '\(type)'") }
        return type
    }

    /// A number that is not a truth value: JSONSerialization has both as NSNumber.
    private static func number(_ value: Any) -> NSNumber? {
        isTruth(value) ? nil : value as? NSNumber
    }

    private static func isTruth(_ value: Any) -> Bool {
        guard let number = value as? NSNumber else { return value is Bool }
        return CFBooleanKind.isBoolean(number)
    }

    private static func kinds(_ value: Any) -> Set<String> {
        if value is NSNull { return ["null"] }
        if isTruth(value) { return ["boolean"] }
        if let number = value as? NSNumber {
            return number.doubleValue.rounded() == number.doubleValue ? ["number", "integer"] : ["number"]
        }
        if value is String { return ["string"] }
        if value is [Any] { return ["array"] }
        return ["object"]
    }

    private static func equal(_ one: Any, _ other: Any) -> Bool {
        guard kinds(one) == kinds(other) else { return false }
        return (one as? NSObject) == (other as? NSObject) || "\(one)" == "\(other)"
    }
}

private enum CFBooleanKind {
    /// The objective type of a truth value is a char, of a number anything else.
    static func isBoolean(_ number: NSNumber) -> Bool { String(cString: number.objCType) == "c" }
}

/// A file of the package, by its path from the top.
func packageFile(_ path: String, from here: String = #filePath) -> String {
    var top = URL(fileURLWithPath: here)
    while !FileManager.default.fileExists(atPath: top.appendingPathComponent("Package.swift").path),
        top.path != "/"
    {
        top.deleteLastPathComponent()
    }
    return top.appendingPathComponent(path).path
}

extension Result {
    fileprivate var orDie: Success {
        switch self {
        case .success(let value): return value
        case .failure(let error): fatalError("\(error)")
        }
    }
}
