#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// What a process has of what a run could leave behind.
struct Counter: CustomStringConvertible {
    var descriptors = entries(of: "/proc/self/fd")
    var mappings = contents(of: "/proc/self/maps").count { $0 == UInt8(ascii: "\n") }
    var threads = entries(of: "/proc/self/task")
    var residentKiB = resident()

    /// The allocator's own to and fro. In the long form, 42 bytes a run would be seen.
    static let tolerance = (mappings: 4, residentKiB: 4096)

    var description: String {
        "descriptors \(descriptors), mappings \(mappings), threads \(threads), resident \(residentKiB) KiB"
    }

    /// What there is more of than there was.
    func excess(over before: Counter) -> [String] {
        var result: [String] = []
        if descriptors > before.descriptors { result.append("descriptors are left") }
        if mappings > before.mappings + Self.tolerance.mappings { result.append("mappings are left") }
        if threads > before.threads { result.append("threads are left") }
        if residentKiB > before.residentKiB + Self.tolerance.residentKiB { result.append("memory is left") }
        return result
    }

    /// A thread ends a moment after its work: looks until it is as hoped for, or ten seconds are over.
    static func settled(_ hope: (Counter) -> Bool) async -> Counter {
        let deadline = ContinuousClock.now.advanced(by: .seconds(10))
        var last = Counter()
        var calm = 0
        while ContinuousClock.now < deadline {
            try? await Task.sleep(for: .milliseconds(20))
            let now = Counter()
            calm = now.threads == last.threads && now.descriptors == last.descriptors ? calm + 1 : 0
            last = now
            if calm >= 10, hope(now) { break }
        }
        return last
    }

    /// Opens, maps, starts and touches one thing each, and names the counters that do not see it.
    static func misjudgements() -> [String] {
        let size = 16 << 20
        let before = Counter()
        let descriptor = open("/dev/null", O_RDONLY | O_CLOEXEC)
        let memory = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)!
        memset(memory, 1, size)
        // Its protection parts it from its neighbours, so it is a line of its own.
        let page = mmap(nil, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)!
        var thread = pthread_t()
        let sleeping = pthread_create(&thread, nil, { _ in sleepLong() }, nil)
        let now = Counter()
        var result: [String] = []
        if now.descriptors != before.descriptors + 1 { result.append("descriptors are not counted") }
        if now.mappings <= before.mappings { result.append("mappings are not counted") }
        if now.threads != before.threads + 1 || sleeping != 0 { result.append("threads are not counted") }
        if now.residentKiB < before.residentKiB + size / 1024 { result.append("memory is not counted") }
        close(descriptor)
        munmap(memory, size)
        munmap(page, 4096)
        pthread_cancel(thread)
        pthread_join(thread, nil)
        return result
    }
}

private func sleepLong() -> UnsafeMutableRawPointer? {
    sleep(600)
    return nil
}

private func entries(of path: String) -> Int {
    guard let list = opendir(path) else { return -1 }
    defer { closedir(list) }
    var count = 0
    while readdir(list) != nil { count += 1 }
    return count
}

private func contents(of path: String) -> [UInt8] {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    defer { close(file) }
    var result: [UInt8] = []
    var room = [UInt8](repeating: 0, count: 65536)
    while true {
        let count = read(file, &room, room.count)
        if count <= 0 { return result }
        result += room.prefix(count)
    }
}

/// The second number of /proc/self/statm, in pages.
private func resident() -> Int {
    let words = String(decoding: contents(of: "/proc/self/statm"), as: UTF8.self).split(separator: " ")
    return words.count > 1 ? (Int(words[1]) ?? 0) * sysconf(Int32(_SC_PAGESIZE)) / 1024 : -1
}
