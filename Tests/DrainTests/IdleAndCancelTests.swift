import Testing

@testable import Drain

@Suite("Silence, cancellation and endless times, decided")
struct IdleAndCancelTests {
    // MARK: Idle limit

    @Test("an idle limit is renewed by movement and by nothing else")
    func idleLimit() {
        var script = Script(Timeouts(idle: .seconds(1)))
        script.expect(.wait(until: s(1)))
        script.at(ms(600))
        script.expect(.wait(until: ms(1600)), moved: true)
        script.at(ms(1500))
        script.expect(.wait(until: ms(1600)))
        script.at(ms(1599))
        script.expect(.wait(until: ms(2599)), moved: true)
        script.at(ms(2599))
        script.expect(.signal(.terminate))
        script.expect(.wait(until: ms(7599)))
        #expect(script.machine.cause == .idleLimit)
    }

    @Test("movement seen at the very moment of an idle limit renews it")
    func movementAtTheLimit() {
        var script = Script(Timeouts(idle: .seconds(1)))
        script.at(s(1))
        script.expect(.wait(until: s(2)), moved: true)
    }

    @Test("once the ending has begun, movement stops nothing")
    func movementComesTooLate() {
        var script = Script(Timeouts(idle: .seconds(1)))
        script.at(s(1))
        script.expect(.signal(.terminate))
        script.at(s(2))
        script.expect(.wait(until: s(6)), moved: true)
        script.at(s(6))
        script.expect(.kill, moved: true)
    }

    @Test("of two limits the earlier is waited for, and the wall is named where both are over")
    func bothLimits() {
        var script = Script(Timeouts(wall: .seconds(3), idle: .seconds(2)))
        script.expect(.wait(until: s(2)))
        script.at(s(1) + ms(500))
        script.expect(.wait(until: s(3)), moved: true)
        script.at(s(5))
        script.expect(.signal(.terminate))
        #expect(script.machine.cause == .wallLimit)
    }

    @Test("silence after the exit is not an idle limit's concern")
    func silenceWhileDraining() {
        var script = Script(Timeouts(idle: .milliseconds(10), drainGrace: .seconds(1)))
        script.at(ms(5))
        script.exited = true
        script.expect(.wait(until: s(1) + ms(5)))
        script.at(s(1))
        script.expect(.wait(until: s(1) + ms(5)))
        #expect(script.machine.cause == nil)
    }

    // MARK: Cancellation

    @Test("a cancelled run begins with the usual signal", arguments: [nil, Signal.interrupt])
    func cancelRunning(wish: Signal?) {
        var script = Script(Timeouts(firstSignal: .hangup))
        script.expect(.wait(until: .never))
        script.at(s(1))
        script.cancellation = .init(signal: wish)
        script.expect(.signal(wish ?? .hangup))
        script.expect(.wait(until: s(6)))
        script.at(s(6))
        script.expect(.kill)
        script.expect(.wait(until: s(8)))
        script.at(s(6) + 1)
        (script.exited, script.closed) = (true, true)
        script.look(false)
        script.expectEnd(.cancelled)
    }

    @Test("a wish for SIGKILL is one")
    func cancelWithKill() {
        var script = Script(Timeouts())
        script.cancellation = .init(signal: .kill)
        script.expect(.kill)
        script.expect(.wait(until: s(2)))
    }

    @Test("a wish that is there from the start ends the run at once")
    func cancelledBefore() {
        var script = Script(Timeouts(wall: .seconds(9)))
        script.cancellation = .init(signal: nil)
        script.expect(.signal(.terminate))
        #expect(script.machine.cause == .cancelled)
    }

    @Test("a wish and a limit at once: the wish is named")
    func cancelAndLimit() {
        var script = Script(Timeouts(wall: .seconds(1)))
        script.at(s(1))
        script.cancellation = .init(signal: .quit)
        script.expect(.signal(.quit))
        #expect(script.machine.cause == .cancelled)
    }

