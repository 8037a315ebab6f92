import Foundation
import Testing

@testable import Drain

@Suite struct PageTests {
    /// Lines as programs write them, of which a few are long, and the last may lack its newline.
    private func stream(_ dice: inout Dice, upTo size: Int = 120) -> [UInt8] {
        let text = dice.text(
            of: dice.roll(0...size), newlines: dice.pick([0, 10, 30]), illFormed: dice.pick([0, 20, 60]))
        let returns = dice.chance(1, in: 2)
        return text.flatMap { $0 == 0x0A && returns ? [0x0D, 0x0A] : [$0] }
    }

    private func request(_ dice: inout Dice, _ size: Int) -> PageRequest {
        let number = dice.pick([dice.roll(-size - 2...size + 2), dice.roll(-9...9)])
        return PageRequest(
            dice.pick([.bytes, .lines]), from: dice.chance(1, in: 2) ? .byte(number) : .line(number),
            count: dice.pick([1, dice.roll(1...9), .max]),
            byteLimit: dice.pick([1, 2, dice.roll(1...40), 1 << 20]))
    }

    /// Without those that are empty, and no two that touch.
    private func joined(_ ranges: [Range<Int>]) -> [Range<Int>] {
        var there = Set<Int>()
        for range in ranges { there.formUnion(range) }
        return there.sorted().reduce(into: []) { result, position in
            if let last = result.last, last.upperBound == position {
                result[result.count - 1] = last.lowerBound..<position + 1
            } else {
                result.append(position..<position + 1)
            }
        }
    }

    private func agree(
        _ page: Page, _ model: PageModel, _ request: PageRequest,
        at location: SourceLocation = #_sourceLocation
    ) -> Bool {
        let got = PageModel.Expected(
            offset: page.offset, bytes: page.bytes, missing: page.missing,
            startsInside: page.startsInsideLine,
            endsInside: page.endsInsideLine, hasMore: page.hasMore)
        let expected = model.page(request)
        // A number is the right one or none.
        let newlines = model.stream.prefix(page.offset).count { $0 == 0x0A }
        let fits =
            got == expected && page.isComplete == model.isComplete && (page.line ?? newlines) == newlines
        if !fits {
            Issue.record(
                "\(request) of \(model)\n gave \(page)\n not \(expected), line \(newlines)",
                sourceLocation: location)
        }
        return fits
    }

    @Test func `Every page of every stream is what the model says, and so are those that follow it`() throws {
        var dice = Dice(seed: 50)
        for round in 0..<1000 {
            let bytes = stream(&dice)
            var cuts = (0..<dice.pick([0, 0, 1, 2, 4])).map { _ in dice.roll(0...bytes.count) }.sorted()
            if cuts.count % 2 == 1 { cuts.insert(0, at: 0) }
            // What lies between a pair of cuts is missing.
            let edges = [0] + cuts + [bytes.count]
            let there = stride(from: 0, to: edges.count - 1, by: 2).map { edges[$0]..<edges[$0 + 1] }
            let model = PageModel(
                stream: bytes, there: joined(there), isComplete: dice.chance(2, in: 3))
            let source = PageTestSource(stream: bytes, there: there, isComplete: model.isComplete)
            let reader = PageReader(source, chunk: dice.roll(1...40), scratch: dice.roll(1...30))
            var request = request(&dice, bytes.count)
            var pages = 0
            repeat {
                let page = try reader.page(request)
                guard agree(page, model, request), pages <= bytes.count + 4 else {
                    Issue.record("round \(round), page \(pages)")
                    return
                }
                if case .line(let line) = request.start, line >= 0, page.missing == 0, !page.bytes.isEmpty {
                    #expect(page.line == line)
                }
                if !page.hasMore { break }
                #expect(!page.bytes.isEmpty || page.missing > 0)
                request = page.next
                pages += 1
            } while true
        }
    }

