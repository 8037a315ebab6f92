/// What a ratio, a difference or a figure by itself is to be.
struct Goal {
    enum Bound {
        case most(Double)
        case least(Double)
        /// Nothing, as far as that can be told: no more than the row's own rounds differ.
        case noise

        var text: String {
            switch self {
            case .most(let value): "<= \(value)"
            case .least(let value): ">= \(value)"
            case .noise: "0 within its noise"
            }
        }
    }

    let metric: Metric
    /// The row that the subject is divided by; nil for the figure itself.
    let row: String?
    /// Nil for the group's subject.
    var subject: String?
    /// The difference to the row counts, not the ratio.
    var isDifference = false
    let bound: Bound

    init(
        _ metric: Metric, of subject: String? = nil, by row: String? = nil, isDifference: Bool = false,
        _ bound: Bound
    ) {
        (self.metric, self.row, self.subject, self.isDifference, self.bound) = (
            metric, row, subject, isDifference, bound
        )
    }

    init(
        _ metric: Metric, of subject: String? = nil, by row: String? = nil, isDifference: Bool = false,
        most: Double
    ) {
        self.init(metric, of: subject, by: row, isDifference: isDifference, .most(most))
    }
}

extension GroupResult {
    /// A line for each goal: what was found, and whether that is met.
    var verdicts: [String] { group.goals.map(verdict) }

    private func values(_ name: String, _ metric: Metric) -> [Double] {
        series.first { $0.name == name }?.values(metric) ?? []
    }

    private func verdict(_ goal: Goal) -> String {
        let subject = goal.subject ?? group.subject
        let sign = goal.isDifference ? " less " : " / "
        let text = "goal: \(goal.metric.shortName), \(subject)" + (goal.row.map { sign + $0 } ?? "")
        guard var found = values(subject, goal.metric).median else { return "\(text): not measured" }
        var noise = 0.0
        if let row = goal.row {
            let others = values(row, goal.metric)
            guard let other = others.median, let least = others.min(), let most = others.max() else {
                return "\(text): not measured"
            }
            noise = most - least
            found = goal.isDifference ? found - other : found / other
        }
        let isMet: Bool
        switch goal.bound {
        case .most(let most): isMet = found <= most
        case .least(let least): isMet = found >= least
        case .noise: isMet = found <= noise
        }
        let told = if case .noise = goal.bound { " (\(noise.rounded3))" } else { "" }
        return "\(text) \(goal.bound.text)\(told): \(found.rounded3), \(isMet ? "met" : "NOT MET")"
    }
}

extension Double {
    fileprivate var rounded3: Double { (self * 1000).rounded() / 1000 }
}
