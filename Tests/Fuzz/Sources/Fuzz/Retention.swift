@testable import Drain

/// Cuts and notices against their definition, whatever the stream and wherever the ring begins.
func fuzzRetention(_ feed: inout Feed) {
    let (shape, near, seam, rubbish) = (feed.byte(), feed.byte(), feed.word(), UInt8(feed.byte()))
    let times = feed.byte() % 12 + 1
    let piece = Array(feed.rest.prefix(1200 / times))
    let stream = Array(repeatElement(piece, count: times).joined())
    let spread = near < 0x80 ? near : stream.count + 0xC0 - near
    let retention = Retention(
        cap: max(0, spread), keep: Limits.Keep.allCases[shape % 3], cut: Limits.Cut.allCases[shape / 3 % 3],
        notice: shape & 0x80 != 0)
    let expected = RetentionModel(stream, retention).kept
    let got = capture(stream, retention, seam: seam, rubbish: rubbish)
    let bytes = expected.head + expected.tail
    let content = expected.head + Array((expected.notice ?? "").utf8) + expected.tail
    func same<T: Equatable>(_ name: String, _ got: T, _ expected: T) {
        require(
            got == expected,
            "\(name) is \(got), expected \(expected): \(retention), seam \(seam), stream \(stream)")
    }
    same("bytes", Array(got.bytes), bytes)
    same("one by one", got.bytes.indices.map { got.bytes[$0] }, bytes)
    same("notice", got.notice, expected.notice)
    same("content", got.content, content)
    same("head", got.headCount, expected.head.count)
    same("total", got.totalCount, stream.count)
    same("kept", got.keptCount, bytes.count)
    same("truncated", got.truncatedCount, stream.count - bytes.count)
    same("text", got.text, String(decoding: content, as: UTF8.self))
    same("valid", got.isValidUTF8, String(validating: bytes, as: UTF8.self) != nil)
    require(
        content.count <= max(retention.cap, stream.count <= retention.cap ? stream.count : 0),
        "\(content.count) bytes for a cap of \(retention.cap)")
}
