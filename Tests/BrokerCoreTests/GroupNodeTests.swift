import KafkaProtocol
import KafkaWire
import Testing

@testable import BrokerCore

/// Groups on a whole node: over several shards, connections and restarts.
@Suite struct GroupNodeTests {
    /// A node with four shards of groups, a topic `words`, and no delay of first generations.
    static func node(loops: Int32 = 1) throws -> TestNode {
        let node = try TestNode(loops: loops) {
            $0.staticConfigs["offsets.topic.num.partitions"] = "4"
            $0.staticConfigs["offsets.topic.replication.factor"] = "1"
            $0.staticConfigs["group.initial.rebalance.delay.ms"] = "0"
        }
        let client = node.connect()
        try client.createTopic("words", partitions: 2)
        let found = try client.call(FindCoordinatorRequest(coordinatorKeys: ["any"]))
        #expect(found.coordinators.first?.errorCode == 0)
        return node
    }

    /// Names of groups, one for each shard.
    static let names = ["g-0", "g-1", "g-2", "g-3"]

    private static func join(_ group: String) -> JoinGroupRequest {
        JoinGroupRequest(
            groupID: group, sessionTimeoutMs: 10_000, rebalanceTimeoutMs: 60_000,
            protocolType: "consumer", protocols: [.init(name: "range", metadata: [0, 0])])
    }

    @Test func committedOffsetsSurviveAPowerCut() throws {
        let node = try Self.node()
        let client = node.connect()
        try client.commit(5, group: "g-1")
        node.holdsFlushes = true
        let late = TestClient.commitRequest(6, group: "g-1")
        try client.send(late, version: 9)
        #expect(try client.receive(OffsetCommitResponse.self, version: 9) == nil)
        let next = try node.restartedAfterPowerCut().connect()
        #expect(try next.committed(group: "g-1") == 5)
    }

    @Test func aReadWaitsForTheWritesThatItSees() throws {
        let node = try Self.node(loops: 2)
        let writer = node.connect()
        let reader = node.connect(loop: 1)
        node.holdsFlushes = true
        try writer.send(TestClient.commitRequest(7, group: "g-1"), version: 9)
        try reader.send(TestClient.offsetFetchRequest(group: "g-1"), version: 7)
        #expect(try reader.receive(OffsetFetchResponse.self, version: 7) == nil)
        node.flush()
        let read = try #require(try reader.receive(OffsetFetchResponse.self, version: 7))
        #expect(read.message.topics[0].partitions[0].committedOffset == 7)
        #expect(try writer.receive(OffsetCommitResponse.self, version: 9) != nil)
    }

