import Drain
import Foundation

/// Those that find the few events that matter in a long transcript.
func eventsGroup(_ tools: Tools) -> Group {
    let count = tools.quick ? 128_000_000 : 512_000_000
    let work = EventsWork(count: count)
    var contenders = [
        Contender(name: "drain-run --events") { try work.drainRun(tools.drainRun.path) },
        Contender(name: "library, EventFilter") { try work.library() },
        Contender(name: "cat >/dev/null, unread") {
            try work.timed(["sh", "-c", "cat \"$0\" | cat >/dev/null"])
        },
    ]
    var notes = [
        "cat prints the transcript; one line of many has 100 KiB, and a string an escape every 7 bytes"
    ]
    if let jq = findProgram("jq") {
        let filter = #"select(.type == "result" or .item?.type? == "agent_message")"#
        contenders.append(
            Contender(name: "cat | jq -c") {
                try work.timed(["sh", "-c", "cat \"$0\" | \"$1\" -c \"$2\""], [jq, filter])
            })
    } else {
        notes.append("no jq here")
    }
    if let python = tools.peers.python {
        contenders.append(
            Contender(name: "cat | Python, json.loads") {
                try work.timed(
                    ["sh", "-c", "cat \"$0\" | \"$1\" -c \"$2\""], [python.executable, EventsWork.script])
            })
    }
    return Group(
        name: "events", title: "two events out of \(size(count)) of NDJSON", rounds: tools.quick ? 1 : 5,
        warmups: tools.quick ? 0 : 1, contenders: contenders,
        columns: [.figure(.wall), .median(.rate), .ratio(.wall)], subject: "drain-run --events", notes: notes)
}

/// A transcript, and how the contenders read it.
private final class EventsWork {
    static let script = """
        import json, sys
        for line in sys.stdin.buffer:
            event = json.loads(line)
            item = event.get("item")
            if event.get("type") == "result" or isinstance(item, dict) and item.get("type") == "agent_message":
                sys.stdout.buffer.write(line)
        """

    let count: Int
    private let path: String
    private var isWritten = false

    init(count: Int) {
        self.count = count
        path = NSTemporaryDirectory() + "/drain-bench-events.\(getpid())"
    }

    deinit { unlink(path) }

    /// The transcript, written when it is first asked for.
    private func transcript() throws -> String {
        if isWritten { return path }
        func line(_ type: String, _ length: Int) -> String {
            let text = #"say \"fox\" in a file:\nC:\\tmp\\é.c "#
            let body = String(repeating: text, count: max(1, length / text.utf8.count))
            return
                #"{"type":"item.completed","item":{"id":"item_7","type":"\#(type)","text":"\#(body)","exit_code":0}}"#
        }
        let some = [200, 1000, 300, 102_400, 5000, 700, 150, 20_000].map { line("command_execution", $0) }
        let block = Data((some.joined(separator: "\n") + "\n").utf8)
        _ = FileManager.default.createFile(atPath: path, contents: nil)
        guard let file = FileHandle(forWritingAtPath: path) else { throw Failure("cannot write \(path)") }
        for _ in 0..<count / block.count { try file.write(contentsOf: block) }
        try file.write(contentsOf: Data((line("agent_message", 100) + "\n{\"type\":\"result\"}\n").utf8))
        try file.close()
        isWritten = true
        return path
    }

    private func sample(since start: Double) -> Sample {
        let wall = now() - start
        return [.wall: wall * 1000, .rate: Double(count) / wall / 1e9]
    }

    func drainRun(_ program: String) throws -> Sample {
        let path = try transcript()
        let start = now()
        let pipe = try CloseOnExecPipe()
        let command = [program, "--encode", "none", "--events", "result,agent_message", "--", "cat", path]
        let child = try Spawned(command, stdout: pipe.writing)
        pipe.closeWriting()
        var data = Data()
        while pipe.readSome(into: &data) {}
        _ = try child.finish("drain-run")
        let result = sample(since: start)
        try check(JSONDecoder().decode(Counted.self, from: data).events.count)
        return result
    }

    func library() throws -> Sample {
        let path = try transcript()
        let start = now()
        let report = try Command("cat", arguments: [path]).runBlocking(
            events: EventFilter(types: ["result", "agent_message"]))
        let result = sample(since: start)
        try check(report.events?.count ?? 0)
        return result
    }

    /// A shell command that is given the transcript.
    func timed(_ shell: [String], _ words: [String] = []) throws -> Sample {
        let path = try transcript()
        let null = open("/dev/null", O_WRONLY | O_CLOEXEC)
        defer { close(null) }
        let start = now()
        _ = try Spawned(shell + [path] + words, stdout: null).finish(shell[0])
        return sample(since: start)
    }

    private func check(_ events: Int) throws {
        guard events == 2 else { throw Failure("2 events were written and \(events) found") }
    }
}

private struct Counted: Decodable {
    struct Event: Decodable {}
    let events: [Event]
}