    @Test func `All pages together are the stream, and its lines are counted on the way`() throws {
        var dice = Dice(seed: 51)
        for _ in 0..<600 {
            let bytes = stream(&dice)
            let source = PageTestSource(stream: bytes, there: [0..<bytes.count], isComplete: true)
            let reader = PageReader(source, chunk: dice.roll(1...40), scratch: dice.roll(1...30))
            var request = request(&dice, bytes.count)
            request.start = .byte(0)
            var all: [UInt8] = []
            var page: Page
            repeat {
                page = try reader.page(request)
                #expect(page.line == all.count { $0 == 0x0A } && page.offset == all.count)
                all += page.bytes
                request = page.next
            } while page.hasMore
            #expect(all == bytes && page.isLast)
        }
    }

    @Test func `A capture gives the pages of its head and tail, and says what lies between`() throws {
        var dice = Dice(seed: 52)
        for _ in 0..<600 {
            let bytes = stream(&dice)
            let retention = Retention(
                cap: dice.roll(0...130), keep: dice.pick(Limits.Keep.allCases),
                cut: dice.pick(Limits.Cut.allCases), notice: false)
            let kept = capture(bytes, retention, seam: dice.roll(0...130))
            let tail = kept.keptCount - kept.headCount
            let there =
                kept.isTruncated
                ? [0..<kept.headCount, bytes.count - tail..<bytes.count] : [0..<bytes.count]
            let model = PageModel(stream: bytes, there: joined(there), isComplete: true)
            let request = request(&dice, bytes.count)
            guard agree(try PageReader(kept).page(request), model, request) else { return }
        }
    }

    // MARK: Files

    private final class Folder {
        let path = FileManager.default.temporaryDirectory.path + "/drain-pages-" + UUID().uuidString
        init() { mkdir(path, 0o700) }
        deinit { try? FileManager.default.removeItem(atPath: path) }

        func file(_ number: Int) -> OSString { OSString("\(path)/part-\(number)") }
        func remove(_ number: Int) { unlink("\(path)/part-\(number)") }

        func append(_ bytes: some Sequence<UInt8>, to number: Int) {
            let descriptor = open("\(path)/part-\(number)", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
            defer { close(descriptor) }
            let bytes = Array(bytes)
            #expect(write(descriptor, bytes, bytes.count) == bytes.count)
        }
    }

    @Test func `Parts of any size are one stream, and those that went are missing`() throws {
        var dice = Dice(seed: 53)
        for _ in 0..<400 {
            let folder = Folder()
            let bytes = stream(&dice)
            let offset = dice.pick([0, dice.roll(0...bytes.count)])
            let count = dice.roll(1...5)
            let edges =
                [offset] + (1..<count).map { _ in dice.roll(offset...bytes.count) }.sorted() + [bytes.count]
            for part in 0..<count { folder.append(bytes[edges[part]..<edges[part + 1]], to: part) }
            let files = SpoolFiles(
                paths: (0..<count).map(folder.file), offset: offset, bytes: bytes.count - offset)
            let reader = try PageReader(files)
            let isFresh = dice.chance(1, in: 2)
            if !isFresh { _ = try reader.page(.bytes(count: 1)) }
            let gone = dice.roll(0...count - 1)
            for part in 0..<gone { folder.remove(part) }
            let there = edges[gone]..<bytes.count
            let model = PageModel(stream: bytes, there: there.isEmpty ? [] : [there], isComplete: true)
            for _ in 0..<6 {
                var request = request(&dice, bytes.count)
                // What the index knows of what has gone is tried elsewhere.
                if case .line(let line) = request.start, line > 0 { request.start = .byte(line) }
                guard agree(try reader.page(request), model, request) else { return }
            }
        }
    }

