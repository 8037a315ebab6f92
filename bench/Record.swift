import Drain
import Foundation

/// Every figure, the machine and the versions, as JSON.
struct Record {
    private let content: [String: Any]

    init(_ tools: Tools, _ results: [GroupResult]) {
        var machine = Dictionary(uniqueKeysWithValues: Machine.facts.map { ($0.0, $0.1 as Any) })
        for peer in tools.peers.all { machine[peer.name] = peer.version }
        content = [
            "drain_version": drainVersion,
            "drain_run": ["path": tools.drainRun.path, "kind": tools.drainRun.kind],
            "machine": machine,
            "quick": tools.quick,
            "taken_at": Date().ISO8601Format(),
            "groups": results.map(Self.group),
        ]
    }

    func write(to file: String) throws {
        let data = try JSONSerialization.data(
            withJSONObject: content, options: [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes])
        try (data + Data("\n".utf8)).write(to: URL(fileURLWithPath: file))
    }

    private static func group(_ result: GroupResult) -> [String: Any] {
        [
            "name": result.group.name,
            "title": result.group.title,
            "rounds": result.group.rounds,
            "subject": result.group.subject,
            "baseline": result.group.baseline as Any? ?? NSNull(),
            "notes": result.group.notes,
            "goals": result.verdicts,
            "rows": result.series.map { row($0, result) },
        ]
    }

    private static func row(_ series: Series, _ result: GroupResult) -> [String: Any] {
        var row: [String: Any] = ["name": series.name, "failure": series.failure as Any? ?? NSNull()]
        for metric in Metric.allCases {
            let values = series.values(metric)
            guard let median = values.median, let least = values.min(), let most = values.max()
            else { continue }
            var figures: [String: Any] = ["median": median, "min": least, "max": most, "samples": values]
            if let ratio = result.ratio(metric, series) {
                figures["subject_by_this"] = ["of_medians": ratio.medians, "median_of_rounds": ratio.pairs]
            }
            if let difference = result.difference(metric, series) {
                figures["beyond_baseline"] = [
                    "of_medians": difference.medians, "median_of_rounds": difference.pairs,
                ]
            }
            row[metric.rawValue] = figures
        }
        return row
    }
}
