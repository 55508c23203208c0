public import KafkaProtocol
import KafkaWire

/// Who sends a request to a group.
public struct GroupClient: Sendable {
    public var clientID: String
    /// The address as Kafka writes it, `/127.0.0.1`.
    public var host: String
    public var apiVersion: Int16

    public init(clientID: String, host: String, apiVersion: Int16) {
        self.clientID = clientID
        self.host = host
        self.apiVersion = apiVersion
    }
}

/// ConsumerGroupHeartbeat (KIP-848): join, go on, leave.
extension GroupMachine {
    /// Answers a heartbeat of a member.
    public func consumerHeartbeat(
        _ request: ConsumerGroupHeartbeatRequest, from client: GroupClient, _ caller: Caller,
        _ now: Moment
    ) {
        var response = ConsumerGroupHeartbeatResponse()
        do throws(GroupFault) {
            try check(request, client.apiVersion)
            let isLeaving = request.memberEpoch < 0
            response =
                try isLeaving ? leave(request, now: now) : goOn(request, from: client, now: now)
        } catch {
            response.errorCode = error.code.rawValue
            response.errorMessage = error.message
        }
        reply(to: caller, response) { ConsumerGroupHeartbeatResponse(errorCode: $0.rawValue) }
    }

    private func goOn(
        _ request: ConsumerGroupHeartbeatRequest, from client: GroupClient, now: Moment
    ) throws(GroupFault) -> ConsumerGroupHeartbeatResponse {
        let isJoining = request.memberEpoch == 0
        var draft = try consumerDraft(of: request.groupID, isJoining: isJoining)
        var memberID = request.memberID
        if memberID.isEmpty { memberID = newMemberID() }
        try checkRoom(in: draft.state, for: memberID, request.instanceID)
        let before = try member(memberID, request, in: &draft)
        let assignor = preferredAssignor(of: draft.state)
        let change = try update(before, request, from: client, in: &draft, now: now)
        let hasOtherAssignor = assignor != preferredAssignor(of: draft.state)
        refreshMetadata(&draft, mustBump: change.mustBump || hasOtherAssignor)
        updateTarget(&draft, now: now)
        try reconcile(
            memberID, hasSubscriptionChanged: change.isOther,
            reported: request.topicPartitions.map(PartitionsByTopic.init), in: &draft)
        let after = draft.state.members[memberID] ?? before
        let limits = consumerLimits(of: request.groupID)
        commit(draft, now)
        setTimers(of: after, changedFrom: before, in: request.groupID, limits, now: now)
        var response = ConsumerGroupHeartbeatResponse(
            memberID: memberID, memberEpoch: after.epoch,
            heartbeatIntervalMs: limits.heartbeatIntervalMs)
        if isJoining || request.isFull || before.assigned != after.assigned {
            response.assignment = .init(after.assigned)
        }
        return response
    }

    // MARK: Checks

    private func check(
        _ request: ConsumerGroupHeartbeatRequest, _ version: Int16
    ) throws(GroupFault) {
        func invalid(_ message: String) -> GroupFault { GroupFault(.invalidRequest, message) }
        // From version 1 on members make their ids themselves (KIP-1082).
        if version >= 1 || request.memberEpoch > 0
            || request.memberEpoch == ConsumerGroupMember.leaving
        {
            if isBlank(request.memberID) { throw invalid("MemberId can't be empty.") }
        }
        if isBlank(request.groupID) { throw invalid("GroupId can't be empty.") }
        if let id = request.instanceID, isBlank(id) { throw invalid("InstanceId can't be empty.") }
        if let rack = request.rackID, isBlank(rack) { throw invalid("RackId can't be empty.") }
        switch request.memberEpoch {
        case 0:
            if request.rebalanceTimeoutMs == -1 {
                throw invalid("RebalanceTimeoutMs must be provided in first request.")
            }
            guard let owned = request.topicPartitions, owned.isEmpty else {
                throw invalid("TopicPartitions must be empty when (re-)joining.")
            }
            if request.subscribedTopicNames == nil && request.subscribedTopicRegex == nil {
                throw invalid(
                    "Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when "
                        + "(re-)joining.")
            }
        case ConsumerGroupMember.leavingStatic:
            if request.instanceID == nil { throw invalid("InstanceId can't be null.") }
        case ..<ConsumerGroupMember.leavingStatic: throw invalid("MemberEpoch is invalid.")
        default: break
        }
        let names = consumerAssignors.map(\.rawValue)
        if let name = request.serverAssignor, !names.contains(name) {
            throw GroupFault(
                .unsupportedAssignor,
                "ServerAssignor \(name) is not supported. Supported assignors: "
                    + "\(names.joined(separator: ", ")).")
        }
    }

