import Drain

/// What drain-run exits with.
enum ExitStatus {
    static let timedOut: Int32 = 124
    static let failed: Int32 = 125
    static let notExecutable: Int32 = 126
    static let notFound: Int32 = 127
    static let signalBase: Int32 = 128

    /// The status for a report; `cause` is the signal that cancelled the run, if one did.
    static func of(_ report: Report, cancelledBy cause: Signal?) -> Int32 {
        switch report.outcome {
        case .timedOut, .idleTimedOut: return timedOut
        case .cancelled: return signalBase + (cause ?? .pipe).rawValue
        case .notStarted: return report.exitCode == 127 ? notFound : notExecutable
        case .failed: return failed
        case .exited, .signaled:
            switch report.termination {
            case .exited(let code): return code
            case .signaled(let number): return signalBase + number
            case nil: return failed
            }
        }
    }
}
