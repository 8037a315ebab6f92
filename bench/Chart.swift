import Foundation

/// Figures as SVG: for each group and figure the medians as bars, from least to most of the rounds as a
/// stroke over them; for groups in which something grows, lines over two logarithmic axes.
enum Chart {
    static func write(_ results: [GroupResult], to directory: String) throws {
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        for result in results {
            for metric in Metric.allCases {
                let name = "\(directory)/\(result.group.name)-\(metric.rawValue)"
                if let bars = Bars(result, metric) {
                    try bars.svg.write(toFile: name + ".svg", atomically: true, encoding: .utf8)
                }
                if let lines = Lines(result, metric) {
                    try lines.svg.write(toFile: name + "-growth.svg", atomically: true, encoding: .utf8)
                }
            }
        }
    }
}

/// What is drawn, in an order in which later things lie above earlier ones.
struct Drawing {
    private var parts: [String] = []

    mutating func rectangle(_ x: Double, _ y: Double, _ width: Double, _ height: Double, _ color: String) {
        parts.append(
            "<rect x='\(x.tenth)' y='\(y.tenth)' width='\(width.tenth)' height='\(height.tenth)' "
                + "fill='\(color)'/>")
    }

    mutating func line(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, _ color: String) {
        parts.append(
            "<line x1='\(x1.tenth)' y1='\(y1.tenth)' x2='\(x2.tenth)' y2='\(y2.tenth)' stroke='\(color)'/>")
    }

    mutating func curve(_ points: [(x: Double, y: Double)], _ color: String) {
        let places = points.map { "\($0.x.tenth),\($0.y.tenth)" }.joined(separator: " ")
        parts.append("<polyline points='\(places)' fill='none' stroke='\(color)' stroke-width='2'/>")
        for point in points {
            parts.append("<circle cx='\(point.x.tenth)' cy='\(point.y.tenth)' r='3' fill='\(color)'/>")
        }
    }

    enum Anchor: String { case start, middle, end }

    mutating func text(
        _ text: String, _ x: Double, _ y: Double, _ anchor: Anchor = .start, size: Int = 12,
        color: String = "#222", turned: Bool = false
    ) {
        let turn = turned ? " transform='rotate(-90 \(x.tenth) \(y.tenth))'" : ""
        parts.append(
            "<text x='\(x.tenth)' y='\(y.tenth)' text-anchor='\(anchor.rawValue)' font-size='\(size)' "
                + "fill='\(color)'\(turn)>\(text.escaped)</text>")
    }

    func svg(_ width: Double, _ height: Double) -> String {
        "<svg xmlns='http://www.w3.org/2000/svg' width='\(width.tenth)' height='\(height.tenth)' "
            + "viewBox='0 0 \(width.tenth) \(height.tenth)' font-family='sans-serif'>\n"
            + "<rect width='100%' height='100%' fill='white'/>\n" + parts.joined(separator: "\n")
            + "\n</svg>\n"
    }
}

/// A range of figures along a stretch of a drawing.
struct Axis {
    let low: Double
    let high: Double
    let isLogarithmic: Bool
    let from: Double
    let to: Double

    func place(_ value: Double) -> Double {
        let share =
            isLogarithmic
            ? (log10(max(value, low)) - log10(low)) / (log10(high) - log10(low))
            : (value - low) / (high - low)
        return from + (to - from) * share
    }

    /// From zero; or by powers of ten, where the figures are that far apart.
    init(_ values: [Double], from: Double, to: Double, logarithmic: Bool? = nil) {
        let positive = values.filter { $0 > 0 }
        let (least, most) = (positive.min() ?? 1, max(positive.max() ?? 1, 1e-6))
        isLogarithmic = logarithmic ?? (most / least > 50)
        let step = Axis.step(most)
        low = isLogarithmic ? pow(10, floor(log10(least))) : 0
        high = isLogarithmic ? max(pow(10, ceil(log10(most))), low * 10) : (most / step).rounded(.up) * step
        (self.from, self.to) = (from, to)
    }

    var ticks: [Double] {
        if !isLogarithmic { return Array(stride(from: 0, through: high * 1.001, by: Axis.step(high))) }
        let powers = Int(log10(low).rounded())...Int(log10(high).rounded())
        return powers.map { pow(10, Double($0)) }
    }

    /// A round figure that goes four to eight times into the most.
    private static func step(_ most: Double) -> Double {
        let power = pow(10, floor(log10(most)))
        let share = most / power
        return share <= 1.6 ? power / 5 : share <= 4 ? power / 2 : power
    }
}

extension Double {
    fileprivate var tenth: String { String(format: "%.1f", self) }

    /// As much of it as tells.
    var short3: String {
        self >= 1e6 ? String(format: "%.0e", self) : String(format: self >= 100 ? "%.0f" : "%.3g", self)
    }
}

extension String {
    fileprivate var escaped: String {
        replacingOccurrences(of: "&", with: "&amp;").replacingOccurrences(of: "<", with: "&lt;")
            .replacingOccurrences(of: ">", with: "&gt;")
    }
}
