import KafkaProtocol
import KafkaWire
import Synchronization

@testable import martlet

/// A broker with groups: `mixed` (consumer protocol, two members), `old` (classic, one member),
/// `idle` (offsets only). Topics `t` with 3 partitions and `u` with 1.
///
/// Committed everywhere: 40 in t-0, 120 in t-1, nothing in t-2, 7 in gone-0, which is no more.
final class FakeGroups: Sendable {
    let broker: FakeBroker
    private let record: Record
    /// Offsets that tools have committed, by group and partition.
    var commits: [String: [String: Int64]] { record.commits.withLock { $0 } }
    /// ListGroups requests so far.
    var lists: [ListGroupsRequest] { record.lists.withLock { $0 } }

    init(versions: ApiVersionsResponse = FakeBroker.versions()) throws {
        let record = Record()
        broker = try FakeBroker.cluster([("t", 3), ("u", 1)], versions: versions) { request in
            try Self.answer(request, record)
        }
        self.record = record
    }
    deinit { broker.stop() }

    /// Runs `martlet consumer-groups`, or another tool, against the broker.
    func run(
        _ arguments: String..., tool: String = "consumer-groups"
    ) -> (code: Int32, out: String, errors: String) {
        let console = Console(captures: true)
        let code = Martlet.run(
            ["martlet", tool] + arguments + ["--bootstrap-server", broker.address], console)
        return (code, console.output, console.capturedErrors)
    }

    /// What the broker was told.
    private final class Record: Sendable {
        let commits = Mutex<[String: [String: Int64]]>([:])
        let lists = Mutex<[ListGroupsRequest]>([])
    }

    private static func answer(
        _ request: FakeBroker.Request, _ record: Record
    ) throws -> [UInt8]? {
        switch request.key {
        case .findCoordinator: return try FakeBroker.coordinators(request)
        case .listOffsets: return try FakeBroker.offsets(request)
        case .listGroups:
            let asked = try request.decoded(ListGroupsRequest.self)
            record.lists.withLock { $0.append(asked) }
            return try request.answer(list(asked))
        case .consumerGroupDescribe: return try describe(request)
        case .describeGroups: return try describeClassic(request)
        case .offsetFetch: return try fetch(request)
        case .offsetCommit: return try commit(request, record)
        case .offsetDelete: return try deleteOffsets(request)
        case .deleteGroups: return try delete(request)
        default: return nil
        }
    }

    private static func list(_ asked: ListGroupsRequest) -> ListGroupsResponse {
        let all: [ListGroupsResponse.ListedGroup] = [
            .init(
                groupID: "old", protocolType: "consumer", groupState: "Stable",
                groupType: "Classic"),
            .init(
                groupID: "mixed", protocolType: "consumer", groupState: "Reconciling",
                groupType: "Consumer"),
            .init(groupID: "idle", protocolType: "", groupState: "Empty", groupType: "Classic"),
            .init(
                groupID: "shared", protocolType: "share", groupState: "Stable", groupType: "Share"),
            .init(
                groupID: "connect-cluster", protocolType: "connect", groupState: "Stable",
                groupType: "Classic"),
        ]
        return ListGroupsResponse(
            groups: all.filter { group in
                (asked.statesFilter.isEmpty || asked.statesFilter.contains(group.groupState))
                    && (asked.typesFilter.isEmpty || asked.typesFilter.contains(group.groupType))
            })
    }

    private static func describe(_ request: FakeBroker.Request) throws -> [UInt8] {
        let asked = try request.decoded(ConsumerGroupDescribeRequest.self)
        func partitions(_ numbers: [Int32]) -> ConsumerGroupDescribeResponse.Assignment {
            .init(
                topicPartitions: numbers.isEmpty
                    ? [] : [.init(topicID: .zero, topicName: "t", partitions: numbers)])
        }
        return try request.answer(
            ConsumerGroupDescribeResponse(
                groups: asked.groupIDs.map { id in
                    guard id == "mixed" else {
                        return .init(
                            errorCode: KafkaError.groupIDNotFound.rawValue,
                            errorMessage: "Group \(id) not found.", groupID: id)
                    }
                    return .init(
                        groupID: id, groupState: "Reconciling", groupEpoch: 12, assignmentEpoch: 11,
                        assignorName: "uniform",
                        members: [
                            .init(
                                memberID: "m1", instanceID: "static-1", memberEpoch: 11,
                                clientID: "c1", clientHost: "/127.0.0.1",
                                assignment: partitions([0]), targetAssignment: partitions([0]),
                                memberType: 1),
                            .init(
                                memberID: "m2", memberEpoch: 10, clientID: "c2",
                                clientHost: "/127.0.0.2", assignment: partitions([2, 1]),
                                targetAssignment: partitions([1, 2]), memberType: 0),
                        ])
                }))
    }

