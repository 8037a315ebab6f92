/// For a host's own encoder, value by value. A number that neither an integer of 64 bits nor a `Double`
/// holds is encoded as the string of its digits; of several members of one name the last is encoded, if
/// the encoder has it so.
extension JSONText: Encodable {
    public func encode(to encoder: any Encoder) throws {
        switch kind {
        case .object:
            var container = encoder.container(keyedBy: ReportKey.self)
            try forEachMember { (name, value) throws(any Error) in
                try container.encode(part(value), forKey: ReportKey(stringValue: part(name).string ?? ""))
            }
        case .array:
            var container = encoder.unkeyedContainer()
            try forEachElement { (value) throws(any Error) in try container.encode(part(value)) }
        default:
            var container = encoder.singleValueContainer()
            switch kind {
            case .string: try container.encode(string ?? "")
            case .bool: try container.encode(text == "true")
            case .null: try container.encodeNil()
            default: try encodeNumber(to: &container)
            }
        }
    }

    private func encodeNumber(to container: inout any SingleValueEncodingContainer) throws {
        let text = text
        if let number = Int64(text) { return try container.encode(number) }
        if let number = UInt64(text) { return try container.encode(number) }
        if let number = Double(text), number.isFinite { return try container.encode(number) }
        try container.encode(text)
    }
}
