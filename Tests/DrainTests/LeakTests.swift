import CDrain
import Foundation
import Testing

@testable import Drain

@Suite("Nothing is left over")
struct LeakTests {
    /// What a process has of what a run could leave behind.
    struct Count: Equatable {
        var descriptors = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count) ?? -1
        var children = LeakTests.children()
        var threads = Int(Surroundings.status("Threads") ?? "") ?? -1
        var address = LeakTests.kilobytes("VmSize")
    }

    static func children() -> Int {
        let tasks = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/task")) ?? []
        return tasks.reduce(0) { sum, task in
            sum + Surroundings.read("/proc/self/task/\(task)/children").split(separator: " ").count
        }
    }

    static func kilobytes(_ name: String) -> Int {
        Int(Surroundings.status(name)?.split(separator: " ").first ?? "") ?? -1
    }

    /// One of several kinds of run, with caps that would be missed.
    static func run(_ kind: Int) throws {
        let limits = Limits(bytes: 1 << 20)
        let soon = Timeouts(wall: .seconds(60), drainGrace: .milliseconds(2))
        var command = Command("true")
        switch kind % 10 {
        case 0: _ = try sh("exit 3", limits)
        case 1: #expect(refusal(Command("/nowhere/at/all")) != nil)
        case 2: _ = try sh("sleep 600 &", limits, soon)
        case 3: _ = try sh("sleep 600", limits, Timeouts(wall: .milliseconds(5)))
        case 4:
            command.workingDirectory = "/nowhere"
            #expect(refusal(command) != nil)
        case 5:
            command.standardInput = .bytes([UInt8](repeating: 65, count: 100_000))
            _ = try command.runBlocking(limits: limits)
        case 6:
            command.standardInput = .file("/nowhere")
            #expect(refusal(command) != nil)
        case 7:
            let cancellation = try Cancellation()
            cancellation.cancel()
            _ = try Command("sleep", "600").runBlocking(limits: limits, cancellation: cancellation)
        case 8: _ = try sh("seq 1 100000; kill -9 $$", Limits(bytes: 1 << 20, keep: .both))
        default:
            command.resources = ResourceLimits(openFiles: 1 << 40)
            #expect(refusal(command) != nil)
        }
    }

    @Test("three hundred runs of every kind leave no descriptor, child, thread or memory")
    func leaks() async {
        await #expect(processExitsWith: .success) {
            // First, that the counters count.
            let nothing = Count()
            let descriptors = (0..<16).map { _ in open("/dev/null", O_RDONLY | O_CLOEXEC) }
            let memory = mmap(nil, 200 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
            var child = pid_t()
            var words: [UnsafeMutablePointer<CChar>?] = [strdup("true"), nil]
            #expect(posix_spawn(&child, "/bin/true", nil, nil, &words, environ) == 0)
            free(words[0])
            let something = Count()
            // The test library may open and close some of its own meanwhile.
            #expect(something.descriptors >= nothing.descriptors + 12)
            #expect(something.children == nothing.children + 1)
            #expect(something.address >= nothing.address + 200 << 10)
            for descriptor in descriptors { close(descriptor) }
            munmap(memory, 200 << 20)
            waitpid(child, nil, 0)

            for kind in 0..<20 { try LeakTests.run(kind) }
            let before = Count()
            for kind in 0..<300 { try LeakTests.run(kind) }
            let after = Count()
            #expect(after.descriptors <= before.descriptors + 4, "\(before) \(after)")
            #expect(after.children == before.children, "\(before) \(after)")
            // Swift's own pool may still have been growing.
            #expect(after.threads <= before.threads + 4, "\(before) \(after)")
            // Two buffers of 1 MiB in each of 180 runs would be 360 MiB; malloc reserves 64 MiB for a new
            // thread of the pool.
            #expect(after.address < before.address + 256 << 10, "\(before) \(after)")
        }
    }

    @Test("asynchronous runs leave no descriptor, child or thread either")
    func asyncLeaks() async {
        await #expect(processExitsWith: .success) {
            _ = try await Command("true").run()
            let before = Count()
            for _ in 0..<10 {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for _ in 0..<10 { group.addTask { _ = try await Command("true").run() } }
                    try await group.waitForAll()
                }
            }
            // A thread ends a moment after its work, and the pool has its own.
            let calm = Surroundings.eventually { Count().threads <= before.threads + 8 }
            let after = Count()
            #expect(calm && after.descriptors <= before.descriptors + 4 && after.children == before.children)
        }
    }

    @Test("a large report is written without another copy of it in memory")
    func memory() async {
        await #expect(processExitsWith: .success) {
            let cap = 64 << 20
            let program = Surroundings.misbehave
            let line = "'\(program)' write \(cap) 65536; '\(program)' write \(cap) 65536 stderr"
            let report = try sh(line, Limits(bytes: cap), Timeouts(wall: .seconds(300)))
            #expect(report.stdout.keptCount == cap && report.stderr.keptCount == cap)
            var count = 0
            var writer = JSONWriter<Never> { count += $0.byteCount }
            writer.value("warm up")
            let clear = open("/proc/self/clear_refs", O_WRONLY)
            #expect(Glibc.write(clear, "5", 1) == 1)
            close(clear)
            let before = LeakTests.kilobytes("VmHWM")
            report.write(to: &writer)
            writer.flush()
            let after = LeakTests.kilobytes("VmHWM")
            // Each newline takes two.
            #expect(count > 2 * cap && before > 2 * cap >> 10)
            // ThreadSanitizer takes twice what is read for notes of its own.
            let isWatched = dlsym(nil, "__tsan_init") != nil
            #expect(isWatched || after - before < 4 << 10, "\(after - before) KiB more")
        }
    }
}