    @Test("an exit and a wish at once: the rest is not waited for, but killed")
    func cancelAndExit() {
        var script = Script(Timeouts(background: .leave))
        script.exited = true
        script.cancellation = .init(signal: nil)
        script.expect(.giveUp)
        script.look(true)
        script.expect(.kill)
        script.expect(.wait(until: ms(1)))
        script.at(ms(1))
        script.look(false)
        script.expectEnd(.cancelled)
    }

    @Test("a wish during the ending changes neither cause nor signal")
    func cancelEnding() {
        var script = Script(Timeouts(wall: .seconds(1)))
        script.at(s(1))
        script.expect(.signal(.terminate))
        script.cancellation = .init(signal: .kill)
        script.at(s(2))
        script.expect(.wait(until: s(6)))
        #expect(script.machine.cause == .wallLimit)
    }

    @Test("a wish after SIGKILL changes nothing")
    func cancelKilled() {
        var script = Script(Timeouts(idle: .seconds(1), killAfter: .zero))
        script.at(s(1))
        script.expect(.kill)
        script.cancellation = .init(signal: .interrupt)
        script.expect(.wait(until: s(3)))
        script.at(s(3))
        script.expect(.giveUp)
        script.expectEnd(.idleLimit)
    }

    @Test("a wish during the grace ends it", arguments: Timeouts.Background.allCases)
    func cancelDraining(background: Timeouts.Background) {
        var script = Script(Timeouts(drainGrace: .seconds(60), background: background))
        script.exited = true
        script.expect(.wait(until: s(60)))
        script.at(s(1))
        script.cancellation = .init(signal: nil)
        script.expect(.giveUp)
        script.look(true)
        script.expect(.kill)
        script.expect(.wait(until: s(1) + ms(1)))
        script.at(s(1) + ms(1))
        script.look(false)
        script.expectEnd(.cancelled)
    }

    @Test("a wish during the grace of an ending leaves it its cause and its grace")
    func cancelSettled() {
        var script = Script(Timeouts(wall: .seconds(1)))
        script.at(s(1))
        script.expect(.signal(.terminate))
        script.exited = true
        script.look(false)
        script.expect(.wait(until: s(1) + ms(500)))
        script.cancellation = .init(signal: nil)
        script.at(s(1) + ms(100))
        script.expect(.wait(until: s(1) + ms(500)))
        script.at(s(1) + ms(500))
        script.expect(.giveUp)
        script.expectEnd(.wallLimit)
    }

    @Test("a wish while what was left is swept away changes nothing")
    func cancelSweeping() {
        var script = Script(Timeouts())
        (script.exited, script.closed) = (true, true)
        script.look(true)
        script.expect(.wait(until: ms(1)))
        script.at(ms(10))
        script.look(true)
        script.expect(.kill)
        script.cancellation = .init(signal: .interrupt)
        script.expect(.wait(until: ms(11)))
        script.at(ms(11))
        script.look(true)
        script.expect(.kill)
        script.expect(.wait(until: ms(12)))
        script.at(ms(12))
        script.look(false)
        script.expectEnd(nil)
    }

    // MARK: Times without end

    @Test("limits too long to be told are none")
    func overflow() {
        let endless = Duration.seconds(Int64.max)
        var script = Script(Timeouts(wall: endless, idle: endless), start: s(1))
        script.expect(.wait(until: .never))
        script.at(s(1_000_000_000))
        script.expect(.wait(until: .never), moved: true)
        script.exited = true
        script.at(.max - 5)
        script.expect(.wait(until: .never))
    }

    @Test("a kill that never comes is waited for as a wait that never ends")
    func endlessPatience() {
        var script = Script(Timeouts(wall: .seconds(1), killAfter: .seconds(Int64.max)))
        script.at(s(1))
        script.expect(.signal(.terminate))
        script.expect(.wait(until: .never))
        script.exited = true
        script.look(true)
        script.expect(.wait(until: s(1) + ms(5)))
    }

    @Test("a limit of nothing ends the run at its start, and a negative one is nothing")
    func nothing() {
        for wall in [Duration.zero, .seconds(-1)] {
            var script = Script(Timeouts(wall: wall, killAfter: .seconds(-1)))
            script.expect(.kill)
            #expect(script.machine.cause == .wallLimit)
        }
    }
}
