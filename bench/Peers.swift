import Foundation

/// A process of a peer's that is told what to run and tells what that took, so that its own start is in
/// no figure.
final class PeerServer {
    let name: String
    let executable: String
    let version: String
    private let child: Spawned
    private let requests: CloseOnExecPipe
    private let answers: CloseOnExecPipe

    /// Nil where it cannot be run.
    init?(name: String, version: String, _ command: [String]) {
        guard let requests = try? CloseOnExecPipe(), let answers = try? CloseOnExecPipe(),
            let child = try? Spawned(command, stdin: requests.reading, stdout: answers.writing)
        else { return nil }
        requests.closeReading()
        answers.closeWriting()
        (self.name, self.version, executable) = (name, version, command[0])
        (self.child, self.requests, self.answers) = (child, requests, answers)
    }

    func stop() {
        requests.closeWriting()
        _ = try? child.finish(name)
    }

    struct Answer: Decodable {
        let wall: Double
        let cpu: Double
        let bytes: Int
        let code: Int
    }

    /// Has it run a command, and returns what it measured, in seconds. The verbs: `drain` keeps up to `cap`
    /// bytes of each stream, `run` keeps all, `many` runs `cap` at once; Python has `stream`, too, which is
    /// `drain` with asyncio.
    func ask(_ verb: String, _ arguments: [String], cap: Int) throws -> Answer {
        let request: [String: Any] = ["verb": verb, "arguments": arguments, "cap": cap]
        let line = try JSONSerialization.data(withJSONObject: request) + Data("\n".utf8)
        try FileHandle(fileDescriptor: requests.writing, closeOnDealloc: false).write(contentsOf: line)
        var answer = Data()
        while answer.last != UInt8(ascii: "\n") {
            guard answers.readSome(into: &answer) else { throw Failure("\(name) has ended") }
        }
        let result = try JSONDecoder().decode(Answer.self, from: answer)
        guard result.code == 0 else { throw Failure("the command in \(name) ended with \(result.code)") }
        return result
    }
}

/// A way of a peer's to do the work of a set.
struct Peer {
    let name: String
    let server: PeerServer
    let verb: String
}

/// Those that are installed here, each started once.
struct Peers {
    let python: PeerServer?
    let node: PeerServer?
    let go: PeerServer?

    init() {
        (python, node, go) = (startPython(), startNode(), startGo())
    }

    var all: [PeerServer] { [python, node, go].compactMap { $0 } }

    /// Those that keep the first bytes of each stream and throw the rest away.
    var capped: [Peer] {
        named([
            (python, "Python, 2 capped threads", "drain"), (python, "Python asyncio, capped", "stream"),
            (node, "Node spawn, capped", "drain"), (go, "Go os/exec, capped", "drain"),
        ])
    }

    /// Those that keep all.
    var keeping: [Peer] {
        named([
            (python, "Python communicate", "run"), (node, "Node spawn", "run"), (go, "Go os/exec", "run"),
        ])
    }

    /// Those that run many at once.
    var many: [Peer] {
        named([
            (python, "Python asyncio", "many"), (node, "Node spawn", "many"), (go, "Go os/exec", "many"),
        ])
    }

    private func named(_ peers: [(PeerServer?, String, String)]) -> [Peer] {
        peers.compactMap { server, name, verb in server.map { Peer(name: name, server: $0, verb: verb) } }
    }
}

private func startPython() -> PeerServer? {
    // What is found along PATH may be a script that starts the real one.
    let question = "import sys, platform; print(sys.executable); print(platform.python_version())"
    let told = outputText("sh", "-c", "exec python3 -c '\(question)' 2>/dev/null") ?? ""
    let lines = told.split(separator: "\n").map(String.init)
    guard lines.count == 2 else { return nil }
    return PeerServer(name: "Python", version: lines[1], [lines[0], "-c", PeerScript.python, "serve"])
}

private func startNode() -> PeerServer? {
    guard let program = findProgram("node"), let version = outputText(program, "--version") else {
        return nil
    }
    return PeerServer(
        name: "Node", version: version.trimmingCharacters(in: .newlines), [program, "-e", PeerScript.node])
}

/// Built here.
private func startGo() -> PeerServer? {
    guard let compiler = findProgram("go"), let version = outputText(compiler, "env", "GOVERSION") else {
        return nil
    }
    let source = ownGo + ".go"
    guard (try? PeerScript.go.write(toFile: source, atomically: true, encoding: .utf8)) != nil,
        outputText(compiler, "build", "-o", ownGo, source) != nil
    else { return nil }
    return PeerServer(name: "Go", version: version.trimmingCharacters(in: .newlines), [ownGo])
}

/// Removed at the end of bench, and its source with it.
let ownGo = NSTemporaryDirectory() + "/drain-bench-go.\(getpid())"
