import KafkaProtocol
import KafkaWire
import Testing

@testable import BrokerCore

/// Groups of the consumer protocol (KIP-848) on a whole node.
@Suite struct ConsumerGroupNodeTests {
    private static func join(_ group: String) -> ConsumerGroupHeartbeatRequest {
        var request = ConsumerGroupHeartbeatRequest(
            groupID: group, memberID: "m", memberEpoch: 0, rebalanceTimeoutMs: 60_000)
        request.subscribedTopicNames = ["words"]
        request.topicPartitions = []
        return request
    }

    @Test func aGroupIsJoinedDescribedAndCommittedTo() throws {
        let node = try GroupNodeTests.node()
        let client = node.connect()
        let id = try #require(node.view.topic(named: "words")).id
        let joined = try client.call(Self.join("g-1"))
        #expect(joined.errorCode == 0)
        let assigned = try #require(joined.assignment?.topicPartitions.first)
        #expect(assigned.topicID == id && assigned.partitions == [0, 1])
        let commit = OffsetCommitRequest(
            groupID: "g-1", generationIDOrMemberEpoch: joined.memberEpoch, memberID: "m",
            topics: [
                .init(topicID: id, partitions: [.init(partitionIndex: 0, committedOffset: 4)])
            ])
        let committed = try client.call(commit, version: 10)
        #expect(committed.topics.map(\.topicID) == [id])
        #expect(committed.topics[0].partitions.map(\.errorCode) == [0])
        #expect(try client.committed(group: "g-1") == 4)

        let described = try client.call(
            ConsumerGroupDescribeRequest(
                groupIDs: ["g-1", "none"], includeAuthorizedOperations: true))
        let group = try #require(described.groups.first)
        #expect(group.errorCode == 0 && group.groupState == "Stable")
        #expect(group.authorizedOperations == 3400)
        let member = try #require(group.members.first)
        #expect(member.memberID == "m" && member.clientHost == "/127.0.0.1")
        #expect(member.assignment.topicPartitions.map(\.topicName) == ["words"])
        #expect(member.assignment.topicPartitions.map(\.partitions) == [[0, 1]])
        let none = described.groups[1]
        #expect(none.errorCode == KafkaError.groupIDNotFound.rawValue)
        #expect(none.authorizedOperations == .min)
        let bare = try client.call(ConsumerGroupDescribeRequest(groupIDs: ["g-1"]))
        #expect(bare.groups.first?.authorizedOperations == .min)
    }

    @Test func whoAsksTheWrongBrokerIsToldSo() throws {
        let client = try TestNode().connect()
        let wrong = KafkaError.notCoordinator.rawValue
        #expect(try client.call(Self.join("g")).errorCode == wrong)
        let described = try client.call(ConsumerGroupDescribeRequest(groupIDs: ["g", "h"]))
        #expect(described.groups.map(\.groupID) == ["g", "h"])
        #expect(described.groups.map(\.errorCode) == [wrong, wrong])
    }

    /// The text that says so has the name in it, and is longer than a string may be.
    @Test func anAnswerThatCannotBeWrittenClosesItsConnection() throws {
        let node = try GroupNodeTests.node()
        let client = node.connect()
        let longest = String(repeating: "g", count: Int(Int16.max))
        let version = APIKey.consumerGroupDescribe.validVersions.upperBound
        try client.send(ConsumerGroupDescribeRequest(groupIDs: [longest]), version: version)
        #expect(client.closeReason?.contains("cannot encode ConsumerGroupDescribe") == true)
        #expect(try node.connect().call(ListGroupsRequest()).errorCode == 0)
    }

    @Test func aBrokerMayNotSpeakTheProtocol() throws {
        let node = try TestNode {
            $0.staticConfigs["group.coordinator.rebalance.protocols"] = "classic"
            $0.staticConfigs["offsets.topic.replication.factor"] = "1"
        }
        let client = node.connect()
        _ = try client.call(FindCoordinatorRequest(coordinatorKeys: ["g"]))
        let unsupported = KafkaError.unsupportedVersion.rawValue
        #expect(try client.call(Self.join("g")).errorCode == unsupported)
        let described = try client.call(ConsumerGroupDescribeRequest(groupIDs: ["g"]))
        #expect(described.groups.map(\.errorCode) == [unsupported])
    }
}
