import CDrain
import Glibc

@testable import Drain

/// What is kept of a stream, by definition: slow, obvious, and with the whole stream at hand.
struct RetentionModel {
    let stream: [UInt8]
    let retention: Retention
    private let insideCharacter: Set<Int>

    init(_ stream: [UInt8], _ retention: Retention) {
        self.stream = stream
        self.retention = retention
        insideCharacter = retention.cut == .character ? RetentionModel.inside(stream) : []
    }

    struct Kept: Equatable {
        var head: [UInt8]
        var tail: [UInt8]
        var notice: String?
    }

    var kept: Kept {
        let cap = retention.cap
        if stream.count <= cap { return Kept(head: stream, tail: [], notice: nil) }
        if retention.notice {
            for room in 0...cap {
                var kept = cut(cap - room)
                let missing = stream.count - kept.head.count - kept.tail.count
                let line = "[drain: \(missing) byte\(missing == 1 ? "" : "s") missing]\n"
                kept.notice = (kept.head.last ?? 0x0A) == 0x0A ? line : "\n" + line
                if kept.notice!.utf8.count <= room { return kept }
            }
        }
        return cut(cap)
    }

    private func cut(_ budget: Int) -> Kept {
        let (head, tail) =
            switch retention.keep {
            case .head: (budget, 0)
            case .tail: (0, budget)
            case .both: ((budget + 1) / 2, budget / 2)
            }
        let end = (0...head).last(where: isAllowed)!
        let start = (stream.count - tail...stream.count).first(where: isAllowed)!
        return Kept(head: Array(stream[..<end]), tail: Array(stream[start...]), notice: nil)
    }

    private func isAllowed(_ position: Int) -> Bool {
        if position == 0 || position == stream.count { return true }
        switch retention.cut {
        case .byte: return true
        case .character: return !insideCharacter.contains(position)
        case .line: return stream[position - 1] == 0x0A
        }
    }

    /// Positions strictly inside of well-formed sequences, by the standard library's judgement.
    private static func inside(_ stream: [UInt8]) -> Set<Int> {
        var result: Set<Int> = []
        for start in stream.indices where stream[start] >= 0xC2 {
            for length in 2...4 where start + length <= stream.count {
                let text = String(validating: stream[start..<start + length], as: UTF8.self)
                if text?.unicodeScalars.count == 1 { result.formUnion(start + 1..<start + length) }
            }
        }
        return result
    }
}

/// What the core holds once it has read a stream: its head, and a ring that may begin anywhere.
func stored(_ stream: [UInt8], _ keep: drain_keep, seam: Int = 0, rubbish: UInt8 = 0) -> drain_buffer {
    var buffer = drain_buffer()
    buffer.head_size = keep.head
    buffer.tail_size = keep.tail
    buffer.mapped = keep.head + keep.tail
    buffer.total = UInt64(stream.count)
    buffer.eof = true
    buffer.head_length = min(stream.count, keep.head)
    buffer.tail_length = min(stream.count - buffer.head_length, keep.tail)
    // Only a ring that is full begins elsewhere than at its first byte.
    if buffer.tail_length == keep.tail, keep.tail > 0 { buffer.tail_start = seam % keep.tail }
    guard buffer.mapped > 0 else { return buffer }
    let memory = mmap(nil, buffer.mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)!
    let bytes = memory.bindMemory(to: UInt8.self, capacity: buffer.mapped)
    for index in 0..<buffer.mapped { bytes[index] = rubbish }
    for index in 0..<buffer.head_length { bytes[index] = stream[index] }
    for index in 0..<buffer.tail_length {
        let place = (buffer.tail_start + index) % keep.tail
        bytes[keep.head + place] = stream[stream.count - buffer.tail_length + index]
    }
    buffer.base = UnsafePointer(bytes)
    return buffer
}

/// A stream as a report would have it.
func capture(
    _ stream: [UInt8], _ retention: Retention, seam: Int = 0, rubbish: UInt8 = 0
) -> Capture {
    Capture(stored(stream, retention.storage, seam: seam, rubbish: rubbish), retention)
}

func capture(
    _ text: String, cap: Int, keep: Limits.Keep = .head, cut: Limits.Cut = .character,
    notice: Bool = false, seam: Int = 0
) -> Capture {
    capture(
        Array(text.utf8), Retention(cap: cap, keep: keep, cut: cut, notice: notice), seam: seam)
}
