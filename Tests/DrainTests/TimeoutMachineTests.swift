import Testing

@testable import Drain

@Suite("The end of a run, decided")
struct TimeoutMachineTests {
    static let grace = ms(500)

    // MARK: By itself

    @Test("an exit with both streams closed needs one look for what was left")
    func exit() {
        var script = Script(Timeouts())
        script.expect(.wait(until: .never))
        script.at(ms(3))
        (script.exited, script.closed) = (true, true)
        script.look(false)
        script.expectEnd(nil)
    }

    @Test("a program that ends with closed streams is waited for, limits or not")
    func closedStreamsAreNoExit() {
        var script = Script(Timeouts())
        script.closed = true
        script.expect(.wait(until: .never))
        script.at(s(1000))
        script.expect(.wait(until: .never))
    }

    @Test("a held stream has the grace, then it is given up and its holders killed")
    func heldStream() {
        var script = Script(Timeouts())
        script.at(s(1))
        script.exited = true
        script.expect(.wait(until: s(1) + Self.grace))
        script.at(s(1) + Self.grace - 1)
        script.expect(.wait(until: s(1) + Self.grace))
        script.at(s(1) + Self.grace)
        script.expect(.giveUp)
        script.look(true)
        script.expect(.kill)
        script.expect(.wait(until: script.now + ms(1)))
        script.at(script.now + ms(1))
        script.look(false)
        script.expectEnd(nil)
    }

    @Test("the grace counts from the exit, and movement does not renew it")
    func graceIsNotRenewed() {
        var script = Script(Timeouts())
        script.at(s(1))
        script.exited = true
        script.expect(.wait(until: s(1) + Self.grace), moved: true)
        script.at(s(1) + ms(400))
        script.expect(.wait(until: s(1) + Self.grace), moved: true)
        script.at(s(1) + ms(500))
        script.expect(.giveUp, moved: true)
    }

    @Test("streams that close within the grace end the waiting")
    func streamsCloseInGrace() {
        var script = Script(Timeouts())
        script.at(s(1))
        script.exited = true
        script.expect(.wait(until: s(1) + Self.grace))
        script.at(s(1) + ms(1))
        script.closed = true
        script.look(false)
        script.expectEnd(nil)
    }

    @Test("what does not die after SIGKILL is a survivor after two seconds")
    func survivors() {
        var script = Script(Timeouts())
        (script.exited, script.closed) = (true, true)
        script.look(true)
        script.expect(.wait(until: ms(1)))
        script.at(ms(10))
        script.look(true)
        script.expect(.kill)
        script.expect(.wait(until: ms(11)))
        script.at(ms(10) + s(2) - 1)
        script.look(true)
        // It may have forked.
        script.expect(.kill)
        script.expect(.wait(until: ms(10) + s(2)))
        script.at(ms(10) + s(2))
        script.look(true)
        script.expectEnd(nil)
    }

    @Test("what has closed its streams is given a moment to end by itself")
    func courtesy() {
        var script = Script(Timeouts())
        (script.exited, script.closed) = (true, true)
        script.look(true)
        script.expect(.wait(until: ms(1)))
        script.at(ms(1))
        script.look(false)
        script.expectEnd(nil)
    }

    @Test("a background that is left is neither looked for nor killed")
    func backgroundIsLeft() {
        var script = Script(Timeouts(background: .leave))
        script.exited = true
        script.expect(.wait(until: Self.grace))
        script.at(Self.grace)
        script.expect(.giveUp)
        script.expectEnd(nil)

        script = Script(Timeouts(background: .leave))
        (script.exited, script.closed) = (true, true)
        script.expectEnd(nil)
    }

    @Test("without a grace a held stream is given up at once")
    func noGrace() {
        var script = Script(Timeouts(drainGrace: .zero))
        script.exited = true
        script.expect(.giveUp)
        script.look(false)
        script.expectEnd(nil)
    }

    @Test("while a spool has no room for what the leader wrote, the grace has not begun")
    func heldBack() {
        for grace in [Duration.zero, .seconds(1)] {
            var script = Script(Timeouts(wall: .seconds(100), drainGrace: grace))
            script.exited = true
            script.held = true
            for time in [s(1), s(50)] {
                script.at(time)
                script.expect(.wait(until: s(100)))
            }
            script.held = false
            if grace > .zero { script.expect(.wait(until: s(51))) }
            script.at(s(51))
            script.expect(.giveUp)
            script.look(false)
            script.expectEnd(nil)
        }
    }

    @Test("a wall limit and a wish for an end do not wait for a spool")
    func heldBackInVain() {
        var script = Script(Timeouts(wall: .seconds(100)))
        script.exited = true
        script.held = true
        script.at(s(100))
        script.expect(.giveUp)
        script = Script(Timeouts())
        script.exited = true
        script.held = true
        script.expect(.wait(until: .never))
        script.cancellation = .init(signal: nil)
        script.expect(.giveUp)
    }

    // MARK: Wall limit

