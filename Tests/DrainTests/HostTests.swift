import CDrain
import Foundation
import Testing

@testable import Drain

/// What passes between a host and a command, each in a process of its own: what is done to the host
/// here would be felt by other tests.
@Suite("Host and command leave each other alone")
struct HostTests {
    @Test("a command has no signal blocked, ignored or caught, whatever its host has")
    func signals() async {
        await #expect(processExitsWith: .success) {
            signal(SIGPIPE, SIG_IGN)
            signal(SIGCHLD, SIG_DFL)
            signal(SIGINT, SIG_IGN)
            signal(SIGUSR2) { _ in }
            var blocked = sigset_t()
            sigemptyset(&blocked)
            sigaddset(&blocked, SIGUSR1)
            sigaddset(&blocked, SIGTERM)
            sigaddset(&blocked, 40)
            pthread_sigmask(SIG_SETMASK, &blocked, nil)
            let before = Surroundings.read("/proc/thread-self/status")

            let child = try Command("cat", "/proc/self/status").runBlocking().stdout.text
            for name in ["SigBlk", "SigIgn", "SigCgt"] {
                let value = Surroundings.status(name, in: child)
                #expect(value == "0000000000000000", "\(name) \(value ?? "")")
            }
            // SIGPIPE ends a command as it would without us.
            let report = try sh(
                "yes | head -n 1; echo ${PIPESTATUS-}", Limits(), Timeouts(wall: .seconds(30)))
            #expect(report.outcome == .exited)

            #expect(refusal(Command("/nowhere/at/all")) != nil)
            #expect(refusal(Command("a\u{0}")) != nil)
            var command = Command("true")
            command.workingDirectory = "/nowhere"
            #expect(refusal(command) != nil)
            let after = Surroundings.read("/proc/thread-self/status")
            for name in ["SigBlk", "SigIgn", "SigCgt"] {
                let value = Surroundings.status(name, in: before)
                #expect(value == Surroundings.status(name, in: after), "\(name)")
            }
            #expect(Surroundings.status("SigBlk", in: before) == "0000008000004200")
        }
    }

    @Test("a command has descriptors 0, 1 and 2, and no other of its host's")
    func descriptors() async {
        await #expect(processExitsWith: .success) {
            let inheritable = open("/etc/passwd", O_RDONLY)
            #expect(dup2(inheritable, 77) == 77 && fcntl(77, F_GETFD) == 0)
            let listing = try Command("ls", "-l", "/proc/self/fd").runBlocking().stdout.text
            let names = listing.split(separator: "\n").dropFirst().map { line in
                line.split(separator: " ").suffix(3)
            }
            #expect(names.compactMap { $0.first.map(String.init) } == ["0", "1", "2", "3"])
            // 3 is the listing itself.
            #expect(names.last?.last?.hasSuffix("/fd") == true && names.first?.last == "/dev/null")
            #expect(fcntl(77, F_GETFD) == 0)
        }
    }

    @Test("a host without standard descriptors can run commands")
    func closedDescriptors() async {
        await #expect(processExitsWith: .success) {
            for descriptor in Int32(0)...2 { close(descriptor) }
            var command = Command.shell("echo out; echo err >&2")
            command.standardInput = .inherited
            let report = try command.runBlocking()
            #expect(report.stdout.text == "out\n" && report.stderr.text == "err\n")
            command = .shell("cat; echo out")
            command.standardInput = .bytes(Array("in ".utf8))
            #expect(try command.runBlocking().stdout.text == "in out\n")
            // Others in the process may have taken the places meanwhile; none of ours may stay there.
            for descriptor in 0...2 {
                let target = Surroundings.link("/proc/self/fd/\(descriptor)") ?? ""
                let ours = ["pipe:", "/dev/null", "anon_inode:[pidfd]", "/memfd:"]
                #expect(!ours.contains { target.hasPrefix($0) }, "\(descriptor) \(target)")
            }
        }
    }

    @Test("a command leads a session and a group of its own")
    func session() throws {
        let stat = try Command("cat", "/proc/self/stat").runBlocking().stdout.text
        let fields = stat.split(separator: " ")
        // pid (comm) state ppid pgrp session
        #expect(fields[4] == fields[0] && fields[5] == fields[0] && fields[3] == "\(getpid())")
    }

    @Test("the host's own children and its SIGCHLD handler are its own")
    func otherChildren() async {
        await #expect(processExitsWith: .success) {
            signal(SIGCHLD) { _ in }
            var handler = sigaction()
            sigaction(SIGCHLD, nil, &handler)
            var ended = pid_t()
            var running = pid_t()
            var words: [UnsafeMutablePointer<CChar>?] = [strdup("sh"), strdup("-c"), strdup("exit 9"), nil]
            #expect(posix_spawn(&ended, "/bin/sh", nil, nil, &words, environ) == 0)
            for word in words { free(word) }
            words = [strdup("sleep"), strdup("600"), nil]
            #expect(posix_spawnp(&running, "sleep", nil, nil, &words, environ) == 0)
            for word in words { free(word) }
            for _ in 0..<10 { _ = try sh("true & false") }
            _ = try sh("sleep 600", Limits(), Timeouts(wall: .milliseconds(20)))
            var status: Int32 = 0
            #expect(waitpid(ended, &status, 0) == ended && status == 9 << 8)
            #expect(waitpid(running, &status, WNOHANG) == 0)
            kill(running, SIGKILL)
            #expect(waitpid(running, &status, 0) == running && status == 9)
            var now = sigaction()
            sigaction(SIGCHLD, nil, &now)
            #expect(now.sa_flags == handler.sa_flags)
            #expect(
                unsafeBitCast(now.__sigaction_handler.sa_handler, to: Int.self)
                    == unsafeBitCast(handler.__sigaction_handler.sa_handler, to: Int.self))
        }
    }

    @Test("a host that ignores SIGCHLD gets a report, without a status")
    func ignoredChildren() async {
        await #expect(processExitsWith: .success) {
            signal(SIGCHLD, SIG_IGN)
            let report = try sh("echo kept; exit 3")
            #expect(report.stdout.text == "kept\n" && report.termination == nil && report.exitCode == nil)
            #expect(report.outcome == .failed && report.error?.errno.name == "ECHILD")
        }
    }
}