    private func isBlank(_ text: String) -> Bool { text.allSatisfy { $0.isWhitespace } }

    /// A static member that is there already takes no new place.
    func checkRoom(
        in state: ConsumerGroupState, for memberID: String, _ instanceID: String?
    ) throws(GroupFault) {
        let limit = Int(settings.consumer.maxSize)
        guard state.members.count >= limit, state.members[memberID] == nil,
            state.staticMember(instanceID) == nil
        else { return }
        throw GroupFault(
            .groupMaxSizeReached,
            "The consumer group has reached its maximum capacity of \(limit) members.")
    }

    // MARK: Settings

    /// What the broker's settings and the group's own say.
    struct ConsumerLimits {
        var sessionTimeoutMs: Int32
        var heartbeatIntervalMs: Int32
        var assignmentIntervalMs: Int32
    }

    func consumerLimits(of group: String) -> ConsumerLimits {
        let configs = environment.metadata.groupConfigs(of: group)
        let broker = settings.consumer
        func limit(_ key: String, _ range: ClosedRange<Int32>, _ value: Int32) -> Int32 {
            guard let own = configs["consumer.\(key)"].flatMap({ Int32($0) }) else { return value }
            return min(max(own, range.lowerBound), range.upperBound)
        }
        return ConsumerLimits(
            sessionTimeoutMs: limit(
                "session.timeout.ms", broker.sessionTimeoutRange, broker.sessionTimeoutMs),
            heartbeatIntervalMs: limit(
                "heartbeat.interval.ms", broker.heartbeatIntervalRange,
                broker.heartbeatIntervalMs),
            assignmentIntervalMs: limit(
                "assignment.interval.ms", broker.assignmentIntervalRange,
                broker.assignmentIntervalMs))
    }

    /// The assignors that members may ask for, the default first.
    var consumerAssignors: [PartitionAssignor] {
        settings.consumer.assignors.compactMap(PartitionAssignor.init(configured:))
    }

    /// The assignor that the group's members want, or the default.
    func preferredAssignor(of state: ConsumerGroupState) -> PartitionAssignor {
        state.preferredAssignor.flatMap(PartitionAssignor.init(rawValue:))
            ?? consumerAssignors.first ?? .uniform
    }

    func newMemberID() -> String {
        var generator = random
        defer { random = generator }
        return KafkaUUID.random(using: &generator).description
    }
}

extension PartitionAssignor {
    /// An assignor by its name or by the name of Kafka's class.
    init?(configured name: String) {
        switch name {
        case "uniform", "org.apache.kafka.coordinator.group.assignor.UniformAssignor":
            self = .uniform
        case "range", "org.apache.kafka.coordinator.group.assignor.RangeAssignor": self = .range
        default: return nil
        }
    }
}

extension ConsumerGroupHeartbeatRequest {
    /// Whether the member says all of itself, as it does when an answer may have been lost.
    var isFull: Bool {
        rebalanceTimeoutMs != -1 && topicPartitions != nil
            && (subscribedTopicNames != nil || subscribedTopicRegex != nil)
    }
}

extension PartitionsByTopic {
    init(_ topics: [ConsumerGroupHeartbeatRequest.TopicPartitions]) {
        self.init(topics.map { ($0.topicID, $0.partitions) }, uniquingKeysWith: +)
        self = filter { !$0.value.isEmpty }
    }
}

extension ConsumerGroupHeartbeatResponse.Assignment {
    init(_ assigned: EpochsByTopic) {
        self.init(
            topicPartitions: assigned.sorted { $0.key < $1.key }.map {
                .init(topicID: $0.key, partitions: $0.value.keys.sorted())
            })
    }
}
