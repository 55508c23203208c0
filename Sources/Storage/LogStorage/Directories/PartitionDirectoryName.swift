import KafkaWire

/// The name of a partition's directory: `topic-0`, or `topic-0.<32 hex digits>-delete` and the
/// like.
public struct PartitionDirectoryName: Hashable, Sendable {
    /// What the directory is for.
    public enum Role: String, Sendable, CaseIterable {
        case current = ""
        /// To be removed once `file.delete.delay.ms` has passed.
        case delete = "-delete"
        /// A replica that is being copied from another log directory (KIP-113).
        case future = "-future"
        /// Set aside: the metadata does not know this replica.
        case stray = "-stray"
    }

    /// Longest file name that is made, in bytes.
    public static let byteLimit = 255

    /// The partition. Of a deleted or stray one with a long topic name, the topic may be cut short.
    public let topicPartition: TopicPartition
    public let role: Role
    /// The file name.
    public let name: String

    /// The directory of the partition's current replica.
    public init(_ topicPartition: TopicPartition) {
        self.init(topicPartition, role: .current, name: topicPartition.description)
    }

    /// A new name to rename the partition's directory to; `uniqueID` makes it differ from all
    /// others.
    ///
    /// For `delete` and `stray` the topic is cut where the name would be longer than `byteLimit`.
    public init(_ topicPartition: TopicPartition, role: Role, uniqueID: KafkaUUID) {
        guard role != .current else {
            self.init(topicPartition)
            return
        }
        let digits = [uniqueID.high, uniqueID.low].map { half in
            let text = String(half, radix: 16)
            return String(repeating: "0", count: 16 - text.count) + text
        }.joined()
        let suffix = "-\(topicPartition.partition).\(digits)\(role.rawValue)"
        var topic = topicPartition.topic
        if role != .future {
            // Topic names are ASCII, so that bytes are characters.
            topic = String(topic.prefix(max(1, Self.byteLimit - suffix.utf8.count)))
        }
        self.init(
            TopicPartition(topic: topic, partition: topicPartition.partition), role: role,
            name: topic + suffix)
    }

    /// Parses a file name; `nil` when it does not have the form of a partition's directory.
    public init?(parsing name: String) {
        let role = Role.allCases.first { $0 != .current && name.hasSuffix($0.rawValue) } ?? .current
        var stem = Substring(name)
        if role != .current {
            stem = stem.dropLast(role.rawValue.count)
            guard let dot = stem.lastIndex(of: "."), stem.index(after: dot) < stem.endIndex else {
                return nil
            }
            stem = stem[..<dot]
        }
        guard let dash = stem.lastIndex(of: "-"), dash > stem.startIndex,
            let partition = Int32(stem[stem.index(after: dash)...]), partition >= 0,
            !stem.contains(where: \.isWhitespace)
        else { return nil }
        self.init(
            TopicPartition(topic: String(stem[..<dash]), partition: partition), role: role,
            name: name)
    }

    private init(_ topicPartition: TopicPartition, role: Role, name: String) {
        self.topicPartition = topicPartition
        self.role = role
        self.name = name
    }
}
