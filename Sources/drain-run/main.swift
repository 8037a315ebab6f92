// Options in, one run, a report out.

import Drain

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

func main() -> Int32 {
    let missing = StandardDescriptors.fill()
    do throws(Complaint) {
        let options = try unsafe Options.parse(CommandLine.argc, CommandLine.unsafeArgv)
        switch options.errand {
        case .help: try Output.print(Help.text)
        case .version: try Output.print("drain-run \(drainVersion)\n")
        case .listSpools: try Upkeep.listSpools(options.spools)
        case .pruneSpools: return try Upkeep.pruneSpools(options.spools)
        case .sweep: return try Upkeep.sweep(options.registry ?? "")
        case .run: return try Session(options, missing: missing).run()
        }
        return 0
    } catch {
        Output.complain(error.message)
        return ExitStatus.failed
    }
}

exit(main())
