import Foundation

/// What there is to measure on this machine.
struct Tools {
    let quick: Bool
    let drainRun: DrainRun
    let misbehave: String
    let trueProgram: String
    let timeout: String?
    let pv: String?
    let peers: Peers

    init(_ options: BenchOptions) throws {
        quick = options.quick
        let directory = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
            .deletingLastPathComponent
        misbehave = directory + "/misbehave"
        guard access(misbehave, X_OK) == 0 else { throw Failure("there is no \(misbehave)") }
        guard let found = findProgram("true") else { throw Failure("there is no true(1)") }
        trueProgram = found
        timeout = findProgram("timeout")
        pv = findProgram("pv")
        peers = Peers()
        drainRun = try DrainRun(options, beside: directory)
        print("drain-run: \(drainRun.kind), \(drainRun.path)")
        for machine in Machine.facts { print("\(machine.0): \(machine.1)") }
        for peer in peers.all { print("\(peer.name): \(peer.version)") }
        for name in ["python3", "pv", "node", "go"] where findProgram(name) == nil {
            print("\(name): not installed")
        }
        print("Drain/this: the ratio of the medians, then the median of the ratios of each round;")
        print("below 1, drain-run needs less")
    }
}

/// The drain-run that is measured.
struct DrainRun {
    let path: String
    let kind: String

    init(_ options: BenchOptions, beside directory: String) throws {
        if let path = options.drainRun {
            (self.path, kind) = (path, "as given")
        } else if options.builds, let path = Self.buildInstallForm(directory) {
            (self.path, kind) = (path, "built as for installing")
        } else {
            (path, kind) = (directory + "/drain-run", "next to bench, linked as bench is")
        }
        guard access(path, X_OK) == 0 else { throw Failure("there is no \(path)") }
    }

    /// In a scratch directory of its own inside of the package's: the running `swift run` may hold
    /// the lock of that, and a build with other flags would throw away what is in it.
    private static func buildInstallForm(_ directory: String) -> String? {
        let scratch = directory.deletingLastPathComponent.deletingLastPathComponent + "/bench-static"
        guard let package = packageDirectory(above: directory) else {
            complain("no Package.swift above \(directory): cannot build drain-run as for installing")
            return nil
        }
        let command = [
            "swift", "build", "-c", "release", "--product", "drain-run", "-Xswiftc", "-static-executable",
            "--package-path", package, "--scratch-path", scratch,
        ]
        let log = scratch + ".log"
        let descriptor = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
        defer { close(descriptor) }
        do {
            let build = try Spawned(["sh", "-c", #"exec "$@" 2>&1"#, "sh"] + command, stdout: descriptor)
            _ = try build.finish("swift build")
            return scratch + "/release/drain-run"
        } catch {
            complain("cannot build drain-run as for installing: \(error); see \(log)")
            return nil
        }
    }

    private static func packageDirectory(above directory: String) -> String? {
        var directory = directory
        while directory != "/", !directory.isEmpty {
            directory = directory.deletingLastPathComponent
            if access(directory + "/Package.swift", R_OK) == 0 { return directory }
        }
        return nil
    }
}

/// Along PATH; the peers are all given the same absolute path, so that none searches.
func findProgram(_ name: String) -> String? {
    let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
    return path.split(separator: ":").map { "\($0)/\(name)" }.first { access($0, X_OK) == 0 }
}

extension String {
    fileprivate var deletingLastPathComponent: String {
        URL(fileURLWithPath: self).deletingLastPathComponent().path
    }
}
