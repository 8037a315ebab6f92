/// A part of a stream, and where it goes on. Bytes that follow each other: a page ends where bytes are
/// missing, and the next one says how many.
public struct Page: Sendable, Hashable {
    /// A copy. No well-formed UTF-8 sequence is torn at either end, for the sake of which a page may have
    /// up to three bytes more than was asked for, where it is one character; nor is a line, but for what
    /// `startsInsideLine` and `endsInsideLine` tell.
    public let bytes: [UInt8]
    /// The position in the stream of the first of `bytes`.
    public let offset: Int
    /// The number of the line that `offset` is in, the first being 0; nil where it is not known, because
    /// bytes before it are missing or were not looked at.
    public let line: Int?
    /// How many bytes right before `offset` were asked for and are not there: they were cut out of what
    /// was kept, or their file is gone. Where a line was asked for that is among them or behind them, all
    /// of them.
    public let missing: Int
    /// The first line of the page began before it, or may have: what stands before it may be missing.
    public let startsInsideLine: Bool
    /// The last line of the page goes on behind it: it is longer than a page may be, a page of bytes ends
    /// in it, or bytes are missing.
    public let endsInsideLine: Bool
    /// What to ask for to get what follows. `count` and `byteLimit` may be changed.
    public let next: PageRequest
    /// Whether `next` would give something now. While a stream grows, what may be the beginning of a
    /// character or, in a page of lines, of a line waits for the rest of it.
    public let hasMore: Bool
    /// Whether the stream has ended: what is not there now will not come.
    public let isComplete: Bool

    /// Whether nothing follows, ever.
    public var isLast: Bool { isComplete && !hasMore }

    /// The bytes as text: invalid UTF-8 becomes U+FFFD.
    public var text: String { String(decoding: bytes, as: UTF8.self) }

    /// The lines, or parts of lines, as text without their `\n` or `\r\n`.
    public var lines: [String] {
        let newline = UInt8(ascii: "\n")
        var pieces = bytes.split(separator: newline, omittingEmptySubsequences: false)
        // What follows the last newline is a line only if there is something.
        let rest = pieces.popLast().flatMap { $0.isEmpty ? nil : $0 }
        let ended = pieces.map { line in
            String(decoding: line.last == UInt8(ascii: "\r") ? line.dropLast() : line, as: UTF8.self)
        }
        return ended + (rest.map { [String(decoding: $0, as: UTF8.self)] } ?? [])
    }
}

/// Why there is no page.
public struct PageError: Error, Sendable, Hashable {
    public enum Kind: Sendable, Hashable {
        /// A count or a limit below 1.
        case invalidRequest
        /// Positions or sizes that no stream has, or a path that is none.
        case invalidFiles
        /// Files that are gone, or shorter than they were to be, before anybody looked at them: which
        /// bytes of the stream the others hold cannot be told. While a stream grows, ask again with newer
        /// `SpoolFiles`.
        case unplaced
        /// Something else than a regular file, a link for example.
        case notAFile
        /// stat(2), open(2) or read(2) failed.
        case system
        /// A file went while it was read; never seen from outside but when that happens over and over.
        case vanished
    }

    public let kind: Kind
    /// A path, or what is wrong.
    public let subject: String
    public let errno: Errno?

    init(_ kind: Kind, _ subject: String, _ errno: Errno? = nil) {
        self.kind = kind
        self.subject = subject
        self.errno = errno
    }
}

extension PageError: CustomStringConvertible {
    /// One line for people.
    public var description: String {
        switch kind {
        case .invalidRequest: "this page cannot be asked for: \(subject)"
        case .invalidFiles: "these are no files of a stream: \(subject)"
        case .unplaced: "where in the stream these files belong is not known: \(subject)"
        case .notAFile: "'\(subject)' is not a regular file"
        case .system: "cannot read '\(subject)'\(errno.map { ": " + $0.message } ?? "")"
        case .vanished: "'\(subject)' went while it was read"
        }
    }
}
