// Options in, one run, a report out.

import Drain

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// --sweep: what owners that were killed have left.
func sweep(_ directory: OSString) throws(Complaint) -> Int32 {
    let found: Sweep
    do throws(DrainError) { found = try RunRegistry(directory).sweep() } catch {
        throw Complaint("--sweep: \(error.description)")
    }
    for damage in found.damaged { Output.complain("\(damage.entry) was left alone: \(damage.reason)") }
    try Output.print(found.json())
    return found.left == 0 ? 0 : 1
}

func main() -> Int32 {
    let missing = StandardDescriptors.fill()
    do throws(Complaint) {
        let options = try unsafe Options.parse(CommandLine.argc, CommandLine.unsafeArgv)
        switch options.errand {
        case .help: try Output.print(Help.text)
        case .version: try Output.print("drain-run \(drainVersion)\n")
        case .sweep: return try sweep(options.registry ?? "")
        case .run: return try Session(options, missing: missing).run()
        }
        return 0
    } catch {
        Output.complain(error.message)
        return ExitStatus.failed
    }
}

exit(main())