    @Test("a wall limit: the first signal, then SIGKILL, then a leader stuck in the kernel is given up")
    func wallLimit() {
        var script = Script(Timeouts(wall: .seconds(10)), start: s(5))
        script.expect(.wait(until: s(15)))
        script.at(s(15) - 1)
        script.expect(.wait(until: s(15)), moved: true)
        script.at(s(15))
        script.expect(.signal(.terminate))
        script.expect(.wait(until: s(20)))
        script.at(s(20) - 1)
        script.expect(.wait(until: s(20)))
        script.at(s(20))
        script.expect(.kill)
        script.expect(.wait(until: s(22)))
        script.at(s(22) - 1)
        script.expect(.wait(until: s(22)))
        script.at(s(22))
        script.expect(.giveUp)
        script.expectEnd(.wallLimit)
    }

    @Test("a first signal of the caller's is the one sent")
    func ownSignal() {
        var script = Script(Timeouts(wall: .seconds(1), firstSignal: .interrupt))
        script.at(s(3))
        script.expect(.signal(.interrupt))
        script.expect(.wait(until: s(8)))
    }

    @Test("a leader that obeys, with nobody left, ends the run when its streams do")
    func leaderObeys() {
        var script = Script(Timeouts(wall: .seconds(1)))
        script.at(s(1))
        script.expect(.signal(.terminate))
        script.expect(.wait(until: s(6)))
        script.at(s(1) + ms(2))
        (script.exited, script.closed) = (true, true)
        script.look(false)
        script.expectEnd(.wallLimit)
    }

    @Test("others that outlive an obedient leader are killed when their time is over")
    func othersOutliveLeader() {
        var script = Script(Timeouts(wall: .seconds(1), killAfter: .seconds(1)))
        script.at(s(1))
        script.expect(.signal(.terminate))
        script.at(s(1) + ms(10))
        script.exited = true
        script.look(true)
        script.expect(.wait(until: s(1) + ms(15)))
        script.at(s(2) - ms(1))
        script.look(true)
        script.expect(.wait(until: s(2)))
        script.at(s(2))
        script.look(true)
        script.expect(.kill)
        script.look(true)
        script.expect(.kill)
        script.expect(.wait(until: s(2) + ms(1)))
        script.at(s(2) + ms(1))
        script.look(false)
        // Whoever left the group may hold a stream still: it has the grace.
        script.expect(.wait(until: s(2) + ms(1) + Self.grace))
        script.at(s(2) + ms(1) + Self.grace)
        script.expect(.giveUp)
        script.expectEnd(.wallLimit)
    }

    @Test("others that end before their time spare everybody SIGKILL")
    func othersEndEarly() {
        var script = Script(Timeouts(wall: .seconds(1)))
        script.at(s(1))
        script.expect(.signal(.terminate))
        script.at(s(1) + ms(10))
        script.exited = true
        script.look(true)
        script.expect(.wait(until: s(1) + ms(15)))
        script.at(s(1) + ms(15))
        script.look(false)
        script.expect(.wait(until: s(1) + ms(15) + Self.grace))
        script.closed = true
        script.at(s(1) + ms(16))
        script.expectEnd(.wallLimit)
    }

    @Test("without a time to obey SIGKILL is first")
    func killAtOnce() {
        var script = Script(Timeouts(wall: .seconds(1), killAfter: .zero))
        script.at(s(1))
        script.expect(.kill)
        script.expect(.wait(until: s(3)))
        script.at(s(1) + ms(1))
        (script.exited, script.closed) = (true, true)
        script.look(false)
        script.expectEnd(.wallLimit)
    }

    @Test("SIGKILL as the first signal is not followed by a second one")
    func firstSignalIsKill() {
        var script = Script(Timeouts(wall: .seconds(1), firstSignal: .kill))
        script.at(s(1))
        script.expect(.kill)
        script.expect(.wait(until: s(3)))
    }

    @Test("members that outlive SIGKILL beside a dead leader are waited for two seconds")
    func othersStuck() {
        var script = Script(Timeouts(wall: .seconds(1), killAfter: .zero))
        script.at(s(1))
        script.expect(.kill)
        script.at(s(2))
        script.exited = true
        script.look(true)
        script.expect(.kill)
        script.expect(.wait(until: s(2) + ms(1)))
        script.at(s(3))
        script.look(true)
        script.expect(.wait(until: s(3) + Self.grace))
        script.at(s(3) + Self.grace)
        script.expect(.giveUp)
        script.expectEnd(.wallLimit)
    }

    @Test("an exit that is seen together with a limit came first")
    func exitAndLimitAtOnce() {
        var script = Script(Timeouts(wall: .seconds(1), idle: .milliseconds(500)))
        script.at(s(1))
        (script.exited, script.closed) = (true, true)
        script.look(false)
        script.expectEnd(nil)
    }

    @Test("a wall limit bounds the grace, and is not the cause then")
    func wallLimitBoundsGrace() {
        var script = Script(Timeouts(wall: .seconds(1), drainGrace: .seconds(60)))
        script.at(ms(900))
        script.exited = true
        script.expect(.wait(until: s(1)))
        script.at(s(1))
        script.expect(.giveUp)
        script.look(false)
        script.expectEnd(nil)

        script = Script(Timeouts(wall: .seconds(1)))
        script.at(s(2))
        script.exited = true
        script.expect(.giveUp)
        script.look(false)
        script.expectEnd(nil)
    }
}
