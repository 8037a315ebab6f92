// Many runs in one process, of every kind, and what they leave in it.
//
//     swift run -c release soak [COUNT]
//
// Descriptors, mappings, threads and resident memory must end where they were after the first thousand runs;
// that the counters count is shown first.

import Drain

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

let count = CommandLine.arguments.dropFirst().first.flatMap { Int($0) } ?? 3000
let warmUp = 1000

guard count > warmUp else {
    print("soak: the count must be above \(warmUp)")
    exit(2)
}

var failures = Counter.misjudgements()
for failure in failures { print(failure) }

let runs = Runs()
await runs.perform(warmUp)
let before = await Counter.settled { _ in true }
print("after \(warmUp) runs: \(before)")
// The rest may take long, and somebody may be watching a file.
fflush(nil)
await runs.perform(count - warmUp)
let after = await Counter.settled { $0.excess(over: before).isEmpty }
print("after \(count) runs: \(after)")
print(runs.summary)
failures += after.excess(over: before) + runs.surprises
for failure in failures { print(failure) }
print(failures.isEmpty ? "passed" : "\(failures.count) failed")
exit(failures.isEmpty ? 0 : 1)
