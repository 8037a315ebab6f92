import CDrain
import Foundation
import Testing

@testable import Drain

/// A spool by the core's own verbs, so that the disk's side goes on only when it is told to.
final class SlowDisk {
    let place: SpoolPlace
    let spool: OpaquePointer
    private let disk: OpaquePointer
    private let directory: Int32
    private(set) var child: OpaquePointer?

    init(
        _ line: String, head: Int = 1 << 20, tail: Int = 0, most: UInt64 = 1 << 30, keepsEnd: Bool = false,
        patience: Int64 = DRAIN_NEVER
    ) throws {
        place = try SpoolPlace()
        directory = open(place.path, O_RDONLY | O_DIRECTORY)
        var plan = drain_spool_plan(
            directory: directory, prefix: strdup("run.stdout."), suffix: strdup(""), most: most,
            keeps_end: keepsEnd, patience: patience, pipe_size: 0, filtered: false)
        var opened: OpaquePointer?
        var made: OpaquePointer?
        #expect(drain_spool_open(&plan, &opened) == 0 && drain_disk_open(&made) == 0)
        free(UnsafeMutableRawPointer(mutating: plan.prefix))
        free(UnsafeMutableRawPointer(mutating: plan.suffix))
        spool = try #require(opened)
        disk = try #require(made)
        var argv = CStrings(["/bin/sh", "-c", OSString(line)])
        var failure = drain_failure()
        let nothing = drain_means(supervised: false, cgroup: nil, marker: 0, badge: 0, spared: (0, 0))
        let error = argv.withPointers { argv in
            var spec = drain_spec(
                argv: argv, envp: nil, directory: nil, input: -1, rlimits: nil, rlimit_count: 0,
                keep: (drain_keep(head: head, tail: tail), drain_keep(head: 0, tail: 0)), pipe_size: 0,
                shares_output: false, outputs: nil, remote: false, leaves_background: false, events: nil,
                spools: (spool, nil), means: nothing)
            return drain_spawn(&spec, &child, &failure)
        }
        #expect(error == 0)
    }

    deinit {
        if let child { drain_close(child) }
        drain_spool_close(spool)
        drain_disk_close(disk)
        close(directory)
    }

    func pump(for time: Int64 = 20_000_000) -> drain_round {
        var round = drain_round()
        #expect(drain_pump(child!, nil, 0, drain_now() + time, &round) == 0)
        return round
    }

    func step() -> drain_spool_progress { drain_spool_step(spool, disk) }

    /// Until it has written what there is. False if it is not done after that.
    @discardableResult
    func write() -> Bool {
        while true {
            switch step() {
            case DRAIN_SPOOL_MORE: continue
            case DRAIN_SPOOL_DONE: return true
            default: return false
            }
        }
    }

    var carried: Int { Int(drain_look(child!, DRAIN_STDOUT).total) }
    var state: drain_spool_state { drain_spool_look(spool) }
    var onDisk: [UInt8] {
        place.names.flatMap { (try? Data(contentsOf: URL(fileURLWithPath: place.path + "/" + $0))) ?? Data() }
    }
}

@Suite struct SpoolCoreTests {
    private static let flood = "head -c 3000000 /dev/zero"

    @Test(arguments: [(0, 0), (100, 0), (1 << 20, 0), (0, 1000), (1000, 200_000)])
    func `A disk that takes nothing holds the command back, and no deadline`(head: Int, tail: Int) throws {
        let slow = try SlowDisk(Self.flood, head: head, tail: tail)
        var round = drain_round()
        let isHeld = Surroundings.eventually {
            round = slow.pump()
            return round.held
        }
        #expect(isHeld && !round.exited && !round.closed)
        let before = drain_now()
        let later = slow.pump(for: 50_000_000)
        #expect(later.held && later.moved.0 == 0 && drain_now() >= before + 50_000_000)
        // What is in the side pipe was carried, and nothing beyond it.
        #expect(slow.carried < 3_000_000 && slow.carried > 0)
        let isOver = Surroundings.eventually {
            slow.write()
            return slow.pump().closed
        }
        #expect(isOver && slow.write() && slow.carried == 3_000_000 && slow.state.error == 0)
        #expect(slow.onDisk == [UInt8](repeating: 0, count: 3_000_000))
    }

    @Test func `In a hurry a full spool is given up at once, and all of the stream is carried`() throws {
        let slow = try SlowDisk(Self.flood, head: 100)
        #expect(Surroundings.eventually { slow.pump().held })
        let before = slow.carried
        drain_hurry(slow.child!)
        #expect(Surroundings.eventually { slow.pump().closed })
        #expect(slow.carried == 3_000_000 && slow.write())
        #expect(slow.state.error == ETIMEDOUT && slow.state.slow)
        // What went in before is good.
        #expect(slow.onDisk.count == before)
    }

    @Test func `A disk that is waited for only so long loses the spool, not the command`() throws {
        let slow = try SlowDisk(Self.flood, head: 0, tail: 1000, patience: 30_000_000)
        #expect(Surroundings.eventually { slow.pump(for: 1_000_000_000).closed })
        #expect(slow.carried == 3_000_000 && slow.write() && slow.state.slow)
        #expect(!slow.onDisk.isEmpty && slow.onDisk.count < 3_000_000)
    }

    @Test func `A disk that takes what there is now and then is not too slow`() throws {
        let slow = try SlowDisk(Self.flood, head: 0, patience: 5_000_000_000)
        while !slow.pump().closed { slow.write() }
        #expect(slow.write() && slow.state.error == 0 && slow.onDisk.count == 3_000_000)
    }

    @Test func `Never more than the cap is on disk, and what would be removed at once is not written`() throws
    {
        for most in [1, 16, 100, 1000, 100_000] {
            let slow = try SlowDisk("seq 300000", head: 0, most: UInt64(most), keepsEnd: true)
            var isOver = false
            while !isOver {
                isOver = slow.pump().closed
                while slow.step() == DRAIN_SPOOL_MORE { #expect(slow.onDisk.count <= most) }
            }
            #expect(slow.write() && slow.state.error == 0)
            let stream = Array((1...300_000).map { "\($0)\n" }.joined().utf8)
            let kept = slow.onDisk
            #expect(kept == Array(stream.suffix(kept.count)) && kept.count > most * 15 / 16 - 1)
        }
    }

    @Test func `What was written after the report is taken back`() throws {
        for keepsEnd in [false, true] {
            let slow = try SlowDisk(
                Self.flood, head: 0, most: keepsEnd ? 1_600_000 : 1 << 30, keepsEnd: keepsEnd)
            #expect(Surroundings.eventually { slow.pump().held })
            while slow.step() == DRAIN_SPOOL_MORE {}
            var told = slow.state
            let before = slow.onDisk
            #expect(Surroundings.eventually { slow.pump().held })
            while slow.state.parts.0.bytes == told.parts.0.bytes && slow.state.count == told.count {
                _ = slow.step()
            }
            drain_spool_revert(slow.spool, &told)
            #expect(slow.onDisk.count == before.count)
            #expect(Surroundings.eventually { slow.pump().closed } && slow.write())
            #expect(slow.onDisk.count == before.count)
        }
    }
}
