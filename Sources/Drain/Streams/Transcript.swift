/// What the events of a coding agent come to: its answer, and what went wrong.
///
/// To be made of events that were kept with `Transcript.types`. Where the oldest were dropped to make
/// room, a result that was among them is not known of.
public struct Transcript: Sendable {
    /// The types to keep. Errors and failures are kept without being named.
    public static let types: [OSString] = ["result", "agent_message", "turn.completed", "session.end"]

    /// The first `result`; if there is none, the last `item.completed` whose item is an `agent_message`.
    public let answer: JSONText?
    /// `usage` of the last end of a turn, `turn.completed` or `session.end`, that has one. An answer that is
    /// a `result` comes before them, if it has its own.
    public let usage: JSONText?
    /// `model`, likewise.
    public let model: String?
    /// The last `turn.failed`, `task.failed` or `session.failed`; if there is none, the last event with
    /// a type that holds `error` or `failed`.
    public let error: JSONText?

    /// Reads the type of every event once.
    public init(_ events: Events) {
        var (result, message): (JSONText?, JSONText?)
        var (usage, model): (JSONText?, String?)
        var (failure, error): (JSONText?, JSONText?)
        for event in events {
            switch event.type {
            case "result": result = result ?? event
            case "item.completed" where event["item"]?.type == "agent_message": message = event
            case "turn.completed", "session.end":
                usage = event.stated("usage") ?? usage
                model = event["model"]?.string ?? model
            case "turn.failed", "task.failed", "session.failed": failure = event
            case let type? where type.isAlarming: error = event
            default: break
            }
        }
        answer = result ?? message
        self.usage = result?.stated("usage") ?? usage
        self.model = result?["model"]?.string ?? model
        self.error = failure ?? error
    }

    /// What the answer says, if it says it in words: the `result` of a result, the `text` of a message.
    public var text: String? {
        answer?["result"]?.string ?? answer?["item"]?["text"]?.string
    }
}

extension JSONText {
    fileprivate func stated(_ name: String) -> JSONText? {
        self[name].flatMap { $0.kind == .null ? nil : $0 }
    }
}

extension String {
    fileprivate var isAlarming: Bool {
        let bytes = utf8.map { $0 >= 0x41 && $0 <= 0x5A ? $0 | 0x20 : $0 }
        return ["error", "failed"].contains { word in
            let word = Array(word.utf8)
            return bytes.indices.contains { bytes[$0...].starts(with: word) }
        }
    }
}