    @Test(arguments: [PageRequest.Unit.bytes, .lines])
    func `Pages follow a stream that grows, gets parts and loses them, and give all of it`(
        unit: PageRequest.Unit
    ) throws {
        var dice = Dice(seed: 54)
        for _ in 0..<150 {
            let folder = Folder()
            let bytes = stream(&dice, upTo: 300)
            var (written, first, last, firstOffset) = (0, 0, 0, 0)
            var sizes = [0]
            folder.append([], to: 0)
            func files() -> SpoolFiles {
                SpoolFiles(
                    paths: (first...last).map(folder.file), offset: firstOffset, bytes: written - firstOffset)
            }
            let reader = try PageReader(files(), isComplete: false)
            var request = PageRequest(
                unit, from: .byte(0), count: dice.roll(1...30), byteLimit: dice.roll(1...60))
            var all: [UInt8] = []
            func follow() throws -> Page {
                while true {
                    let page = try reader.page(request)
                    #expect(page.missing == 0 && page.offset == all.count)
                    all += page.bytes
                    request = page.next
                    if !page.hasMore { return page }
                }
            }
            while written < bytes.count {
                let more = dice.roll(1...min(40, bytes.count - written))
                folder.append(bytes[written..<written + more], to: last)
                written += more
                sizes[last] += more
                #expect(!(try follow()).isLast && bytes.starts(with: all))
                if dice.chance(1, in: 3) {
                    last += 1
                    sizes.append(0)
                    folder.append([], to: last)
                    // What was read may go.
                    while first < last, firstOffset + sizes[first] <= all.count, dice.chance(1, in: 2) {
                        folder.remove(first)
                        firstOffset += sizes[first]
                        first += 1
                    }
                    try reader.update(files(), isComplete: false)
                }
            }
            try reader.update(files(), isComplete: true)
            #expect(try follow().isLast && all == bytes)
        }
    }

    @Test func `Lines keep their numbers when what was before them has gone`() throws {
        let folder = Folder()
        let lines = (0..<100).map { "line \($0)\n" }
        for part in 0..<10 { folder.append(lines[part * 10..<part * 10 + 10].joined().utf8, to: part) }
        let size = lines.joined().utf8.count
        let files = PageFilesMaker(paths: (0..<10).map(folder.file), bytes: size)
        let reader = PageReader(try files.source(), chunk: 32)
        #expect(try reader.page(.lines(from: 99, count: 5)).lines == ["line 99"])
        for part in 0..<5 { folder.remove(part) }
        let page = try reader.page(.lines(from: 70, count: 2))
        #expect(page.lines == ["line 70", "line 71"] && page.line == 70 && page.missing == 0)
        let lost = try reader.page(.lines(from: 7, count: 1))
        #expect(lost.lines == ["line 50"] && lost.line == 50 && lost.missing > 0)
        // Whoever did not know them cannot tell which they are.
        let stranger = PageReader(try files.source(), chunk: 32)
        let unknown = try stranger.page(.lines(from: 70, count: 2))
        #expect(unknown.lines == ["line 50", "line 51"] && unknown.line == nil)
        #expect(unknown.missing == unknown.offset && unknown.startsInsideLine)
    }

    private struct PageFilesMaker {
        let paths: [OSString]
        let bytes: Int
        func source() throws -> PageFiles {
            try PageFiles(
                SpoolFiles(paths: paths, bytes: bytes), streamBytes: nil, isComplete: true, after: nil)
        }
    }

    @Test func `What was never written to disk is missing at the end`() throws {
        let folder = Folder()
        folder.append("one\ntw".utf8, to: 0)
        let reader = try PageReader(SpoolFiles(paths: [folder.file(0)], bytes: 6), streamBytes: 1000)
        let page = try reader.page(.lines(count: 10))
        #expect(page.lines == ["one", "tw"] && page.endsInsideLine && page.hasMore)
        let rest = try reader.page(page.next)
        #expect(rest.bytes.isEmpty && rest.missing == 994 && rest.offset == 1000 && rest.isLast)
        #expect(try reader.page(.lines(from: -1, count: 1)).missing == 994)
    }

