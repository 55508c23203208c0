import KafkaProtocol
import KafkaWire

/// What the log says of a consumer group: the replay of its records.
struct ConsumerGroupState {
    /// How many members are subscribed to a topic by name, and how many patterns that members are
    /// subscribed to match it.
    struct Subscribers: Equatable {
        var byName = 0
        var byPattern = 0
    }

    /// The topics that a pattern matched when it was last looked at.
    struct ResolvedPattern: Equatable {
        /// Sorted.
        var topics: [String]
        /// Of the metadata that was looked at.
        var version: Int64
        /// When, in ms since 1970.
        var timestamp: Int64
    }

    let groupID: String
    /// Grows with each change that asks for a new assignment.
    private(set) var groupEpoch: Int32 = 1
    /// Of the topics that the group is subscribed to.
    private(set) var metadataHash: Int64 = 0
    /// The group epoch for which the target assignment was made; -1 once it is deleted.
    private(set) var assignmentEpoch: Int32 = 1
    /// When it was made (ms since 1970); 0 when not known.
    private(set) var assignmentTimestamp: Int64 = 0

    private(set) var members: [String: ConsumerGroupMember] = [:]
    /// Static members by instance id.
    private(set) var staticMembers: [String: String] = [:]
    private(set) var targets: [String: PartitionsByTopic] = [:]
    /// Who has each partition, or has yet to give it up.
    private(set) var owners: [KafkaUUID: [Int32: String]] = [:]

    private(set) var subscribers: [String: Subscribers] = [:]
    /// How many members are subscribed to each pattern.
    private(set) var patternMembers: [String: Int] = [:]
    private(set) var patterns: [String: ResolvedPattern] = [:]
    /// How many members ask for each assignor.
    private(set) var assignorVotes: [String: Int] = [:]
    private(set) var classicMemberCount = 0
    /// How many members that speak the classic protocol know each of its assignors.
    private(set) var classicProtocolVotes: [String: Int] = [:]
    /// Whether a version before 4.1 left a record that is to be deleted.
    private(set) var hasPartitionMetadata = false
    /// Whether a record has taken the group out of the log.
    private(set) var isDeleted = false
    /// Topics that the group has been subscribed to or no longer is since `takeTurnedTopics`.
    private var turnedTopics: Set<String> = []

    init(_ groupID: String) { self.groupID = groupID }

    // MARK: Questions

    /// The member with an instance id.
    func staticMember(_ instanceID: String?) -> ConsumerGroupMember? {
        instanceID.flatMap { staticMembers[$0] }.flatMap { members[$0] }
    }

    func target(of member: String) -> PartitionsByTopic { targets[member] ?? [:] }

    /// Whether somebody has a partition, or has yet to give it up.
    func isTaken(_ topic: KafkaUUID, _ partition: Int32) -> Bool {
        owners[topic]?[partition] != nil
    }

    /// The assignor that most members ask for; of several, the first by name.
    var preferredAssignor: String? {
        assignorVotes.max { ($0.value, $1.key) < ($1.value, $0.key) }?.key
    }

    /// The topics that a member is subscribed to, by name and by pattern.
    func topics(of member: ConsumerGroupMember) -> Set<String> {
        Set(member.topicNames).union(patterns[member.topicRegex]?.topics ?? [])
    }

    /// `Empty`, `Assigning`, `Reconciling` or `Stable`.
    var name: String {
        if members.isEmpty { return "Empty" }
        if groupEpoch > assignmentEpoch { return "Assigning" }
        let isStable = members.values.allSatisfy { $0.isReconciled(to: assignmentEpoch) }
        return isStable ? "Stable" : "Reconciling"
    }

    // MARK: Replay

    /// Takes over a record; those of other groups and kinds change nothing.
    mutating func apply(_ record: GroupRecord) {
        switch record {
        case .consumerGroup(_, let value):
            isDeleted = value == nil
            groupEpoch = value?.epoch ?? groupEpoch
            metadataHash = value?.metadataHash ?? 0
        case .partitionMetadata(_, let value): hasPartitionMetadata = value != nil
        case .memberMetadata(let key, let value?):
            var member = members[key.memberID] ?? ConsumerGroupMember(id: key.memberID)
            member.update(value)
            put(member)
        case .memberMetadata(let key, nil): remove(key.memberID)
        case .targetMetadata(_, let value):
            assignmentEpoch = value?.assignmentEpoch ?? -1
            assignmentTimestamp = value?.assignmentTimestamp ?? 0
        case .targetMember(let key, let value):
            targets[key.memberID] = value.map { value in
                Dictionary(
                    value.topicPartitions.filter { !$0.partitions.isEmpty }.map {
                        ($0.topicID, $0.partitions.sorted())
                    }, uniquingKeysWith: { $1 })
            }
        case .currentAssignment(let key, let value?):
            var member = members[key.memberID] ?? ConsumerGroupMember(id: key.memberID)
            member.update(value)
            put(member)
        case .currentAssignment(let key, nil):
            guard var member = members[key.memberID] else { return }
            member.epoch = ConsumerGroupMember.leaving
            member.previousEpoch = ConsumerGroupMember.leaving
            member.assigned = [:]
            member.pendingRevocation = [:]
            put(member)
        case .regularExpression(let key, let value):
            resolve(
                key.regularExpression,
                to: value.map {
                    ResolvedPattern(
                        topics: ConsumerGroupMember.normalized($0.topics), version: $0.version,
                        timestamp: $0.timestamp)
                })
        case .offsetCommit, .groupMetadata: break
        }
    }

