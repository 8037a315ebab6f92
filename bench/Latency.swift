import Drain
import Foundation

/// From the start of `true` to knowing that it has ended.
func latencyGroup(_ tools: Tools) -> Group {
    let program = tools.trueProgram
    func spawning(_ name: String, _ command: [String]) -> Contender {
        Contender(name: name) { try spawnQuietly(command) }
    }
    let bare = "bare true, posix_spawn"
    var contenders = [
        spawning(bare, [program]),
        spawning("drain-run -- true", [tools.drainRun.path, "--", program]),
    ]
    if let timeout = tools.timeout {
        contenders.append(spawning("timeout 10 true", [timeout, "10", program]))
    }
    contenders += [
        Contender(name: "library, runBlocking") {
            try timed {
                let report = try Command(program).runBlocking()
                guard report.exitCode == 0 else { throw Failure("true: \(report.outcome)") }
            }
        },
        Contender(name: "Foundation Process") { try timed { try runInFoundation(program) } },
    ]
    for peer in tools.peers.keeping {
        contenders.append(
            Contender(name: peer.name) {
                [.wall: try peer.server.ask(peer.verb, [program], cap: 0).wall * 1000]
            })
    }
    return Group(
        name: "latency", title: "true from start to end", rounds: tools.quick ? 50 : 200, warmups: 5,
        contenders: contenders, columns: [.figure(.wall), .beyondBaseline(.wall), .ratio(.wall)],
        subject: "drain-run -- true", baseline: bare,
        notes: [
            "adds: beyond bare true, of the medians and the median of the rounds",
            "drain-run: \(tools.drainRun.kind); the last ones run inside of a process that is there already",
        ],
        goals: [Goal(.wall, by: "timeout 10 true", most: 1.8)])
}

private func timed(_ body: () throws -> Void) throws -> Sample {
    let start = now()
    try body()
    return [.wall: (now() - start) * 1000]
}

private func spawnQuietly(_ command: [String]) throws -> Sample {
    let null = open("/dev/null", O_WRONLY | O_CLOEXEC)
    defer { close(null) }
    let start = now()
    let end = try Spawned(command, stdout: null).finish(command[0]).at
    return [.wall: (end - start) * 1000]
}

private func runInFoundation(_ program: String) throws {
    let (process, pipe) = try startProcess([program])
    _ = try pipe.fileHandleForReading.readToEnd()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else { throw Failure("true failed in Foundation") }
}
