/// A consumer as a member of its group, for those who commit offsets on its behalf (KIP-447).
public struct ConsumerGroupMetadata: Sendable, Hashable {
    /// `group.id`
    public var groupID: String
    /// The generation, or the member's epoch; -1 for a group without members.
    public var generation: Int32
    /// Empty for a group without members.
    public var memberID: String
    /// `group.instance.id`
    public var instanceID: String?

    public init(
        groupID: String, generation: Int32 = -1, memberID: String = "", instanceID: String? = nil
    ) {
        self.groupID = groupID
        self.generation = generation
        self.memberID = memberID
        self.instanceID = instanceID
    }
}

extension ConsumerCore {
    /// The consumer as a member of its group; `nil` without a `group.id`.
    public var groupMetadata: ConsumerGroupMetadata? {
        guard let group else { return nil }
        guard group.isMember else { return ConsumerGroupMetadata(groupID: group.settings.id) }
        return ConsumerGroupMetadata(
            groupID: group.settings.id, generation: group.generation, memberID: group.memberID,
            instanceID: group.settings.instanceID)
    }
}
