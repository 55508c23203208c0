import KafkaProtocol
import KafkaWire

/// Where a classic group stands. `Dead` is the answer for a group that is not there.
enum ClassicGroupState: String {
    /// No members; there may be committed offsets.
    case empty = "Empty"
    /// Members are called to join the next generation. Left when all have, or their time is over.
    case preparingRebalance = "PreparingRebalance"
    /// The generation is made; its leader is to say who gets what.
    case completingRebalance = "CompletingRebalance"
    /// Every member can ask for its assignment.
    case stable = "Stable"
}

/// A group whose members speak the classic protocol: one of them, the leader, assigns partitions
/// to all. A group without members that only holds committed offsets is one too.
///
///     empty ─→ preparingRebalance ─→ completingRebalance ─→ stable
///       ↑─────────┘ ↑─────────────────────┴───────────────────┘
///
/// Invariants: all members have a protocol in common; `generation` grows with each passage to
/// `completingRebalance` or `empty`; an instance id names one member; the leader is a member.
/// What survives in the log is the last generation that was made stable, or empty.
final class ClassicGroup {
    let groupID: String
    private(set) var state = ClassicGroupState.empty
    /// The state before; `nil` at first.
    private(set) var previousState: ClassicGroupState?
    /// When `state` began, in ms since 1970; -1 when an old log does not say.
    private(set) var stateSinceMs: Int64
    /// What the members are; `consumer` for consumers. `nil` for a group that never had any.
    var protocolType: String?
    /// The protocol that the generation chose.
    var protocolName: String?
    var generation: Int32 = 0
    var leaderID: String?
    private(set) var members: [String: ClassicMember] = [:]
    /// Member ids by instance id.
    private(set) var staticMembers: [String: String] = [:]
    /// Ids that were given out and have not joined yet (KIP-394).
    var pendingJoinMembers: Set<String> = []
    /// Members of the generation that have not asked for their assignment yet.
    var pendingSyncMembers: Set<String> = []
    /// What the members read; `nil` when that cannot be told.
    var subscribedTopics: Set<String>?
    /// While a first generation is delayed: for how long yet.
    var initialDelay: InitialDelay?
    private var supporters: [String: Int] = [:]
    private var nextNumber: UInt64 = 0

    /// How a group's first generation waits for more members.
    struct InitialDelay {
        /// Of the round that runs, and of those that may follow, in ms.
        var roundMs: Int32
        var remainingMs: Int32
        var memberAdded = false
    }

    init(_ groupID: String, stateSinceMs: Int64) {
        self.groupID = groupID
        self.stateSinceMs = stateSinceMs
    }

    /// A group as the log has it.
    convenience init(_ groupID: String, _ value: GroupMetadataValue) {
        self.init(groupID, stateSinceMs: value.currentStateTimestamp)
        protocolType = value.protocolType.isEmpty ? nil : value.protocolType
        protocolName = value.protocol
        generation = value.generation
        leaderID = value.leader
        for member in value.members {
            add(
                ClassicMember(
                    memberID: member.memberID, instanceID: member.groupInstanceID,
                    clientID: member.clientID, clientHost: member.clientHost,
                    rebalanceTimeoutMs: member.rebalanceTimeout == -1
                        ? member.sessionTimeout : member.rebalanceTimeout,
                    sessionTimeoutMs: member.sessionTimeout,
                    protocols: [.init(name: value.protocol ?? "", metadata: member.subscription)],
                    assignment: member.assignment),
                type: value.protocolType)
        }
        state = members.isEmpty ? .empty : .stable
        subscribedTopics = readSubscribedTopics()
    }

    // MARK: Members

    /// Members in the order in which they joined.
    var sortedMembers: [ClassicMember] { members.values.sorted { $0.number < $1.number } }

    var hasAllJoined: Bool {
        pendingJoinMembers.isEmpty && members.values.allSatisfy(\.isAwaitingJoin)
    }

    /// The longest time that a member wants for a rebalance.
    var rebalanceTimeoutMs: Int32 { members.values.map(\.rebalanceTimeoutMs).max() ?? 0 }

    func isLeader(_ memberID: String) -> Bool { leaderID == memberID }

    /// - Precondition: the group supports one of its protocols; its instance id is not taken.
    func add(_ member: ClassicMember, type: String) {
        if members.isEmpty { protocolType = type }
        if let instance = member.instanceID { staticMembers[instance] = member.memberID }
        if leaderID == nil { leaderID = member.memberID }
        member.number = nextNumber
        nextNumber += 1
        members[member.memberID] = member
        count(member, 1)
        pendingJoinMembers.remove(member.memberID)
    }

    /// Takes out a member, or an id that was only given out. The member next in line becomes leader
    /// if it was.
    func remove(_ memberID: String) {
        if let member = members.removeValue(forKey: memberID) {
            count(member, -1)
            if let instance = member.instanceID { staticMembers[instance] = nil }
        }
        if isLeader(memberID) {
            leaderID = members.values.min { $0.number < $1.number }?.memberID
        }
        pendingJoinMembers.remove(memberID)
        pendingSyncMembers.remove(memberID)
    }

