/// The names of a spooled run's files, which say everything that is needed to read them:
///
///     drain-20260131T235959123Z-4711-0123abcd.json
///     drain-20260131T235959123Z-4711-0123abcd.stdout.00000000000000000000
///     drain-20260131T235959123Z-4711-0123abcd.stdout.00000000000000065536
///
/// The time of the start in UTC, the process id of who wrote them, a number that is unlike any other, the stream,
/// and the position in the stream of the part's first byte. What a filter made of a part has `.filtered` behind it.
struct SpoolName: Hashable {
    enum File: Hashable {
        case part(Stream, offset: Int, isFiltered: Bool)
        /// What says of the others what they are.
        case sidecar
        /// The next sidecar, before it has its name.
        case draft
    }

    /// What all files of one run begin with.
    let run: String
    let file: File

    /// Nil for any other file.
    init?(_ name: String) {
        var text = name[...]
        let isDraft = text.hasPrefix(".") && text.hasSuffix(".tmp")
        if isDraft { text = text.dropFirst().dropLast(4) }
        let words = text.split(separator: ".", omittingEmptySubsequences: false)
        guard let first = words.first, SpoolName.startedAt(String(first)) != nil else { return nil }
        run = String(first)
        switch (words.count, isDraft, words.last) {
        case (2, true, "json"): file = .draft
        case (2, false, "json"): file = .sidecar
        case (3, false, _), (4, false, "filtered"):
            guard let stream = SpoolName.streams.first(where: { $0.value == words[1] })?.key,
                words[2].utf8.count == 20, let offset = SpoolName.number(words[2])
            else { return nil }
            file = .part(stream, offset: offset, isFiltered: words.count == 4)
        default: return nil
        }
    }

    private static let streams: KeyValuePairs<Stream, Substring> = [.stdout: "stdout", .stderr: "stderr"]

    /// When a run was started, by its name; nil if it is none.
    static func startedAt(_ run: String) -> Timestamp? {
        let words = run.split(separator: "-", omittingEmptySubsequences: false)
        guard words.count == 4, words[0] == "drain", let pid = number(words[2]), pid > 0,
            words[3].utf8.count == 8, words[3].utf8.allSatisfy({ isDigit($0) || 0x61...0x66 ~= $0 })
        else { return nil }
        // 20260131T235959123Z
        let time = Array(words[1].utf8)
        guard time.count == 19, time[8] == UInt8(ascii: "T"), time[18] == UInt8(ascii: "Z") else {
            return nil
        }
        func digits(_ range: Range<Int>) -> Int? { number(Substring(decoding: time[range], as: UTF8.self)) }
        guard let year = digits(0..<4), let month = digits(4..<6), let day = digits(6..<8),
            let hour = digits(9..<11), let minute = digits(11..<13), let second = digits(13..<15),
            let millisecond = digits(15..<18)
        else { return nil }
        return Timestamp(year, month, day, hour, minute, second, millisecond)
    }

    private static func isDigit(_ byte: UInt8) -> Bool { 0x30...0x39 ~= byte }

    private static func number(_ text: Substring) -> Int? {
        text.utf8.allSatisfy(isDigit) ? Int(text) : nil
    }
}
