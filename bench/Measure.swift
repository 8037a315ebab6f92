import Foundation

/// What is measured of one run.
enum Metric: String, CaseIterable {
    case wall = "wall_ms"
    case rate = "gigabytes_per_second"
    case cpu = "drainer_cpu_ms"
    case resident = "peak_resident_mib"
    case share = "cpu_percent_of_a_core"
    case threads
    case each = "kib_each"
    case usual = "round_trip_median_ms"
    case rare = "round_trip_p99_ms"
    case first = "first_byte_after_pause_ms"

    var heading: String {
        switch self {
        case .wall: "wall ms"
        case .rate: "GB/s"
        case .cpu: "drainer's CPU ms"
        case .resident: "peak MiB"
        case .share: "CPU %"
        case .threads: "threads"
        case .each: "KiB each"
        case .usual: "p50 ms"
        case .rare: "p99 ms"
        case .first: "first byte ms"
        }
    }

    var shortName: String {
        switch self {
        case .wall: "wall"
        case .rate: "GB/s"
        case .cpu: "CPU"
        case .resident: "peak"
        case .share, .threads, .each, .usual, .rare, .first: heading
        }
    }
}

typealias Sample = [Metric: Double]

/// One of those that do the same work.
struct Contender {
    let name: String
    let run: () throws -> Sample
}

/// Contenders that take turns, and how their figures are shown.
struct Group {
    enum Column {
        /// Median, least and most.
        case figure(Metric)
        /// The median only.
        case median(Metric)
        /// The subject's figure divided by the row's.
        case ratio(Metric)
        /// The row's figure less that of the baseline.
        case beyondBaseline(Metric)
    }

    let name: String
    let title: String
    let rounds: Int
    var warmups = 1
    let contenders: [Contender]
    let columns: [Column]
    let subject: String
    var baseline: String?
    /// What a reader of the table must know.
    var notes: [String] = []
    var goals: [Goal] = []

    /// Each round runs every contender once, so that whatever else the machine does meanwhile
    /// meets all of them alike.
    func run() -> GroupResult {
        var series = contenders.map { Series(name: $0.name) }
        for round in -warmups..<rounds {
            for (index, contender) in contenders.enumerated() where series[index].failure == nil {
                do {
                    let sample = try contender.run()
                    if round >= 0 { series[index].samples.append(sample) }
                } catch {
                    series[index].failure = "\(error)"
                }
            }
        }
        return GroupResult(group: self, series: series)
    }
}

/// The samples of one contender, in order of the rounds.
struct Series {
    let name: String
    var samples: [Sample] = []
    /// Why it was not run to the end.
    var failure: String?

    func values(_ metric: Metric) -> [Double] { samples.compactMap { $0[metric] } }
}

struct GroupResult {
    let group: Group
    let series: [Series]

    var hasFailed: Bool { series.contains { $0.failure != nil } }

    /// The subject's figure by the row's: of the medians, and the median over the rounds.
    func ratio(_ metric: Metric, _ row: Series) -> (medians: Double, pairs: Double)? {
        guard row.name != group.subject,
            let (subject, others) = pairs(group.subject, metric, row),
            let top = subject.median, let bottom = others.median,
            let pairs = zip(subject, others).map({ $0 / $1 }).median
        else { return nil }
        return (top / bottom, pairs)
    }

    /// The row's figure less the baseline's: of the medians, and the median over the rounds.
    func difference(_ metric: Metric, _ row: Series) -> (medians: Double, pairs: Double)? {
        guard let baseline = group.baseline, row.name != baseline,
            let (base, others) = pairs(baseline, metric, row),
            let low = base.median, let high = others.median,
            let pairs = zip(base, others).map({ $1 - $0 }).median
        else { return nil }
        return (high - low, pairs)
    }

    private func pairs(_ name: String, _ metric: Metric, _ row: Series) -> ([Double], [Double])? {
        guard let subject = series.first(where: { $0.name == name }) else { return nil }
        let (left, right) = (subject.values(metric), row.values(metric))
        return left.isEmpty || left.count != right.count ? nil : (left, right)
    }
}

extension [Double] {
    var median: Double? {
        guard !isEmpty else { return nil }
        let ordered = sorted()
        let middle = count / 2
        return count % 2 == 1 ? ordered[middle] : (ordered[middle - 1] + ordered[middle]) / 2
    }
}
