// Figures of Drain beside those of its peers, taken in the same run, in turns.

import Foundation

if let peer = MemoryPeer.asked() { exit(peer.run()) }
if let errand = OwnErrand.asked() { exit(errand()) }

do {
    let options = try BenchOptions(CommandLine.arguments.dropFirst())
    switch options.errand {
    case .help: print(BenchOptions.help)
    case .list: for suite in Suite.allCases { print("\(suite.rawValue)  \(suite.about)") }
    case .run:
        let tools = try Tools(options)
        let start = now()
        let results = options.suites.flatMap { suite in
            suite.groups(tools).map { group in
                print("\n\(group.name): \(group.title)")
                let result = group.run()
                group.finish()
                print(Table(result).text)
                if !tools.quick { for line in result.verdicts { print("  " + line) } }
                fflush(nil)
                return result
            }
        }
        print(String(format: "\nall of it took %.0f s", now() - start))
        for peer in tools.peers.all { peer.stop() }
        for file in [ownTrue, ownGo, ownGo + ".go"] { unlink(file) }
        if let file = options.jsonFile { try Record(tools, results).write(to: file) }
        if let directory = options.charts { try Chart.write(results, to: directory) }
        exit(results.contains { $0.hasFailed } ? 1 : 0)
    }
} catch {
    complain("\(error)")
    exit(error is Usage ? 2 : 1)
}
