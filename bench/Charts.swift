import Foundation

private let ours = "#1f6fc4"
private let theirs = "#9aa4ad"
private let frame = "#444"
private let grid = "#e3e6e9"

extension Metric {
    /// With its unit, for an axis.
    var title: String {
        switch self {
        case .wall: "wall time, ms"
        case .rate: "rate, GB/s"
        case .cpu: "processor time of the drainer, ms"
        case .resident: "peak resident size, MiB"
        case .share: "processor time, % of one core"
        case .threads: "threads"
        case .each: "memory of each child, KiB"
        case .usual: "median, ms"
        case .rare: "99th percentile, ms"
        case .first: "first byte after a pause, ms"
        }
    }
}

/// Whether a row is Drain's own.
private func isOurs(_ name: String) -> Bool {
    name.hasPrefix("drain-run") || name.hasPrefix("library")
}

/// The medians of one group.
struct Bars {
    let svg: String

    init?(_ result: GroupResult, _ metric: Metric) {
        let rows = result.series.compactMap { series -> (String, Double, Double, Double)? in
            let values = series.values(metric)
            guard let median = values.median, let least = values.min(), let most = values.max() else {
                return nil
            }
            return (series.name, median, least, most)
        }
        guard !rows.isEmpty else { return nil }
        let (left, width, height) = (270.0, 430.0, 22.0)
        let bottom = 52 + Double(rows.count) * height
        let axis = Axis(rows.map(\.1), from: left, to: left + width)
        // Where rounds are far apart the stroke ends at the frame.
        func clipped(_ value: Double) -> Double { min(axis.place(value), left + width) }
        var drawing = Drawing()
        drawing.text("\(result.group.name): \(result.group.title)", 12, 24, size: 14)
        for tick in axis.ticks {
            drawing.line(axis.place(tick), 40, axis.place(tick), bottom, grid)
            drawing.text(tick.short3, axis.place(tick), bottom + 16, .middle, size: 11)
        }
        for (index, (name, median, least, most)) in rows.enumerated() {
            let y = 46 + Double(index) * height
            let end = axis.place(median)
            drawing.text(name, left - 8, y + 12, .end)
            drawing.rectangle(left, y, max(1, end - left), height - 7, isOurs(name) ? ours : theirs)
            if most > least {
                drawing.line(clipped(least), y + 7.5, clipped(most), y + 7.5, frame)
            }
            drawing.text(median.short3, max(end, clipped(most)) + 6, y + 12)
        }
        drawing.line(left, 40, left, bottom, frame)
        drawing.line(left, bottom, left + width, bottom, frame)
        let scale = axis.isLogarithmic ? ", logarithmic" : ""
        drawing.text(metric.title + scale, left + width / 2, bottom + 34, .middle)
        svg = drawing.svg(left + width + 70, bottom + 48)
    }
}

/// How a figure grows, a line for each of those that are compared.
struct Lines {
    let svg: String
    private static let colors = [ours, "#d1495b", "#3c8d5a", "#8e6bb8", "#c98a1b", "#555", "#17a2b8"]

    init?(_ result: GroupResult, _ metric: Metric) {
        guard let growth = result.group.growth else { return nil }
        var names: [String] = []
        var points: [String: [(at: Double, value: Double)]] = [:]
        for series in result.series {
            guard let place = series.place, let median = series.values(metric).median, median > 0 else {
                continue
            }
            if points[place.line] == nil { names.append(place.line) }
            points[place.line, default: []].append((place.at, median))
        }
        let all = points.values.joined()
        guard names.contains(where: { points[$0]!.count > 1 }) else { return nil }
        let (left, top, width, height) = (76.0, 44.0, 430.0, 300.0)
        let across = Axis(all.map(\.at), from: left, to: left + width, logarithmic: true)
        let up = Axis(all.map(\.value), from: top + height, to: top, logarithmic: true)
        var drawing = Drawing()
        drawing.text("\(result.group.name): \(result.group.title)", 12, 24, size: 14)
        for tick in across.ticks {
            drawing.line(across.place(tick), top, across.place(tick), top + height, grid)
            drawing.text(Lines.label(tick), across.place(tick), top + height + 17, .middle, size: 11)
        }
        for tick in up.ticks {
            drawing.line(left, up.place(tick), left + width, up.place(tick), grid)
            drawing.text(tick.short3, left - 7, up.place(tick) + 4, .end, size: 11)
        }
        drawing.line(left, top, left, top + height, frame)
        drawing.line(left, top + height, left + width, top + height, frame)
        for (index, name) in names.enumerated() {
            let color = Lines.colors[index % Lines.colors.count]
            let places = points[name]!.sorted { $0.at < $1.at }
            drawing.curve(places.map { (across.place($0.at), up.place($0.value)) }, color)
            let y = top + 14 + Double(index) * 20
            drawing.rectangle(left + width + 16, y - 9, 12, 10, color)
            drawing.text(name, left + width + 34, y)
        }
        drawing.text(growth + ", logarithmic", left + width / 2, top + height + 38, .middle)
        drawing.text(metric.title + ", logarithmic", 18, top + height / 2, .middle, turned: true)
        svg = drawing.svg(left + width + 230, top + height + 54)
    }

    private static func label(_ value: Double) -> String {
        for (unit, name) in [(1e9, "G"), (1e6, "M"), (1e3, "k")] where value >= unit {
            return (value / unit).short3 + name
        }
        return value.short3
    }
}
