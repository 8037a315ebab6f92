import Foundation

/// One Python process that is told what to run, so that its own start is in no figure.
final class PythonServer {
    let executable: String
    let version: String
    private let child: Spawned
    private let requests: CloseOnExecPipe
    private let answers: CloseOnExecPipe

    /// Nil where there is no Python.
    init?() {
        // What is found along PATH may be a script that starts the real one.
        let question = "import sys, platform; print(sys.executable); print(platform.python_version())"
        let told = outputText("sh", "-c", "exec python3 -c '\(question)' 2>/dev/null") ?? ""
        let lines = told.split(separator: "\n")
        guard lines.count == 2, let requests = try? CloseOnExecPipe(), let answers = try? CloseOnExecPipe()
        else { return nil }
        executable = String(lines[0])
        version = String(lines[1])
        let command = [executable, "-c", Self.script, "serve"]
        guard let child = try? Spawned(command, stdin: requests.reading, stdout: answers.writing) else {
            return nil
        }
        requests.closeReading()
        answers.closeWriting()
        (self.child, self.requests, self.answers) = (child, requests, answers)
    }

    func stop() {
        requests.closeWriting()
        _ = try? child.finish(executable)
    }

    struct Answer: Decodable {
        let wall: Double
        let cpu: Double
        let bytes: Int
        let code: Int
    }

    /// Runs a command in Python and returns what Python measured, in seconds.
    func ask(_ verb: String, _ arguments: [String], cap: Int) throws -> Answer {
        let request: [String: Any] = ["verb": verb, "arguments": arguments, "cap": cap]
        let line = try JSONSerialization.data(withJSONObject: request) + Data("\n".utf8)
        try FileHandle(fileDescriptor: requests.writing, closeOnDealloc: false).write(contentsOf: line)
        var answer = Data()
        while answer.last != UInt8(ascii: "\n") {
            guard answers.readSome(into: &answer) else { throw Failure("Python has ended") }
        }
        let result = try JSONDecoder().decode(Answer.self, from: answer)
        guard result.code == 0 else { throw Failure("the command in Python ended with \(result.code)") }
        return result
    }

    static let script = #"""
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

        verbs = {"drain": drain, "run": run, "many": many}
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
}