    @Test func groupsOfAllShardsAreListedDescribedAndDeleted() throws {
        let node = try Self.node()
        let client = node.connect()
        for (index, name) in Self.names.enumerated() {
            try client.commit(Int64(index), group: name)
        }
        #expect(try client.call(ListGroupsRequest()).groups.map(\.groupID).sorted() == Self.names)
        let described = try client.call(
            DescribeGroupsRequest(groups: Self.names + ["none"], includeAuthorizedOperations: true))
        #expect(described.groups.map(\.groupID) == Self.names + ["none"])
        #expect(described.groups.map(\.groupState) == Self.names.map { _ in "Empty" } + ["Dead"])
        #expect(described.groups[0].authorizedOperations == 3400)
        let offsets = try client.call(
            OffsetFetchRequest(
                groups: Self.names.map {
                    .init(
                        groupID: $0, topics: [.init(name: "words", partitionIndexes: [0])])
                }), version: 9)
        #expect(
            offsets.groups.map { $0.topics[0].partitions[0].committedOffset } == [0, 1, 2, 3])
        let deleted = try client.call(
            DeleteGroupsRequest(groupsNames: Self.names + ["none", "g-0"]))
        #expect(
            deleted.results.map { KafkaError(code: $0.errorCode) }
                == Self.names.map { _ in KafkaError.none } + [.groupIDNotFound])
        #expect(try client.call(ListGroupsRequest()).groups.isEmpty)
    }

    @Test func aTopicThatIsDeletedTakesItsOffsetsOnAllShards() throws {
        let node = try Self.node()
        let client = node.connect()
        for name in Self.names { try client.commit(3, group: name) }
        let gone = try client.call(
            DeleteTopicsRequest(topics: [.init(name: "words")], timeoutMs: 1000))
        #expect(gone.responses.first?.errorCode == 0)
        try client.createTopic("words", partitions: 2)
        for name in Self.names { #expect(try client.committed(group: name) == -1) }
        let next = try node.restarted().connect()
        for name in Self.names { #expect(try next.committed(group: name) == -1) }
    }

    @Test func aMemberThatDisconnectsWhileItWaitsIsReplacedInTime() throws {
        let node = try Self.node()
        let gone = node.connect()
        let stays = node.connect()
        try gone.send(Self.join("g-1"), version: 3)
        try stays.send(Self.join("g-1"), version: 3)
        gone.disconnect()
        node.advance(ms: 0)
        let first = try #require(try stays.receive(JoinGroupResponse.self, version: 3)).message
        #expect(first.generationID == 1)
        // Its session runs out like that of any member that is silent.
        node.advance(ms: 9000)
        let beat = HeartbeatRequest(
            groupID: "g-1", generationID: 1, memberID: first.memberID)
        #expect(try stays.call(beat, version: 3).errorCode == 0)
        node.advance(ms: 1000)
        #expect(
            try stays.call(beat, version: 3).errorCode == KafkaError.rebalanceInProgress.rawValue)
        var again = Self.join("g-1")
        again.memberID = first.memberID
        let second = try stays.call(again, version: 3)
        #expect(second.generationID == 2 && second.leader == first.memberID)
        #expect(second.members.map(\.memberID) == [first.memberID])
    }

    @Test func whoAsksTheWrongBrokerIsToldSo() throws {
        let client = try TestNode().connect()
        let beat = HeartbeatRequest(groupID: "g", generationID: 1, memberID: "m")
        let wrong = KafkaError.notCoordinator.rawValue
        #expect(try client.call(beat).errorCode == wrong)
        #expect(try client.call(Self.join("g")).errorCode == wrong)
        #expect(try client.call(SyncGroupRequest(groupID: "g")).errorCode == wrong)
        #expect(try client.call(LeaveGroupRequest(groupID: "g")).errorCode == wrong)
        let commit = try client.call(TestClient.commitRequest(1, group: "g"), version: 9)
        #expect(commit.topics[0].partitions[0].errorCode == wrong)
        let fetch = try client.call(TestClient.offsetFetchRequest(group: "g"), version: 7)
        #expect(fetch.errorCode == wrong)
        let oldFetch = try client.call(TestClient.offsetFetchRequest(group: "g"), version: 1)
        #expect(oldFetch.topics[0].partitions[0].errorCode == wrong)
        let described = try client.call(DescribeGroupsRequest(groups: ["g"]))
        #expect(described.groups[0].errorCode == wrong)
        #expect(try client.call(ListGroupsRequest()).errorCode == 0)
        let deleted = try client.call(DeleteGroupsRequest(groupsNames: ["g"]))
        #expect(deleted.results[0].errorCode == wrong)
        #expect(try client.call(OffsetDeleteRequest(groupID: "g")).errorCode == wrong)
    }

    @Test func offsetsAreDeletedOneByOne() throws {
        let client = try Self.node().connect()
        try client.commit(3, group: "g-1")
        let answer = try client.call(
            OffsetDeleteRequest(
                groupID: "g-1",
                topics: [
                    .init(
                        name: "words",
                        partitions: [.init(partitionIndex: 0), .init(partitionIndex: 9)])
                ]))
        #expect(answer.errorCode == 0)
        #expect(
            answer.topics[0].partitions.map { KafkaError(code: $0.errorCode) }
                == [KafkaError.none, .unknownTopicOrPartition])
        #expect(try client.committed(group: "g-1") == -1)
        #expect(
            try client.call(OffsetDeleteRequest(groupID: "")).errorCode
                == KafkaError.invalidGroupID.rawValue)
    }

    /// What another broker coordinates by now it lists; what loads might be missed.
    @Test func shardsThatAreGoneAreLeftOutAndThoseThatLoadAreWaitedFor() throws {
        let node = try Self.node()
        let client = node.connect()
        for name in Self.names { try client.commit(1, group: name) }
        let gone = try #require(node.view.groupShard(of: "g-1"))
        let loading = try #require(node.view.groupShard(of: "g-2"))
        _ = gone.deactivate()
        let listed = try client.call(ListGroupsRequest())
        #expect(listed.errorCode == 0)
        #expect(listed.groups.map(\.groupID).sorted() == ["g-0", "g-2", "g-3"])
        _ = loading.beginLoading(LeaderEpoch(99))
        let loads = KafkaError.coordinatorLoadInProgress.rawValue
        let refused = try client.call(ListGroupsRequest())
        #expect(refused.errorCode == loads && refused.groups.isEmpty)
        let described = try client.call(DescribeGroupsRequest(groups: ["g-0", "g-1", "g-2"]))
        #expect(
            described.groups.map(\.errorCode) == [0, KafkaError.notCoordinator.rawValue, loads])
    }
}

extension TestClient {
    static func commitRequest(_ offset: Int64, group: String) -> OffsetCommitRequest {
        OffsetCommitRequest(
            groupID: group,
            topics: [
                .init(
                    name: "words", partitions: [.init(partitionIndex: 0, committedOffset: offset)])
            ])
    }

    /// Commits an offset of partition 0 of `words` outside of the group's membership.
    func commit(
        _ offset: Int64, group: String, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let answer = try call(
            Self.commitRequest(offset, group: group), version: 9, sourceLocation: sourceLocation)
        #expect(
            answer.topics.first?.partitions.first?.errorCode == 0, sourceLocation: sourceLocation)
    }

    static func offsetFetchRequest(group: String) -> OffsetFetchRequest {
        OffsetFetchRequest(
            groupID: group, topics: [.init(name: "words", partitionIndexes: [0])])
    }

    /// The offset that a group has committed for partition 0 of `words`; -1 for none.
    func committed(
        group: String, sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> Int64 {
        let answer = try call(
            Self.offsetFetchRequest(group: group), version: 7, sourceLocation: sourceLocation)
        let partition = try #require(answer.topics.first?.partitions.first)
        #expect(partition.errorCode == 0 && answer.errorCode == 0, sourceLocation: sourceLocation)
        return partition.committedOffset
    }
}
