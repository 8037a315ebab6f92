/// What a ratio, or a figure by itself, is to be at most.
struct Goal {
    let metric: Metric
    /// The row that the subject is divided by; nil for the figure itself.
    let row: String?
    /// Nil for the group's subject.
    var subject: String?
    /// The difference to the row counts, not the ratio.
    var isDifference = false
    let most: Double

    init(
        _ metric: Metric, of subject: String? = nil, by row: String? = nil, isDifference: Bool = false,
        most: Double
    ) {
        (self.metric, self.row, self.subject, self.isDifference, self.most) = (
            metric, row, subject, isDifference, most
        )
    }
}

extension GroupResult {
    /// A line for each goal: what was found, and whether that is met.
    var verdicts: [String] { group.goals.map(verdict) }

    private func median(_ name: String, _ metric: Metric) -> Double? {
        series.first { $0.name == name }?.values(metric).median
    }

    private func verdict(_ goal: Goal) -> String {
        let subject = goal.subject ?? group.subject
        let sign = goal.isDifference ? " less " : " / "
        let text = "goal: \(goal.metric.shortName), \(subject)" + (goal.row.map { sign + $0 } ?? "")
        guard var found = median(subject, goal.metric) else { return "\(text): not measured" }
        if let row = goal.row {
            guard let other = median(row, goal.metric) else { return "\(text): not measured" }
            found = goal.isDifference ? found - other : found / other
        }
        let rounded = (found * 1000).rounded() / 1000
        return "\(text) <= \(goal.most): \(rounded), \(found <= goal.most ? "met" : "NOT MET")"
    }
}
