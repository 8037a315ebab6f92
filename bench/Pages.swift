import Drain
import Foundation

/// Those that find a page of a long log.
func pageGroups(_ tools: Tools) -> [Group] {
    let work = PageWork(count: tools.quick ? 128 << 20 : 1 << 30)
    let middle = work.lineCount / 2
    var numbered = [
        Contender(name: "library, PageReader") { try work.library(.lines(from: middle, count: 1000)) },
        Contender(name: "library, the same reader again") {
            try work.library(.lines(from: middle, count: 1000), again: true)
        },
        Contender(name: "sed -n 'A,Bp;Bq'") {
            try work.tool(["sed", "-n", "\(middle + 1),\(middle + 1000)p;\(middle + 1000)q"], lines: 1000)
        },
        Contender(name: "tail -n +A | head") {
            let script = "tail -n +\(middle + 1) \"$0\" | head -n 1000"
            return try work.tool(["sh", "-c", script], lines: 1000)
        },
    ]
    if let python = tools.peers.python {
        numbered.append(
            Contender(name: "Python, islice") {
                let script = """
                    import itertools, sys
                    with open(sys.argv[1], "rb") as log:
                        sys.stdout.buffer.writelines(itertools.islice(log, \(middle), \(middle + 1000)))
                    """
                return try work.tool([python.executable, "-c", script], lines: 1000)
            })
    }
    let last = [
        Contender(name: "library, PageReader") { try work.library(.lines(from: -10, count: 10)) },
        Contender(name: "tail -n 10") { try work.tool(["tail", "-n", "10"], lines: 10) },
    ]
    func group(_ name: String, _ title: String, _ contenders: [Contender], _ notes: [String] = []) -> Group {
        Group(
            name: name, title: title, rounds: tools.quick ? 1 : 5, warmups: 1, contenders: contenders,
            columns: [.figure(.wall), .ratio(.wall)], subject: "library, PageReader", notes: notes)
    }
    return [
        group(
            "pages", "1,000 lines from the middle of \(size(work.count)) of lines of 80 bytes, by number",
            numbered, ["a new reader for each round, but for the second row; the log is in memory"]),
        group("last page", "the last 10 lines of the same", last),
    ]
}

/// A log, and how the contenders read it.
private final class PageWork {
    let count: Int
    var lineCount: Int { count / PageWork.line.count }
    private static let line = Data((String(repeating: "a line of a log ", count: 5).dropLast() + "\n").utf8)
    private let path: String
    private var isWritten = false
    private var reader: PageReader?

    init(count: Int) {
        self.count = count / PageWork.line.count * PageWork.line.count
        path = NSTemporaryDirectory() + "/drain-bench-pages.\(getpid())"
    }

    deinit { unlink(path) }

    /// Written when it is first asked for.
    private func log() throws -> String {
        if isWritten { return path }
        var block = Data()
        for _ in 0..<(1 << 14) { block += PageWork.line }
        _ = FileManager.default.createFile(atPath: path, contents: nil)
        guard let file = FileHandle(forWritingAtPath: path) else { throw Failure("cannot write \(path)") }
        var left = count
        while left > 0 {
            try file.write(contentsOf: block.prefix(left))
            left -= min(left, block.count)
        }
        try file.close()
        isWritten = true
        return path
    }

    func library(_ request: PageRequest, again: Bool = false) throws -> Sample {
        let files = SpoolFiles(paths: [OSString(try log())], bytes: count)
        let start = now()
        let used = try (again ? reader : nil) ?? PageReader(files)
        let page = try used.page(request)
        let wall = now() - start
        reader = used
        guard page.bytes.count == request.count * PageWork.line.count else {
            throw Failure("a page of \(page.bytes.count) bytes")
        }
        return [.wall: wall * 1000]
    }

    /// A program that is given the path last and prints the lines.
    func tool(_ words: [String], lines: Int) throws -> Sample {
        let path = try log()
        let start = now()
        let pipe = try CloseOnExecPipe()
        let child = try Spawned(words + [path], stdout: pipe.writing)
        pipe.closeWriting()
        var data = Data()
        while pipe.readSome(into: &data) {}
        _ = try child.finish(words[0])
        let wall = now() - start
        guard data.count == lines * PageWork.line.count else { throw Failure("\(data.count) bytes came") }
        return [.wall: wall * 1000]
    }
}
