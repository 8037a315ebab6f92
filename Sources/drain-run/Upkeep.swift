import Drain

/// What drain-run does in place of running a command.
enum Upkeep {
    /// --sweep: what owners that were killed have left is ended.
    static func sweep(_ directory: OSString) throws(Complaint) -> Int32 {
        let found: Sweep
        do throws(DrainError) { found = try RunRegistry(directory).sweep() } catch {
            throw Complaint("--sweep: \(error.description)")
        }
        for damage in found.damaged { Output.complain("\(damage.entry) was left alone: \(damage.reason)") }
        try Output.print(found.json())
        return found.left == 0 ? 0 : 1
    }

    /// --spool-list: what is there.
    static func listSpools(_ spools: Options.Spools) throws(Complaint) {
        let runs: [SpooledRun]
        do throws(DrainError) { runs = try SpoolStore(spools.directory).runs() } catch {
            throw Complaint("--spool-list: \(error.description)")
        }
        try Output.print(SpoolStore.json(of: runs))
    }

    /// --spool-prune: what nobody writes any more goes, the oldest first.
    static func pruneSpools(_ spools: Options.Spools) throws(Complaint) -> Int32 {
        let pruning: SpoolStore.Pruning
        do throws(DrainError) {
            let directory = SpoolStore(spools.directory)
            pruning = try directory.prune(maxAge: spools.maxAge, maxBytes: spools.maxBytes)
        } catch {
            throw Complaint("--spool-prune: \(error.description)")
        }
        for failure in pruning.failed {
            Output.complain("cannot remove \(failure.run): \(failure.errno.message)")
        }
        try Output.print(pruning.json())
        return pruning.failed.isEmpty ? 0 : 1
    }
}
