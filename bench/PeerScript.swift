/// What the peers run: a line of JSON comes in for each command, one goes out when it is done.
enum PeerScript {
    static let python = #"""
        import asyncio, json, os, subprocess, sys, threading, time

        def drain(arguments, cap):
            child = subprocess.Popen(
                arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            counts = [0, 0]
            def read(index, pipe):
                kept = bytearray()
                while chunk := os.read(pipe.fileno(), 65536):
                    counts[index] += len(chunk)
                    if len(kept) < cap: kept += chunk[:cap - len(kept)]
                pipe.close()
            threads = [threading.Thread(target=read, args=pair)
                       for pair in enumerate((child.stdout, child.stderr))]
            for thread in threads: thread.start()
            for thread in threads: thread.join()
            return child.wait(), sum(counts)

        def run(arguments, cap):
            done = subprocess.run(arguments, stdin=subprocess.DEVNULL, capture_output=True)
            return done.returncode, len(done.stdout) + len(done.stderr)

        async def stream(arguments, cap):
            child = await asyncio.create_subprocess_exec(
                *arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            async def read(pipe):
                kept, count = bytearray(), 0
                while chunk := await pipe.read(65536):
                    count += len(chunk)
                    if len(kept) < cap: kept += chunk[:cap - len(kept)]
                return count
            counts = await asyncio.gather(read(child.stdout), read(child.stderr))
            return await child.wait(), sum(counts)

        async def one(arguments):
            child = await asyncio.create_subprocess_exec(
                *arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            out, err = await child.communicate()
            return child.returncode, len(out) + len(err)

        async def gathered(arguments, count):
            done = await asyncio.gather(*(one(arguments) for _ in range(count)))
            return max(code for code, _ in done), sum(size for _, size in done)

        def many(arguments, count):
            return asyncio.run(gathered(arguments, count))

        def streamed(arguments, cap):
            return asyncio.run(stream(arguments, cap))

        verbs = {"drain": drain, "stream": streamed, "run": run, "many": many}
        if sys.argv[1] == "serve":
            for line in sys.stdin:
                request = json.loads(line)
                wall, cpu = time.perf_counter(), time.process_time()
                code, count = verbs[request["verb"]](request["arguments"], request["cap"])
                wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
                print(json.dumps(dict(wall=wall, cpu=cpu, bytes=count, code=code)), flush=True)
        else:
            code, count = run(sys.argv[1:], 0)
            status = open("/proc/self/status").read()
            peak = next(l for l in status.splitlines() if l.startswith("VmHWM:"))
            print(count, int(peak.split()[1]) * 1024)
            sys.exit(code)
        """#

    static let node = #"""
        const { spawn } = require("node:child_process")
        function one(words, cap, kept = [[], []], counts = [0, 0]) {
            return new Promise((resolve) => {
                const child = spawn(words[0], words.slice(1), { stdio: ["ignore", "pipe", "pipe"] })
                for (const [i, stream] of [child.stdout, child.stderr].entries()) {
                    stream.on("data", (chunk) => {
                        if (counts[i] < cap) kept[i].push(chunk.subarray(0, cap - counts[i]))
                        counts[i] += chunk.length
                    })
                }
                child.on("close", (code) => {
                    for (const chunks of kept) Buffer.concat(chunks)
                    resolve({ code: code ?? 1, bytes: counts[0] + counts[1] })
                })
                child.on("error", () => resolve({ code: 1, bytes: 0 }))
            })
        }
        const verbs = {
            drain: (words, cap) => one(words, cap),
            run: (words) => one(words, Infinity),
            many: async (words, count) => {
                const all = await Promise.all(Array.from({ length: count }, () => one(words, Infinity)))
                return all.reduce((a, b) => (
                    { code: Math.max(a.code, b.code), bytes: a.bytes + b.bytes }), { code: 0, bytes: 0 })
            },
        }
        async function serve() {
            for await (const line of require("node:readline").createInterface({ input: process.stdin })) {
                const request = JSON.parse(line)
                const [start, cpu] = [process.hrtime.bigint(), process.cpuUsage()]
                const done = await verbs[request.verb](request.arguments, request.cap)
                const wall = Number(process.hrtime.bigint() - start) / 1e9
                const used = process.cpuUsage(cpu)
                console.log(JSON.stringify({ wall, cpu: (used.user + used.system) / 1e6, ...done }))
            }
        }
        serve()
        """#

    static let go = #"""
        package main

        import (
            "bufio"
            "bytes"
            "encoding/json"
            "io"
            "os"
            "os/exec"
            "sync"
            "syscall"
            "time"
        )

        type request struct {
            Verb      string
            Arguments []string
            Cap       int
        }

        type answer struct {
            Wall  float64 `json:"wall"`
            Cpu   float64 `json:"cpu"`
            Bytes int     `json:"bytes"`
            Code  int     `json:"code"`
        }

        // Keeps the first bytes, and counts all.
        type capped struct {
            kept  bytes.Buffer
            cap   int
            count int
        }

        func (c *capped) Write(p []byte) (int, error) {
            if room := c.cap - c.count; room > len(p) {
                c.kept.Write(p)
            } else if room > 0 {
                c.kept.Write(p[:room])
            }
            c.count += len(p)
            return len(p), nil
        }

        func one(words []string, cap int) (int, int) {
            command := exec.Command(words[0], words[1:]...)
            out, err := &capped{cap: cap}, &capped{cap: cap}
            command.Stdout, command.Stderr = io.Writer(out), io.Writer(err)
            if command.Run() != nil {
                return 1, 0
            }
            return 0, out.count + err.count
        }

        func many(words []string, count int) (code int, sum int) {
            var group sync.WaitGroup
            var lock sync.Mutex
            for i := 0; i < count; i++ {
                group.Add(1)
                go func() {
                    defer group.Done()
                    c, n := one(words, 1<<62)
                    lock.Lock()
                    code, sum = code|c, sum+n
                    lock.Unlock()
                }()
            }
            group.Wait()
            return
        }

        func seconds() float64 {
            var usage syscall.Rusage
            syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
            return float64(usage.Utime.Nano()+usage.Stime.Nano()) / 1e9
        }

        func main() {
            lines := bufio.NewScanner(os.Stdin)
            for lines.Scan() {
                var r request
                if json.Unmarshal(lines.Bytes(), &r) != nil {
                    os.Exit(1)
                }
                var a answer
                start, cpu := time.Now(), seconds()
                switch r.Verb {
                case "drain":
                    a.Code, a.Bytes = one(r.Arguments, r.Cap)
                case "run":
                    a.Code, a.Bytes = one(r.Arguments, 1<<62)
                case "many":
                    a.Code, a.Bytes = many(r.Arguments, r.Cap)
                }
                a.Wall, a.Cpu = time.Since(start).Seconds(), seconds()-cpu
                json.NewEncoder(os.Stdout).Encode(a)
            }
        }
        """#
}
