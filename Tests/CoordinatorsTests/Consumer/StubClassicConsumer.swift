import KafkaProtocol
import KafkaWire

@testable import Coordinators

/// A consumer of the classic protocol, eager: it gives everything up before it joins.
struct StubClassicConsumer {
    let group = "g"
    var id = ""
    var instanceID: String?
    var generation: Int32 = -1
    var owned: Set<TopicPartition> = []
    var assignor = "range"
    private var joining: UInt64?
    private var syncing: UInt64?
    /// The outcome of the last request that was an error.
    private(set) var lastError = KafkaError.none

    init(instanceID: String? = nil) { self.instanceID = instanceID }

    /// One turn of the client: asks, or looks whether its answer has come.
    mutating func poll(_ harness: GroupHarness) {
        if let request = joining {
            guard let response: JoinGroupResponse = harness.answer(to: request) else { return }
            joining = nil
            take(response, harness)
        } else if let request = syncing {
            guard let response: SyncGroupResponse = harness.answer(to: request) else { return }
            syncing = nil
            take(response)
        } else if generation < 0 {
            join(harness)
        } else {
            beat(harness)
        }
    }

    private mutating func join(_ harness: GroupHarness) {
        owned = []
        let subscription = ConsumerProtocolSubscription(topics: ["t"])
        let request = JoinGroupRequest(
            groupID: group, sessionTimeoutMs: 30_000, rebalanceTimeoutMs: 60_000, memberID: id,
            groupInstanceID: instanceID, protocolType: "consumer",
            protocols: [.init(name: assignor, metadata: Self.coded(subscription, 1))])
        let now = harness.now
        joining = harness.send { machine, caller in
            machine.joinGroup(
                request, from: GroupClient(clientID: "c", host: "/h", apiVersion: 9), caller,
                now)
        }
        poll(harness)
    }

    private mutating func take(_ response: JoinGroupResponse, _ harness: GroupHarness) {
        lastError = KafkaError(rawValue: response.errorCode) ?? .unknownServerError
        switch lastError {
        case .none: break
        case .memberIDRequired:
            id = response.memberID
            return join(harness)
        case .unknownMemberID: id = ""
        default: return
        }
        guard lastError == .none else { return }
        id = response.memberID
        generation = response.generationID
        let isLeader = response.leader == id
        let assignments = isLeader ? shares(among: response.members.map(\.memberID), harness) : []
        let request = SyncGroupRequest(
            groupID: group, generationID: generation, memberID: id, groupInstanceID: instanceID,
            protocolType: response.protocolType, protocolName: response.protocolName,
            assignments: assignments)
        let now = harness.now
        syncing = harness.send { $0.syncGroup(request, version: 5, $1, now) }
    }

    private func shares(
        among members: [String], _ harness: GroupHarness
    ) -> [SyncGroupRequest.SyncGroupRequestAssignment] {
        let count = harness.metadata.partitionCount(of: StubMetadata.id("t")) ?? 0
        return members.enumerated().map { place, member in
            let partitions = (0..<count).filter { Int($0) % members.count == place }
            let assignment = ConsumerProtocolAssignment(
                assignedPartitions: [.init(topic: "t", partitions: partitions)])
            return .init(memberID: member, assignment: Self.coded(assignment, 1))
        }
    }

    private mutating func take(_ response: SyncGroupResponse) {
        lastError = KafkaError(rawValue: response.errorCode) ?? .unknownServerError
        guard lastError == .none,
            let assignment = ClassicProtocolCoding.assignment(response.assignment)
        else {
            generation = -1
            return
        }
        owned = Set(
            assignment.assignedPartitions.flatMap { topic in
                topic.partitions.map { TopicPartition(topic: topic.topic, partition: $0) }
            })
    }

    private mutating func beat(_ harness: GroupHarness) {
        let request = HeartbeatRequest(
            groupID: group, generationID: generation, memberID: id, groupInstanceID: instanceID)
        let response: HeartbeatResponse? = harness.run { $0.heartbeat(request, $1, harness.now) }
        lastError = response.flatMap { KafkaError(rawValue: $0.errorCode) } ?? .none
        guard lastError != .none else { return }
        generation = -1
        if lastError == .unknownMemberID { id = "" }
        join(harness)
    }

    mutating func leave(_ harness: GroupHarness) -> KafkaError? {
        let request = LeaveGroupRequest(
            groupID: group, members: [.init(memberID: id, groupInstanceID: instanceID)])
        owned = []
        generation = -1
        let response: LeaveGroupResponse? = harness.run {
            $0.leaveGroup(request, version: 5, $1, harness.now)
        }
        return response?.members.first.flatMap { KafkaError(rawValue: $0.errorCode) }
    }

    static func coded(_ message: some KafkaMessage, _ version: Int16) -> [UInt8] {
        var writer = WireWriter()
        writer.write(version)
        try? message.encode(to: &writer, version: version)
        return writer.toArray()
    }
}
