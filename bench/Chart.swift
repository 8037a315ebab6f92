import Foundation

/// The medians of one group as bars, in SVG.
struct Chart {
    private static let bar = (height: 18, most: 420, left: 260)

    /// A file for each group and each figure in it.
    static func write(_ results: [GroupResult], to directory: String) throws {
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        for result in results {
            for metric in Metric.allCases {
                guard let text = draw(result, metric) else { continue }
                let file = "\(directory)/\(result.group.name)-\(metric.rawValue).svg"
                try text.write(toFile: file, atomically: true, encoding: .utf8)
            }
        }
    }

    private static func draw(_ result: GroupResult, _ metric: Metric) -> String? {
        let rows = result.series.compactMap { series in
            series.values(metric).median.map { (name: series.name, median: $0) }
        }
        guard let most = rows.map(\.median).max(), most > 0 else { return nil }
        var lines = ["<text x='8' y='20'>\(escaped(result.group.title)): \(escaped(metric.heading))</text>"]
        for (index, row) in rows.enumerated() {
            let y = 34 + index * (bar.height + 6)
            let width = max(1, Int(row.median / most * Double(bar.most)))
            let color = row.name == result.group.subject ? "#27c" : "#999"
            let figure = String(format: "%.3g", row.median)
            lines.append("<text x='8' y='\(y + 13)'>\(escaped(row.name))</text>")
            lines.append(
                "<rect x='\(bar.left)' y='\(y)' width='\(width)' height='\(bar.height)' fill='\(color)'/>")
            lines.append("<text x='\(bar.left + width + 6)' y='\(y + 13)'>\(figure)</text>")
        }
        let height = 44 + rows.count * (bar.height + 6)
        return "<svg xmlns='http://www.w3.org/2000/svg' width='780' height='\(height)' "
            + "font-family='sans-serif' font-size='12'>\n" + lines.joined(separator: "\n") + "\n</svg>\n"
    }

    private static func escaped(_ text: String) -> String {
        text.replacingOccurrences(of: "&", with: "&amp;").replacingOccurrences(of: "<", with: "&lt;")
            .replacingOccurrences(of: ">", with: "&gt;")
    }
}
