import Foundation

/// A wrong command line.
struct Usage: Error, CustomStringConvertible {
    let description: String
}

/// Something measured did not work.
struct Failure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// The sets of measurements that can be asked for.
enum Suite: String, CaseIterable {
    case bulk, tiny, capture, tail, latency, spawn, kept, burst, cancel, quiet, pingpong
    case flood, growth, memory
    case events, lines, json, spool, pages

    var about: String {
        switch self {
        case .bulk: "a child that writes much by 64 KiB, past the cap"
        case .tiny: "a child that writes 100 bytes at a time, past the cap"
        case .capture: "a child that writes 100 bytes at a time, all kept"
        case .tail: "a child that writes much, of which the end is kept"
        case .spawn: "the library against posix_spawn in C, and from a large parent"
        case .kept: "8 MiB, all kept"
        case .burst: "many children at once that print 1 KiB each"
        case .cancel: "many children at once that are cancelled together"
        case .quiet: "many children at once that print ten lines a second"
        case .pingpong: "what looking away adds to the answers of a child"
        case .flood: "children that are answered, beside one that floods"
        case .growth: "more and more output"
        case .latency: "start to end of true"
        case .events: "a few events out of a long transcript in NDJSON"
        case .json: "a long text written as JSON, plain or not"
        case .pages: "a page of a long log"
        case .spool: "a child of which all goes to disk"
        case .lines: "every line of a child that writes fast"
        case .memory: "peak resident size of whoever drains"
        }
    }

    func groups(_ tools: Tools) -> [Group] {
        switch self {
        case .bulk:
            [
                drainGroup(
                    "bulk", count: tools.quick ? 512 << 20 : 4 << 30, block: 64 << 10,
                    goals: [
                        Goal(.wall, by: "| cat >/dev/null", most: 0.75),
                        Goal(.wall, by: "C, poll and splice", most: 1.03),
                    ], tools)
            ]
        case .tiny:
            [
                drainGroup(
                    "tiny", count: tools.quick ? 20_000_000 : 100 << 20, block: 100,
                    goals: [
                        Goal(.wall, by: "| cat >/dev/null", most: 0.6),
                        Goal(.cpu, by: "| cat >/dev/null", most: 0.05),
                    ], tools)
            ]
        case .capture:
            [
                drainGroup(
                    "capture", count: tools.quick ? 20_000_000 : 100 << 20, block: 100,
                    goals: [Goal(.cpu, by: "| cat >/dev/null", most: 0.3)], cap: 256 << 20, tools)
            ]
        case .tail: [tailGroup(tools)]
        case .spawn: [spawnGroup(tools)]
        case .kept: [keptGroup(tools)]
        case .burst: [burstGroup(tools)]
        case .cancel: [cancelGroup(tools)]
        case .quiet: [quietGroup(tools)]
        case .pingpong: [pingPongGroup(tools)]
        case .latency: [latencyGroup(tools)]
        case .flood: [floodGroup(tools)]
        case .growth: [growthGroup(tools)]
        case .memory: [memoryGroup(tools)]
        case .events: [eventsGroup(tools)]
        case .json: [jsonGroup(tools)]
        case .lines: [linesGroup(tools)]
        case .spool: spoolGroups(tools)
        case .pages: pageGroups(tools)
        }
    }
}

struct BenchOptions {
    enum Errand { case run, list, help }

    var errand = Errand.run
    var suites = Suite.allCases
    var quick = false
    var builds = true
    var drainRun: String?
    var jsonFile: String?
    var charts: String?

    static let help = """
        Usage: swift run -c release bench [OPTION]...

        Measures Drain beside its peers and prints a table for each set of measurements.

          --quick           fewer and smaller runs, of the drain-run next to bench; nothing is judged
          --only NAME       this set only (repeatable)
          --list            the sets there are
          --json FILE       also write every figure, the machine and the versions to FILE
          --charts DIR      also draw the medians of each set as SVG, into DIR
          --drain-run PATH  measure this drain-run
          --no-build        measure the drain-run next to bench; without this, --quick and
                            --drain-run, one is built as for installing, statically linked
          --help            this text

        Exits with 1 if something that was measured did not work, never because of a figure.
        """

    init(_ words: some Sequence<String>) throws {
        var rest = Array(words)[...]
        var only: [Suite] = []
        while let word = rest.popFirst() {
            func value() throws -> String {
                guard let value = rest.popFirst() else { throw Usage(description: "\(word) needs a value") }
                return value
            }
            switch word {
            case "--quick": (quick, builds) = (true, false)
            case "--only": only.append(try Self.suite(try value()))
            case "--list": errand = .list
            case "--json": jsonFile = try value()
            case "--charts": charts = try value()
            case "--drain-run": drainRun = try value()
            case "--no-build": builds = false
            case "--help", "-h": errand = .help
            default: throw Usage(description: "unknown option '\(word)'; see --help")
            }
        }
        if !only.isEmpty { suites = Suite.allCases.filter(only.contains) }
    }

    private static func suite(_ name: String) throws -> Suite {
        if let suite = Suite(rawValue: name) { return suite }
        let names = Suite.allCases.map(\.rawValue).joined(separator: ", ")
        throw Usage(description: "--only: there is no '\(name)'; there are \(names)")
    }
}

func complain(_ message: String) {
    FileHandle.standardError.write(Data("bench: \(message)\n".utf8))
}
