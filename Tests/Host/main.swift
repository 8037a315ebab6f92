// A host of the library, for tests that end it: runs one command and prints its report.
//
//     drain-host METHOD [SETTING]... -- COMMAND [ARGUMENT]...
//
// METHOD is automatic, strongest, cgroup, sweep, group, or the path of a drain-run that supervises.
//
// limit=MILLISECONDS   a wall limit
// register=DIRECTORY   keeps the run in a register there
// background=leave     leaves what the command left
// sigchld=ignored      as a host that has the kernel reap its children
// sigchld=waited       as a host that waits for any child in another thread
// descriptors=COUNT    as a host that has so many open
//
// An end of file on standard input cancels the run.

import Drain

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

func method(_ name: String) -> Timeouts.KillMethod {
    switch name {
    case "automatic": .automatic
    case "strongest": .strongest
    case "cgroup": .cgroup
    case "sweep": .sweep
    case "group": .group
    default: .supervisor(drainRun: OSString(name))
    }
}

func startThread(_ body: @escaping @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer?) {
    var thread = pthread_t()
    pthread_create(&thread, nil, body, nil)
}

let cancellation = try Cancellation()
let words = CommandLine.arguments
let middle = words.firstIndex(of: "--") ?? words.count
var timeouts = Timeouts(
    killAfter: .milliseconds(100), drainGrace: .milliseconds(100), killMethod: method(words[1]))
var registry: RunRegistry?
for setting in words[2..<middle] {
    let parts = setting.split(separator: "=").map(String.init)
    switch (parts[0], parts[1]) {
    case ("limit", let value): timeouts.wall = .milliseconds(Int(value)!)
    case ("register", let path): registry = try RunRegistry(OSString(path))
    case ("background", _): timeouts.background = .leave
    case ("sigchld", "ignored"): _ = signal(SIGCHLD, SIG_IGN)
    case ("sigchld", _):
        startThread { _ in
            while true { if waitpid(-1, nil, 0) < 0 { usleep(100) } }
        }
    case ("descriptors", let value):
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        limit.rlim_cur = limit.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        // Inheritable, as those of careless hosts are.
        for _ in 0..<Int(value)! { dup(2) }
    default: fatalError("what is '\(setting)'?")
    }
}
startThread { _ in
    var byte: UInt8 = 0
    while read(0, &byte, 1) > 0 {}
    cancellation.cancel()
    return nil
}
do {
    let report = try Command(words[(middle + 1)...].map { OSString($0) }).runBlocking(
        timeouts: timeouts, cancellation: cancellation, registry: registry)
    print(report.json())
} catch {
    print("{\"refused\": \"\(error.kind)\"}")
    exit(1)
}
