public import KafkaWire

/// What the members of a classic consumer group tell each other, which the coordinator passes on
/// without a look.
public enum ClassicMembers {
    /// The topics of a subscription; none of one that cannot be read.
    public static func topics(_ metadata: [UInt8]) -> [String] {
        do throws(WireError) {
            return try MemberSubscription(memberID: "", instanceID: nil, metadata, for: .range)
                .topics.sorted()
        } catch { return [] }
    }

    /// The partitions of an assignment; none of one that cannot be read.
    public static func assignment(_ bytes: [UInt8]) -> [TopicPartition] {
        do throws(WireError) { return try MemberAssignment.decoded(bytes).sorted() } catch {
            return []
        }
    }
}