    @Test func `The last lines are read from the end, and a known line from its chunk`() throws {
        let source = PageEndlessSource(total: 80 * 200_000)
        let reader = PageReader(source)
        func cost(_ request: PageRequest, _ line: Int?) throws -> Int {
            let before = source.bytesRead.withLock { $0 }
            let page = try reader.page(request)
            #expect(page.bytes.count == 800 && page.lines.count == 10)
            #expect(line == nil || page.line == line && page.offset == line! * 80)
            return source.bytesRead.withLock { $0 } - before
        }
        #expect(try cost(.lines(from: -10, count: 10), nil) < 1 << 16)
        #expect(try cost(.lines(from: 190_000, count: 10), 190_000) < 18 << 20)
        #expect(try cost(.lines(from: 100_000, count: 10), 100_000) < 3 << 20)
        #expect(try cost(.lines(from: -10, count: 10), nil) < 2 << 20)
    }

    // MARK: Refusals

    @Test func `What cannot be asked for, and what is no file of a stream, is said`() throws {
        let folder = Folder()
        folder.append("text".utf8, to: 0)
        symlink("part-0", folder.path + "/part-1")
        mkfifo(folder.path + "/part-2", 0o600)
        func kind(_ files: SpoolFiles, _ request: PageRequest = .bytes(count: 9), isComplete: Bool = true)
            -> PageError.Kind?
        {
            do throws(PageError) {
                _ = try PageReader(files, isComplete: isComplete).page(request)
                return nil
            } catch { return error.kind }
        }
        let good = SpoolFiles(paths: [folder.file(0)], bytes: 4)
        #expect(kind(good) == nil)
        #expect(kind(good, .bytes(count: 0)) == .invalidRequest)
        #expect(kind(good, .lines(count: 1, byteLimit: -1)) == .invalidRequest)
        for number in [1, 2] {
            #expect(kind(SpoolFiles(paths: [folder.file(number)], bytes: 4)) == .notAFile)
        }
        #expect(kind(SpoolFiles(paths: [""], bytes: 4)) == .invalidFiles)
        #expect(kind(SpoolFiles(paths: ["a\0"], bytes: 4)) == .invalidFiles)
        #expect(kind(SpoolFiles(paths: [], bytes: -4)) == .invalidFiles)
        #expect(kind(SpoolFiles(paths: [], offset: .max, bytes: 4)) == .invalidFiles)
        #expect(kind(SpoolFiles(paths: ["/proc/self/mem/x"], bytes: 4)) == .system)
        // Where the first is gone and the last still grows, nobody can tell what the last one holds.
        let orphan = SpoolFiles(paths: [folder.file(7), folder.file(0)], bytes: 40)
        #expect(kind(orphan, isComplete: false) == .unplaced && kind(orphan) == nil)
        let short = SpoolFiles(paths: [folder.file(0), folder.file(0)], bytes: 40)
        #expect(kind(short) == .unplaced)
        for start in [Int.min, .max] {
            #expect(kind(good, PageRequest(.lines, from: .line(start), count: .max, byteLimit: .max)) == nil)
            #expect(kind(good, PageRequest(.bytes, from: .byte(start), count: .max, byteLimit: .max)) == nil)
        }
    }

    @Test func `Lines come without their endings`() throws {
        let reader = PageReader(capture("a\r\nb\n\r\n\nc\rd", cap: 100))
        #expect(try reader.page(.lines(count: 10)).lines == ["a", "b", "", "", "c\rd"])
        #expect(try reader.page(.lines(from: -2, count: 1)).lines == [""])
        let long = try reader.page(.lines(from: 4, count: 1, byteLimit: 2))
        #expect(long.lines == ["c\r"] && long.endsInsideLine && long.line == 4)
        #expect(try reader.page(long.next).startsInsideLine)
    }
}
