/// How kept bytes stand in JSON.
public enum ContentEncoding: String, Sendable, Hashable, CaseIterable {
    /// A string; invalid UTF-8 becomes U+FFFD.
    case text
    /// RFC 4648, section 4, with padding.
    case base64
    /// null.
    case none
}
