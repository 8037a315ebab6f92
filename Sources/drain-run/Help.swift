import Drain

/// What --help prints.
enum Help {
    static let text = """
        Usage: drain-run [OPTION]... [--] COMMAND [ARG]...
        Run COMMAND with bounded memory, keep a bounded part of what it prints, count the rest,
        end its processes on time, and print one JSON report when it has ended.

        What is kept
              --max-output SIZE     bytes kept of each stream (8MiB, or DRAIN_MAX_OUTPUT_BYTES)
              --max-stdout SIZE     the same for standard output
              --max-stderr SIZE     the same for standard error
              --keep WHICH          past that keep the head (default), the tail or both
              --cut WHERE           cut at any byte, never inside a character (default), or
                                    only after a line
              --events TYPE[,TYPE]  read standard output as NDJSON, and keep the objects of these
                                    types, by their own type or that of an object in them, and
                                    those with error or failed in their type
              --max-event SIZE      the longest line kept so, and the most they take (64MiB)
              --notice              say where bytes are missing, and how many

        Where it goes
              --spool DIR           write each stream whole to files in DIR, too (DRAIN_SPOOL_DIR)
              --max-spool SIZE      bytes kept there of each stream (1GiB): the newest with
                                    --keep tail, otherwise the first
              --spool-slow WHAT     a disk slower than the command: wait for it (default) or
                                    give-up spooling
              --spool-filter LINE   each goes through this line of shell on its way, 'gzip' for
                                    example; the first bytes are kept then
              --encode HOW          kept bytes in the report: text (default), base64 or none
              --report DEST         the report goes to a file, fd:N, or - (standard output)
              --live                also pass both streams on as they arrive, up to the caps;
                                    no report unless --report is given
              --progress            a status line on standard error, if that is a terminal

        When it ends
          -t, --timeout DUR         longest time it may run
              --idle-timeout DUR    longest time without output
          -s, --signal SIG          the first signal then (TERM)
          -k, --kill-after DUR      from that to SIGKILL (5s)
              --drain-grace DUR     once it has exited, longest wait for others that hold its
                                    output (500ms)
              --background WHAT     processes it leaves running: kill (default) or leave
              --kill-method HOW     end them by the strongest means there are (auto), or only by
                                    cgroup, supervisor, sweep or group

        What it runs in
          -C, --chdir DIR           working directory
          -E, --env NAME=VALUE      set a variable; repeatable
              --clear-env           start from an empty environment
          -i, --stdin FILE          standard input; - is ours (default)
              --cpu-time DUR        processor time, then SIGXCPU
              --memory SIZE         address space
              --file-size SIZE      largest file written
              --open-files N        open descriptors
              --processes N         processes of its user

        When drain-run itself may be killed
              --register DIR        keep an entry of the run in DIR while it lasts
              --sweep DIR           run nothing: end what the runs in DIR have left whose drain-run
                                    was killed, and print what was done as JSON; exit status 1
                                    when something lives on

        What is spooled
              --spool-list DIR      run nothing: print what runs have spooled to DIR as JSON
              --spool-prune DIR     run nothing: remove what nobody writes any more, with
              --spool-age DUR       what was last written longer ago
              --spool-total SIZE    the oldest, until so much is left

          -h, --help                this text
              --version             the version

        SIZE is bytes, or a number with k, K, KiB, M, MiB, G, GiB, or kB, MB, GB (1000).
        DUR is a number with ms, s, m, h or d; seconds without one; 0 is no limit.

        Exit status: the command's own; 124 a time limit ended it; 128+N signal N ended it;
        125 drain-run failed; 126 the command cannot be run; 127 it was not found.

        Examples
          Keep the last 64 KiB of a build's log, and end it after ten minutes:
            drain-run -t 10m --keep tail --max-output 64k -- make -j8
          Watch it as it runs, and have the report in a file:
            drain-run --live --progress --report build.json -- make -j8
          How much did it print, and how did it end?
            drain-run --encode none -- find / -xdev | jq '{exit_code, stdout_bytes}'

        """
}