    private static func describeClassic(_ request: FakeBroker.Request) throws -> [UInt8] {
        let asked = try request.decoded(DescribeGroupsRequest.self)
        var assignment = WireWriter()
        assignment.write(Int16(3))
        try ConsumerProtocolAssignment(
            assignedPartitions: [.init(topic: "t", partitions: [1, 0])]
        ).encode(to: &assignment, version: 3)
        let bytes = assignment.toArray()
        return try request.answer(
            DescribeGroupsResponse(
                groups: asked.groups.map { id in
                    switch id {
                    case "old":
                        .init(
                            groupID: id, groupState: "Stable", protocolType: "consumer",
                            protocolData: "range",
                            members: [
                                .init(
                                    memberID: "rdkafka-1", clientID: "rdkafka",
                                    clientHost: "/10.0.0.1", memberAssignment: bytes)
                            ])
                    case "idle": .init(groupID: id, groupState: "Empty", protocolType: "")
                    case "connect-cluster":
                        .init(groupID: id, groupState: "Stable", protocolType: "connect")
                    default:
                        .init(
                            errorCode: request.version < 6
                                ? 0 : KafkaError.groupIDNotFound.rawValue,
                            groupID: id, groupState: "Dead")
                    }
                }))
    }

    private static func fetch(_ request: FakeBroker.Request) throws -> [UInt8] {
        let asked = try request.decoded(OffsetFetchRequest.self)
        func topic(
            _ name: String, _ offsets: [(Int32, Int64, Int32)]
        ) -> OffsetFetchResponse.OffsetFetchResponseTopics {
            .init(
                name: name,
                partitions: offsets.map {
                    .init(
                        partitionIndex: $0.0, committedOffset: $0.1, committedLeaderEpoch: $0.2,
                        metadata: "")
                })
        }
        let offsets = [
            topic("t", [(0, 40, 3), (1, 120, -1), (2, -1, -1)]), topic("gone", [(0, 7, -1)]),
        ]
        return try request.answer(
            OffsetFetchResponse(
                groups: asked.groups.map { group in
                    .init(groupID: group.groupID, topics: group.groupID == "new" ? [] : offsets)
                }))
    }

    private static func commit(
        _ request: FakeBroker.Request, _ record: Record
    ) throws -> [UInt8] {
        let asked = try request.decoded(OffsetCommitRequest.self)
        for topic in asked.topics {
            for partition in topic.partitions {
                record.commits.withLock {
                    $0[asked.groupID, default: [:]]["\(topic.name)-\(partition.partitionIndex)"] =
                        partition.committedOffset
                }
            }
        }
        return try request.answer(
            OffsetCommitResponse(
                topics: asked.topics.map { topic in
                    .init(
                        name: topic.name,
                        partitions: topic.partitions.map {
                            .init(partitionIndex: $0.partitionIndex)
                        })
                }))
    }

    private static func deleteOffsets(_ request: FakeBroker.Request) throws -> [UInt8] {
        let asked = try request.decoded(OffsetDeleteRequest.self)
        guard asked.groupID == "old" || asked.groupID == "idle" else {
            return try request.answer(
                OffsetDeleteResponse(errorCode: KafkaError.groupIDNotFound.rawValue))
        }
        let code = asked.groupID == "old" ? KafkaError.groupSubscribedToTopic.rawValue : 0
        return try request.answer(
            OffsetDeleteResponse(
                topics: asked.topics.map { topic in
                    .init(
                        name: topic.name,
                        partitions: topic.partitions.map {
                            .init(
                                partitionIndex: $0.partitionIndex,
                                errorCode: topic.name == "t" ? code : 0)
                        })
                }))
    }

    private static func delete(_ request: FakeBroker.Request) throws -> [UInt8] {
        let asked = try request.decoded(DeleteGroupsRequest.self)
        return try request.answer(
            DeleteGroupsResponse(
                results: asked.groupsNames.map { name in
                    .init(
                        groupID: name,
                        errorCode: name == "idle" ? 0 : KafkaError.nonEmptyGroup.rawValue)
                }))
    }
}
