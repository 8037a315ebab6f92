import Drain
import Floors
import Foundation

/// From the start of a static `true` to its report, against C, and from parents of two sizes.
func spawnGroup(_ tools: Tools) -> Group {
    let (program, kind) = staticTrue(tools)
    let isLarge = !tools.quick && Machine.availableMemory > 8 << 30
    let large = "library, parent with \(isLarge ? "4 GB" : "256 MB") touched"
    let (floor, small) = ("C, posix_spawn and poll", "library, small parent")
    var servers: [OwnServer] = []
    func served(_ name: String, _ bytes: Int) -> Contender {
        let server = OwnServer(touching: bytes)
        servers.append(server)
        return Contender(name: name) { [.wall: try server.ask(program)] }
    }
    let parents = [served(small, 0), served(large, isLarge ? 4_000_000_000 : 256_000_000)]
    return Group(
        name: "spawn", title: "true from start to report", rounds: tools.quick ? 20 : 300, warmups: 5,
        contenders: [
            Contender(name: "library, runBlocking") {
                let start = now()
                _ = try Command(program).runBlocking()
                return [.wall: (now() - start) * 1000]
            },
            Contender(name: floor) {
                let start = now()
                _ = try Floor.shared.run([program])
                return [.wall: (now() - start) * 1000]
            },
        ] + parents,
        columns: [.figure(.wall), .beyondBaseline(.wall), .ratio(.wall)], subject: "library, runBlocking",
        baseline: floor, notes: [kind],
        goals: [Goal(.wall, by: floor, most: 1.1), Goal(.wall, of: large, by: small, most: 1.1)],
        finish: { [servers] in for server in servers { server.stop() } })
}

/// Removed at the end of bench.
let ownTrue = NSTemporaryDirectory() + "/drain-bench-true.\(getpid())"

/// Built here where there is a C compiler and a static C library.
private func staticTrue(_ tools: Tools) -> (path: String, kind: String) {
    let path = ownTrue
    let line = "echo 'int main(void) { return 0; }' | clang -static -O1 -x c -o \(path) - 2>/dev/null"
    guard outputText("sh", "-c", line) != nil else {
        return (tools.trueProgram, "no static true could be built here: the system's, which loads libraries")
    }
    return (path, "true is linked statically")
}

/// bench started by itself, which runs what it is told to and tells how long that took.
final class OwnServer {
    private let bytes: Int
    private var child: (Spawned, requests: CloseOnExecPipe, answers: CloseOnExecPipe)?

    init(touching bytes: Int) { self.bytes = bytes }

    func ask(_ program: String) throws -> Double {
        let (_, requests, answers) = try child ?? start()
        let line = Data((program + "\n").utf8)
        try FileHandle(fileDescriptor: requests.writing, closeOnDealloc: false).write(contentsOf: line)
        var answer = Data()
        while answer.last != UInt8(ascii: "\n") {
            guard answers.readSome(into: &answer) else { throw Failure("the server has ended") }
        }
        guard let wall = Double(String(decoding: answer.dropLast(), as: UTF8.self)) else {
            throw Failure("the server answered something else")
        }
        return wall
    }

    private func start() throws -> (Spawned, requests: CloseOnExecPipe, answers: CloseOnExecPipe) {
        let (requests, answers) = (try CloseOnExecPipe(), try CloseOnExecPipe())
        let spawned = try Spawned(
            [ownPath, OwnErrand.serve, "\(bytes)"], stdin: requests.reading, stdout: answers.writing)
        requests.closeReading()
        answers.closeWriting()
        child = (spawned, requests, answers)
        return (spawned, requests, answers)
    }

    /// Its standard input ends with the pipe, and so does it.
    func stop() {
        child?.requests.closeWriting()
        _ = try? child?.0.finish("bench")
        child = nil
    }
}

let ownPath = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? "bench"

/// What bench does for itself in another process.
enum OwnErrand {
    static let serve = "--serve-runs"
    static let quiet = "--be-quiet-runs"

    static func asked() -> (() -> Int32)? {
        let words = CommandLine.arguments
        guard words.count > 2, let number = Int(words[2]) else { return nil }
        if words[1] == serve { return { runServer(touching: number) } }
        if words[1] == quiet, words.count > 3 { return { runQuiet(number, words[3]) } }
        return nil
    }

    private static func runServer(touching bytes: Int) -> Int32 {
        if bytes > 0 {
            let memory = UnsafeMutablePointer<CChar>.allocate(capacity: bytes)
            floor_touch(memory, bytes)
        }
        while let program = readLine() {
            let start = now()
            guard (try? Command(program).runBlocking()) != nil else { return 1 }
            print((now() - start) * 1000)
            fflush(nil)
        }
        return 0
    }
}

/// A whole output that is kept.
func keptGroup(_ tools: Tools) -> Group {
    let count = 8 << 20
    let writer = [tools.misbehave, "write", "\(count)", "65536"]
    func timed(_ name: String, _ body: @escaping () throws -> Int) -> Contender {
        Contender(name: name) {
            let (start, cpu) = (now(), ownCPU())
            let seen = try body()
            guard seen == count else { throw Failure("\(count) bytes were written and \(seen) seen") }
            return [.wall: (now() - start) * 1000, .cpu: (ownCPU() - cpu) * 1000]
        }
    }
    let floor = "C, read() into a reused buffer"
    return Group(
        name: "kept", title: "8 MiB by 64 KiB, all kept", rounds: tools.quick ? 5 : 100, warmups: 3,
        contenders: [
            timed("library, runBlocking") {
                try Command(writer[0], arguments: Array(writer.dropFirst())).runBlocking().stdout.keptCount
            },
            timed(floor) { try Floor.shared.run(writer, cap: count) },
            timed("Foundation Process") {
                let (process, pipe) = try startProcess(writer)
                defer { process.waitUntilExit() }
                return try pipe.fileHandleForReading.readToEnd()?.count ?? 0
            },
        ]
            + tools.peers.keeping.map { peer in
                Contender(name: peer.name) {
                    let answer = try peer.server.ask(peer.verb, writer, cap: 0)
                    guard answer.bytes == count else { throw Failure("only \(answer.bytes) bytes") }
                    return [.wall: answer.wall * 1000, .cpu: answer.cpu * 1000]
                }
            }, columns: [.figure(.wall), .figure(.cpu), .ratio(.wall), .ratio(.cpu)],
        subject: "library, runBlocking", notes: [warmNote], goals: [Goal(.wall, by: floor, most: 1.15)],
        warmBytes: count)
}
