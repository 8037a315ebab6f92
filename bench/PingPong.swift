import Foundation

/// What goes to a child and comes back through whoever passes it on, and how long that takes.
func pingPongGroup(_ tools: Tools) -> Group {
    let rounds = tools.quick ? 200 : 2000
    let (subject, peer) = ("drain-run --live -- cat", "cat | cat")
    func contender(_ name: String, _ command: [String]) -> Contender {
        Contender(name: name) { try PingPong(command).measure(rounds) }
    }
    return Group(
        name: "pingpong", title: "round trip over a child's standard input", rounds: tools.quick ? 1 : 5,
        contenders: [
            contender(subject, [tools.drainRun.path, "--live", "--", "cat"]),
            contender(peer, ["sh", "-c", "cat | cat"]),
        ], columns: [.figure(.usual), .figure(.rare), .figure(.first)], subject: subject,
        notes: [
            "first byte: after a burst of 500 lines, one by one, and 5 ms of silence",
            "its noise: by how much the rounds of \(peer) differ, from least to most",
        ],
        goals: [
            Goal(.rare, by: peer, isDifference: true, most: 1),
            Goal(.first, by: peer, isDifference: true, .noise),
        ])
}

private final class PingPong {
    private let (requests, answers): (CloseOnExecPipe, CloseOnExecPipe)
    private let child: Spawned
    private var room = [UInt8](repeating: 0, count: 65536)

    init(_ command: [String]) throws {
        (requests, answers) = (try CloseOnExecPipe(), try CloseOnExecPipe())
        child = try Spawned(command, stdin: requests.reading, stdout: answers.writing)
        requests.closeReading()
        answers.closeWriting()
    }

    func measure(_ rounds: Int) throws -> Sample {
        var trips: [Double] = []
        var firsts: [Double] = []
        for _ in 0..<rounds { trips.append(try trip()) }
        for _ in 0..<20 {
            for _ in 0..<500 { try send() }
            try receive(500 * 8)
            usleep(5000)
            firsts.append(try trip())
        }
        requests.closeWriting()
        var rest = Data()
        while answers.readSome(into: &rest) {}
        _ = try child.finish("the child")
        let ordered = trips.sorted()
        return [
            .usual: ordered[rounds / 2], .rare: ordered[rounds * 99 / 100], .first: firsts.median ?? 0,
        ]
    }

    private func trip() throws -> Double {
        let start = now()
        try send()
        try receive(8)
        return (now() - start) * 1000
    }

    private func send() throws {
        guard write(requests.writing, "1234567\n", 8) == 8 else { throw Failure("the child does not read") }
    }

    private func receive(_ count: Int) throws {
        var left = count
        while left > 0 {
            let count = read(answers.reading, &room, room.count)
            if count == 0 { throw Failure("the child has ended") }
            if count > 0 { left -= count }
        }
    }
}