    private mutating func put(_ member: ConsumerGroupMember) {
        let old = members.updateValue(member, forKey: member.id)
        recount(old, member)
        move(old, member)
    }

    private mutating func remove(_ id: String) {
        guard let member = members.removeValue(forKey: id) else { return }
        recount(member, nil)
        move(member, nil)
    }

    // MARK: Counts

    /// Topics that the group has been subscribed to or no longer is since the last call.
    mutating func takeTurnedTopics() -> Set<String> {
        defer { turnedTopics = [] }
        return turnedTopics
    }

    /// Counts what a member wants in place of what it wanted.
    private mutating func recount(_ old: ConsumerGroupMember?, _ new: ConsumerGroupMember?) {
        if let instance = old?.instanceID, staticMembers[instance] == old?.id {
            staticMembers[instance] = nil
        }
        if let new, let instance = new.instanceID { staticMembers[instance] = new.id }
        if old?.topicNames != new?.topicNames {
            for name in old?.topicNames ?? [] { count(name) { $0.byName -= 1 } }
            for name in new?.topicNames ?? [] { count(name) { $0.byName += 1 } }
        }
        Self.shift(&patternMembers, old?.topicRegex, new?.topicRegex)
        Self.shift(&assignorVotes, old?.assignor, new?.assignor)
        classicMemberCount += (new?.classic == nil ? 0 : 1) - (old?.classic == nil ? 0 : 1)
        for each in old?.classic?.supportedProtocols ?? [] {
            Self.shift(&classicProtocolVotes, each.name, nil)
        }
        for each in new?.classic?.supportedProtocols ?? [] {
            Self.shift(&classicProtocolVotes, nil, each.name)
        }
    }

    /// Notes what a member has in place of what it had.
    private mutating func move(_ old: ConsumerGroupMember?, _ new: ConsumerGroupMember?) {
        guard old?.assigned != new?.assigned || old?.pendingRevocation != new?.pendingRevocation
        else { return }
        for held in [old?.assigned, old?.pendingRevocation] {
            for (topic, partitions) in held ?? [:] {
                release(topic, partitions.keys, of: old?.id ?? "")
            }
        }
        guard let new else { return }
        for held in [new.assigned, new.pendingRevocation] {
            for (topic, partitions) in held {
                for partition in partitions.keys {
                    owners[topic, default: [:]][partition] = new.id
                }
            }
        }
    }

    /// A partition that another member has been given since stays with that one.
    private mutating func release(
        _ topic: KafkaUUID, _ partitions: some Sequence<Int32>, of member: String
    ) {
        for partition in partitions where owners[topic]?[partition] == member {
            owners[topic]?[partition] = nil
        }
        if owners[topic]?.isEmpty == true { owners[topic] = nil }
    }

    private mutating func resolve(_ pattern: String, to resolved: ResolvedPattern?) {
        for name in patterns[pattern]?.topics ?? [] { count(name) { $0.byPattern -= 1 } }
        patterns[pattern] = resolved
        for name in resolved?.topics ?? [] { count(name) { $0.byPattern += 1 } }
    }

    private mutating func count(_ topic: String, _ change: (inout Subscribers) -> Void) {
        let before = subscribers[topic]
        var after = before ?? Subscribers()
        change(&after)
        let isLeft = after == Subscribers()
        subscribers[topic] = isLeft ? nil : after
        if (before == nil) != isLeft { turnedTopics.insert(topic) }
    }

    /// Counts `new` in place of `old`; empty and `nil` count for nothing.
    private static func shift(_ counts: inout [String: Int], _ old: String?, _ new: String?) {
        guard old != new else { return }
        if let old, let count = counts[old] { counts[old] = count > 1 ? count - 1 : nil }
        if let new, !new.isEmpty { counts[new, default: 0] += 1 }
    }
}
