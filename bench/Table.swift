import Foundation

/// A group's figures as text, in columns.
struct Table {
    let text: String

    init(_ result: GroupResult) {
        var lines = [[""] + result.group.columns.map(\.heading)]
        for series in result.series {
            if series.samples.isEmpty { continue }
            lines.append([series.name] + result.group.columns.map { $0.cell(series, result) })
        }
        let widths = lines[0].indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
        let rows = lines.map { line in
            let cells = line.indices.map { column in
                column == 0
                    ? line[0].padded(to: widths[0], right: false)
                    : line[column].padded(to: widths[column], right: true)
            }
            return "  " + cells.joined(separator: "   ")
        }
        let failures = result.series.compactMap { series in
            series.failure.map { "  \(series.name) FAILED: \($0)" }
        }
        text = (rows + failures + result.group.notes.map { "  (\($0))" }).joined(separator: "\n")
    }
}

extension Group.Column {
    fileprivate var heading: String {
        switch self {
        case .figure(let metric): "\(metric.heading) (min-max)"
        case .median(let metric): metric.heading
        case .ratio(let metric): "\(metric.shortName): Drain/this"
        case .beyondBaseline(let metric): "adds, \(metric.heading)"
        }
    }

    fileprivate func cell(_ series: Series, _ result: GroupResult) -> String {
        switch self {
        case .figure(let metric):
            let values = series.values(metric)
            guard let median = values.median, let least = values.min(), let most = values.max() else {
                return "-"
            }
            return "\(median.short) (\(least.short)-\(most.short))"
        case .median(let metric):
            return series.values(metric).median?.short ?? "-"
        case .ratio(let metric):
            guard let ratio = result.ratio(metric, series) else { return "" }
            return "\(ratio.medians.ratioText) \(ratio.pairs.ratioText)"
        case .beyondBaseline(let metric):
            guard let difference = result.difference(metric, series) else { return "" }
            return "\(difference.medians.signed) \(difference.pairs.signed)"
        }
    }
}

extension Double {
    fileprivate var short: String {
        String(format: abs(self) >= 100 ? "%.0f" : abs(self) >= 10 ? "%.1f" : "%.2f", self)
    }
    fileprivate var signed: String { String(format: "%+.2f", self) }
    fileprivate var ratioText: String { String(format: self < 0.1 ? "%.3f" : "%.2f", self) }
}

extension String {
    fileprivate func padded(to width: Int, right: Bool) -> String {
        let padding = String(repeating: " ", count: max(0, width - count))
        return right ? padding + self : self + padding
    }
}