    /// A static member comes back under a new id, in the place of the old one.
    func replace(_ old: ClassicMember, by memberID: String) -> ClassicMember {
        let member = ClassicMember(replacing: old, memberID: memberID)
        member.number = old.number
        members[old.memberID] = nil
        members[memberID] = member
        if isLeader(old.memberID) { leaderID = memberID }
        if let instance = old.instanceID { staticMembers[instance] = memberID }
        pendingSyncMembers.remove(old.memberID)
        return member
    }

    /// Takes over what a member says when it joins again.
    func update(_ member: ClassicMember, _ request: JoinGroupRequest) {
        count(member, -1)
        member.protocols = request.protocols
        count(member, 1)
        member.rebalanceTimeoutMs = request.rebalanceTimeoutMs
        member.sessionTimeoutMs = request.sessionTimeoutMs
    }

    private func count(_ member: ClassicMember, _ step: Int) {
        for name in member.protocolNames { supporters[name, default: 0] += step }
    }

    /// Checks that `memberID` is a member, and the one that has the instance id, if any.
    func fault(of memberID: String, instanceID: String?) -> KafkaError {
        if let instanceID {
            guard let current = staticMembers[instanceID] else { return .unknownMemberID }
            if current != memberID { return .fencedInstanceID }
        }
        return members[memberID] == nil ? .unknownMemberID : .none
    }

    /// Makes a member that waits to join the leader, if the leader does not come back.
    ///
    /// - Returns: whether the leader waits to join.
    func electJoinedLeader() -> Bool {
        guard let leaderID else { return false }
        if members[leaderID]?.isAwaitingJoin == true { return true }
        guard let next = sortedMembers.first(where: \.isAwaitingJoin) else { return false }
        self.leaderID = next.memberID
        return true
    }

    // MARK: Protocols

    /// Whether somebody with these protocols can be a member.
    func supports(_ type: String, _ protocols: [ClassicMember.OfferedProtocol]) -> Bool {
        guard state != .empty else { return !type.isEmpty && !protocols.isEmpty }
        return protocolType == type
            && protocols.contains { supporters[$0.name, default: 0] == members.count }
    }

    /// The protocol that all support and most prefer; the oldest member decides between equals.
    func selectProtocol() -> String? {
        let sorted = sortedMembers
        let candidates = Set(supporters.filter { $0.value == members.count }.keys)
        var votes: [String: Int] = [:]
        for member in sorted {
            if let vote = member.vote(candidates) { votes[vote, default: 0] += 1 }
        }
        let most = votes.values.max()
        return sorted.first?.protocols.first { votes[$0.name] == most }?.name
    }

    /// The topics that the members of a consumer group say they read; `nil` for groups of another
    /// kind, and when a member cannot be understood.
    private func readSubscribedTopics() -> Set<String>? {
        guard protocolType == "consumer" else { return nil }
        if members.isEmpty { return [] }
        guard let protocolName else { return nil }
        var topics: Set<String> = []
        for member in members.values {
            guard let read = Self.topics(inSubscription: member.metadata(of: protocolName)) else {
                return nil
            }
            topics.formUnion(read)
        }
        return topics
    }

    /// Version 0 of the subscription begins all later ones.
    private static func topics(inSubscription metadata: [UInt8]) -> [String]? {
        do throws(WireError) {
            // Bytes have no padding.
            var reader = unsafe WireReader(metadata.span.bytes)
            _ = try reader.readInt16()
            return try ConsumerProtocolSubscription(from: &reader, version: 0).topics
        } catch {
            return nil
        }
    }

    // MARK: States

    func transition(to next: ClassicGroupState, _ now: Moment) {
        previousState = state
        state = next
        stateSinceMs = now.wallMs
    }

    /// Begins the next generation with the members that there are.
    func beginGeneration(_ now: Moment) {
        generation &+= 1
        protocolName = members.isEmpty ? nil : selectProtocol()
        subscribedTopics = readSubscribedTopics()
        transition(to: members.isEmpty ? .empty : .completingRebalance, now)
        pendingSyncMembers = []
    }

    /// Goes on where a consumer group ended: its members have what they were assigned there.
    func takeOver(generation: Int32, _ now: Moment) {
        self.generation = generation
        protocolName = selectProtocol()
        subscribedTopics = readSubscribedTopics()
        transition(to: .stable, now)
    }

    /// The group as it goes to the log.
    var record: GroupRecord {
        let protocolName = protocolName ?? ""
        return .groupMetadata(
            GroupMetadataKey(group: groupID),
            GroupMetadataValue(
                protocolType: protocolType ?? "", generation: generation,
                protocol: self.protocolName, leader: leaderID,
                currentStateTimestamp: stateSinceMs,
                members: sortedMembers.map { member in
                    .init(
                        memberID: member.memberID, groupInstanceID: member.instanceID,
                        clientID: member.clientID, clientHost: member.clientHost,
                        rebalanceTimeout: member.rebalanceTimeoutMs,
                        sessionTimeout: member.sessionTimeoutMs,
                        subscription: member.metadata(of: protocolName),
                        assignment: member.assignment)
                }))
    }
}
