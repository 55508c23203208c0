/// The rules for names of topics.
public enum TopicName {
    /// The longest name, in bytes.
    public static let maxLength = 249
    /// The metadata log's own topic, which no client can create.
    public static let clusterMetadata = "__cluster_metadata"
    /// Topics that Kafka keeps its own state in, and marks as internal.
    public static let internalTopics = [consumerOffsets, transactionState, shareGroupState]
    /// Groups and committed offsets.
    public static let consumerOffsets = "__consumer_offsets"
    /// Transactional ids.
    public static let transactionState = "__transaction_state"
    /// What members of share groups have acquired.
    public static let shareGroupState = "__share_group_state"

    /// Whether clients are told that the topic is Kafka's own.
    public static func isInternal(_ name: String) -> Bool { internalTopics.contains(name) }

    /// What is wrong with `name`, as Kafka says it; `nil` for a legal name: letters, digits, `.`,
    /// `_` and `-`, at most 249, neither `.` nor `..`.
    public static func flaw(of name: String) -> String? {
        let reason: String? =
            switch name {
            case "": "the empty string is not allowed"
            case ".", "..": "'\(name)' is not allowed"
            default: flawInCharacters(of: name)
            }
        return reason.map { "Topic name is invalid: " + $0 }
    }

    private static func flawInCharacters(of name: String) -> String? {
        if name.utf16.count > maxLength {
            return "the length of '\(name)' is longer than the max allowed length \(maxLength)"
        }
        if name.utf8.allSatisfy(isLegal) { return nil }
        return "'\(name)' contains one or more characters other than ASCII alphanumerics, "
            + "'.', '_' and '-'"
    }

    private static func isLegal(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"),
            UInt8(ascii: "-"):
            true
        default: false
        }
    }

    /// The name with `.` written as `_`, for names that hold either; `nil` for all others. Two
    /// topics may not share it: their metrics would have one name.
    static func collisionKey(of name: String) -> String? {
        guard name.utf8.contains(where: { $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "_") })
        else { return nil }
        return String(
            decoding: name.utf8.map { $0 == UInt8(ascii: ".") ? UInt8(ascii: "_") : $0 },
            as: UTF8.self)
    }
}
