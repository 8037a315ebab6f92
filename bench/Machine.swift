import Foundation

/// Where and on what the figures were taken.
enum Machine {
    static var facts: [(String, String)] {
        var facts = [
            ("machine", "\(ProcessInfo.processInfo.activeProcessorCount) x \(processor), \(memoryText)"),
            ("kernel", kernel),
        ]
        if let swift = outputText("sh", "-c", "swift --version 2>/dev/null")?.firstLine {
            facts.append(("Swift", swift))
        }
        if let coreutils = outputText("timeout", "--version")?.firstLine {
            facts.append(("coreutils", coreutils))
        }
        facts.append(("load before", loadAverage))
        return facts
    }

    /// What a process may still take, the control group's limit taken into account.
    static var availableMemory: Int {
        let inMachine = memoryField("MemAvailable:") ?? 0
        guard let limit = number(in: "/sys/fs/cgroup/memory.max"),
            let used = number(in: "/sys/fs/cgroup/memory.current")
        else { return inMachine }
        return min(inMachine, limit - used)
    }

    private static var memoryText: String {
        String(format: "%.1f GiB", Double(memoryField("MemTotal:") ?? 0) / 1_073_741_824)
    }

    private static var processor: String {
        let text = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
        let line = text.split(separator: "\n").first { $0.hasPrefix("model name") }
        return line?.split(separator: ":").last.map { $0.trimmingCharacters(in: .whitespaces) }
            ?? "unknown processor"
    }

    private static var kernel: String {
        outputText("uname", "-srm")?.firstLine ?? "unknown"
    }

    private static var loadAverage: String {
        let text = try? String(contentsOfFile: "/proc/loadavg", encoding: .ascii)
        return text?.split(separator: " ").prefix(3).joined(separator: " ") ?? "unknown"
    }

    private static func memoryField(_ name: String) -> Int? {
        guard let text = try? String(contentsOfFile: "/proc/meminfo", encoding: .ascii) else { return nil }
        let line = text.split(separator: "\n").first { $0.hasPrefix(name) }
        return line?.split(separator: " ").dropFirst().first.flatMap { Int($0) }.map { $0 * 1024 }
    }

    private static func number(in file: String) -> Int? {
        let text = try? String(contentsOfFile: file, encoding: .ascii)
        return text.flatMap { Int($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
    }
}

extension String {
    fileprivate var firstLine: String? { split(separator: "\n").first.map(String.init) }
}
