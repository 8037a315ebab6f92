import Floors
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
    /// Where it stands in a chart of growth.
    var place: Place?
    let run: () throws -> Sample

    /// A point of a line.
    struct Place {
        let line: String
        let at: Double
    }

    init(name: String, place: Place? = nil, run: @escaping () throws -> Sample) {
        (self.name, self.place, self.run) = (name, place, run)
    }

    /// One of a line of contenders, that at so many children or bytes.
    init(_ line: String, at: Int, named amount: String, run: @escaping () throws -> Sample) {
        self.init(name: "\(line), \(amount)", place: Place(line: line, at: Double(at)), run: run)
    }
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
    /// What grows along the lines of its contenders; nil where there are none.
    var growth: String?
    /// Bytes of memory that are touched and given back before each run, so that those who keep so much
    /// take what the machine has at hand. A virtual machine may have to ask its host for other memory.
    var warmBytes = 0
    /// What its contenders leave running is ended.
    var finish: () -> Void = {}

    /// Each round runs every contender once, so that whatever else the machine does meanwhile
    /// meets all of them alike.
    func run() -> GroupResult {
        var series = contenders.map { Series(name: $0.name, place: $0.place) }
        for round in -warmups..<rounds {
            for (index, contender) in contenders.enumerated() where series[index].failure == nil {
                do {
                    warmMemory(warmBytes)
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
    var place: Contender.Place?
    var samples: [Sample] = []
    /// Why it was not run to the end.
    var failure: String?

    func values(_ metric: Metric) -> [Double] { samples.compactMap { $0[metric] } }
}

private func warmMemory(_ bytes: Int) {
    guard bytes > 0,
        let memory = mmap(nil, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
        memory != MAP_FAILED
    else { return }
    madvise(memory, bytes, hugePages)
    floor_touch(memory.assumingMemoryBound(to: CChar.self), bytes)
    munmap(memory, bytes)
}

/// MADV_HUGEPAGE, as the library asks for it.
private let hugePages: Int32 = 14

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
