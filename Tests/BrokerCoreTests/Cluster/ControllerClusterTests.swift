import ClusterController
import KafkaProtocol
import KafkaWire
import Testing

@testable import BrokerCore

/// The controller of a cluster: elections, registrations, commits, failover, fencing.
@Suite struct ControllerClusterTests {
    private func creation(_ name: String, replicas: Int16 = 3) -> CreateTopicsRequest {
        CreateTopicsRequest(
            topics: [.init(name: name, numPartitions: 3, replicationFactor: replicas)],
            timeoutMs: 10_000)
    }

    @Test func threeNodesElectRegisterAndServe() throws {
        let cluster = try TestCluster()
        try cluster.runUntilServing()
        let active = try #require(cluster.active)
        let image = cluster[active].view.image
        #expect(image.controllers.keys.sorted() == [1, 2, 3])
        #expect(image.brokers.keys.sorted() == [1, 2, 3])
        for node in cluster.nodes.values {
            #expect(node.controller.controller.image == image)
            let expected: Bool = node.options.nodeID.rawValue == active
            #expect((node.view.activeController == .here) == expected)
        }
    }

    @Test func brokersWithoutAVoteFollowAndServe() throws {
        let cluster = try TestCluster(nodes: 3, voters: 1) { id, options in
            options.isBroker = id != 1
        }
        try cluster.run { cluster[1].view.image.brokers.values.filter(\.isActive).count == 2 }
        let answer = try cluster.ask(1, creation("t", replicas: 2), controller: true)
        #expect(answer.topics.map(\.errorCode) == [0])
        try cluster.run { cluster[2].view.topic(named: "t")?.partitions.count == 3 }
        #expect(cluster[1].view.topic(named: "t") == nil, "a controller alone holds nothing")
    }

    @Test func topicsAreThereOnceTheyAreCommitted() throws {
        let cluster = try TestCluster()
        try cluster.runUntilServing()
        let active = try #require(cluster.active)
        let answer = try cluster.ask(active, creation("t"), controller: true)
        #expect(answer.topics.map(\.errorCode) == [0])
        #expect(cluster[active].view.image.topics["t"] != nil)
        try cluster.run { cluster.nodes.values.allSatisfy { $0.view.image.topics["t"] != nil } }
        let leaders = cluster[active].view.image.topics["t"]?.partitions.map(\.leader)
        #expect(Set(leaders ?? []).count == 3)
    }

    @Test func whoIsNotActiveRefuses() throws {
        let cluster = try TestCluster()
        try cluster.runUntilServing()
        let active = try #require(cluster.active)
        let other = active % 3 + 1
        let answer = try cluster.ask(other, creation("t"), controller: true)
        #expect(answer.topics.map(\.errorCode) == [KafkaError.notController.rawValue])
        let heartbeat = try cluster.ask(
            other, BrokerHeartbeatRequest(brokerID: 1, brokerEpoch: 1), controller: true)
        #expect(heartbeat.errorCode == KafkaError.notController.rawValue)
    }

    @Test func requestsInEnvelopesAreAnsweredInEnvelopes() throws {
        let cluster = try TestCluster()
        try cluster.runUntilServing()
        let active = try #require(cluster.active)
        let inner = try TestClient.frame(creation("t"), version: 7, correlation: 42)
        let envelope = EnvelopeRequest(
            requestData: inner, requestPrincipal: [], clientHostAddress: [127, 0, 0, 1])
        let refused = try cluster.ask(active % 3 + 1, envelope, controller: true)
        #expect(refused.errorCode == KafkaError.notController.rawValue)
        #expect(refused.responseData == nil)
        let answer = try cluster.ask(active, envelope, controller: true)
        #expect(answer.errorCode == 0)
        let data = try #require(answer.responseData)
        let header = try ResponseHeader(decoding: Array(data.prefix(5)), version: 1)
        #expect(header.correlationID == 42)
        let response = try CreateTopicsResponse(decoding: Array(data.dropFirst(5)), version: 7)
        #expect(response.topics.map(\.name) == ["t"])
        #expect(response.topics.map(\.errorCode) == [0])
    }

    /// Without a majority nothing is committed: the answer waits, and is a refusal in the end. So
    /// is the one to who asks again, though the topic seemed to exist.
    @Test func answersThatWaitAreRefusedWithTheLeadership() throws {
        let cluster = try TestCluster()
        try cluster.runUntilServing()
        let active = try #require(cluster.active)
        cluster.isolated = [active]
        let client = cluster[active].connect(listener: "CONTROLLER", serves: .controller)
        let second = cluster[active].connect(listener: "CONTROLLER", serves: .controller)
        for client in [client, second] { try client.send(creation("lost"), version: 7) }
        #expect(cluster[active].controller.active?.image.topics["lost"] != nil)
        #expect(cluster[active].view.image.topics["lost"] == nil)
        for client in [client, second] {
            var answer: CreateTopicsResponse?
            try cluster.run {
                answer = try client.receive(CreateTopicsResponse.self, version: 7)?.message
                return answer != nil
            }
            #expect(answer?.topics.map(\.errorCode) == [KafkaError.notController.rawValue])
        }
        try cluster.run { cluster.active != nil && cluster.active != active }
        cluster.isolated = []
        let next = try #require(cluster.active)
        #expect(try cluster.ask(next, creation("kept"), controller: true).topics[0].errorCode == 0)
        try cluster.run {
            cluster[active].view.image.topics["kept"] != nil
                && cluster[active].controller.active == nil
        }
        #expect(cluster[active].view.image.topics["lost"] == nil)
        for node in cluster.nodes.values { #expect(node.failure == nil) }
    }

    @Test func anotherControllerTakesOverWhenTheActiveOneDies() throws {
        let cluster = try TestCluster()
        try cluster.runUntilServing()
        let dead = try #require(cluster.active)
        #expect(try cluster.ask(dead, creation("t"), controller: true).topics[0].errorCode == 0)
        let before = cluster.clock.now.monotonicMs
        cluster.kill(dead)
        try cluster.run { cluster.active != nil }
        let active = try #require(cluster.active)
        #expect(active != dead)
        // Its broker led a third of the partitions: others do now, long before its session ends.
        try cluster.run {
            let topic = cluster[active].view.image.topics["t"]
            return topic?.partitions.allSatisfy { $0.leader != dead && $0.leader >= 0 } == true
        }
        #expect(cluster.clock.now.monotonicMs - before < 1200)
        try cluster.start(dead)
        try cluster.runUntilServing()
        #expect(cluster[dead].view.image == cluster[active].view.image)
    }

    @Test func aBrokerWhoseProcessIsGoneIsFencedAtOnce() throws {
        let cluster = try TestCluster()
        try cluster.runUntilServing()
        let active = try #require(cluster.active)
        let dead = active % 3 + 1
        let before = cluster.clock.now.monotonicMs
        cluster.kill(dead)
        try cluster.run { cluster[active].view.image.brokers[dead]?.isFenced == true }
        #expect(cluster.clock.now.monotonicMs - before <= 10)
        // Clients are told of its address a little longer than of its leadership.
        func named() throws -> [Int32] {
            try cluster[active].connect().call(MetadataRequest(topics: []), version: 12)
                .brokers.map(\.nodeID)
        }
        #expect(try named() == [1, 2, 3])
        try cluster.run { try named() == [1, 2, 3].filter { $0 != dead } }
        #expect((3000...3100).contains(cluster.clock.now.monotonicMs - before))
    }

    @Test func aBrokerWhoseConnectionBreaksAndThatIsSilentIsFencedSoon() throws {
        let cluster = try TestCluster()
        try cluster.runUntilServing()
        let active = try #require(cluster.active)
        let dead = active % 3 + 1
        let before = cluster.clock.now.monotonicMs
        cluster.isolated = [dead]
        cluster.kill(dead)
        try cluster.run { cluster[active].view.image.brokers[dead]?.isFenced == true }
        #expect((500...600).contains(cluster.clock.now.monotonicMs - before))
    }

    @Test func withoutFastFailoverTheSessionEnds() throws {
        let cluster = try TestCluster { _, options in
            options.staticConfigs["martlet.fast.failover.ms"] = "0"
        }
        try cluster.runUntilServing()
        let active = try #require(cluster.active)
        let dead = active % 3 + 1
        let before = cluster.clock.now.monotonicMs
        cluster.kill(dead)
        try cluster.run { cluster[active].view.image.brokers[dead]?.isFenced == true }
        #expect((6_900...9_100).contains(cluster.clock.now.monotonicMs - before))
    }

    @Test func aBrokerThatLeavesHandsOverFirst() throws {
        let cluster = try TestCluster()
        try cluster.runUntilServing()
        let active = try #require(cluster.active)
        let leaving = active % 3 + 1
        #expect(try cluster.ask(active, creation("t"), controller: true).topics[0].errorCode == 0)
        try cluster.run { cluster[leaving].view.image.topics["t"] != nil }
        let before = cluster.clock.now.monotonicMs
        cluster[leaving].leave()
        try cluster.run { cluster[leaving].controller.hasLeft }
        #expect(cluster.clock.now.monotonicMs - before < 500)
        let topic = try #require(cluster[active].view.image.topics["t"])
        #expect(topic.partitions.allSatisfy { $0.leader != leaving && $0.leader >= 0 })
        #expect(cluster[active].view.image.brokers[leaving]?.inControlledShutdown == true)
    }

    @Test func producerIDsOfTwoBrokersDiffer() throws {
        let cluster = try TestCluster()
        try cluster.runUntilServing()
        var ids: Set<Int64> = []
        for id in [Int32(1), 2, 3, 1, 2, 3] {
            let answer = try cluster.ask(
                id, InitProducerIDRequest(transactionalID: nil), version: 4)
            #expect(answer.errorCode == 0)
            ids.insert(answer.producerID)
        }
        #expect(ids.count == 6)
    }

    @Test func fixedVotersBecomeVotersThatChange() throws {
        let cluster = try TestCluster()
        try cluster.runUntilServing()
        let active = try #require(cluster.active)
        func raise(validateOnly: Bool) throws -> UpdateFeaturesResponse {
            try cluster.ask(
                active,
                UpdateFeaturesRequest(
                    timeoutMs: 1000,
                    featureUpdates: [
                        .init(feature: "kraft.version", maxVersionLevel: 1, upgradeType: 1)
                    ], validateOnly: validateOnly))
        }
        // Voters tell their directories a while after an election.
        let early = try raise(validateOnly: false)
        #expect(early.errorCode == KafkaError.invalidUpdateVersion.rawValue)
        #expect(early.errorMessage?.contains("has not told its directory") == true)
        try cluster.run { cluster[active].controller.quorum.upgradeObstacle == nil }
        #expect(try raise(validateOnly: true).errorCode == 0)
        #expect(cluster[active].controller.quorum.kraftVersion == 0)
        #expect(try raise(validateOnly: false).errorCode == 0)
        #expect(try raise(validateOnly: false).errorCode == 0, "it is there already")
        for id in [Int32(1), 2, 3] {
            try cluster.run { cluster[id].view.settings.kraftVersion == 1 }
            let voters = cluster[id].controller.quorum.voters.voters
            #expect(voters.map(\.key.id.rawValue) == [1, 2, 3])
            #expect(voters.allSatisfy { $0.key.directoryID != .zero })
            let features = try cluster.ask(id, ApiVersionsRequest.ofThisNode, version: 4)
                .finalizedFeatures
            #expect(features.first { $0.name == "kraft.version" }?.maxVersionLevel == 1)
        }
        // The voters are those of the log from now on, over elections and restarts.
        cluster.kill(active)
        try cluster.run { cluster.active != nil && cluster.active != active }
        try cluster.start(active)
        try cluster.runUntilServing()
        #expect(cluster[active].controller.quorum.kraftVersion == 1)
        let leader = try #require(cluster.active)
        let gone = try #require(
            cluster[leader].controller.quorum.voters[BrokerID(active)]?.key.directoryID)
        let removed = try cluster.ask(
            leader,
            RemoveRaftVoterRequest(
                clusterID: nil, voterID: active, voterDirectoryID: gone),
            controller: true)
        #expect(removed.errorCode == 0)
        #expect(cluster[leader].controller.quorum.voters.ids.contains(BrokerID(active)) == false)
    }

    @Test func aNodeThatWasAwayTakesASnapshot() throws {
        let cluster = try TestCluster { _, options in
            options.snapshotBytes = 2000
            options.quorum?.retentionBytes = 0
        }
        try cluster.runUntilServing()
        let active = try #require(cluster.active)
        let away = active % 3 + 1
        cluster.kill(away)
        for number in 0..<40 {
            let created = try cluster.ask(
                active, creation("t-\(number)", replicas: 2), controller: true)
            #expect(created.topics[0].errorCode == 0)
        }
        let deleted = try cluster.ask(
            active, DeleteTopicsRequest(topics: [.init(name: "t-0")], timeoutMs: 1000),
            controller: true)
        #expect(deleted.responses[0].errorCode == 0)
        try cluster.start(away)
        try cluster.runUntilServing()
        try cluster.run { cluster[away].view.image == cluster[active].view.image }
        #expect(cluster[away].view.image.topics.count == 39)
        #expect(cluster[away].controller.quorum.latestSnapshot != nil)
    }

    /// So that members tell an idle log from one that does not get on.
    @Test func anIdleLogGetsRecordsByTheClock() throws {
        for (interval, least, most) in [("500", 8, 10), ("0", 0, 0)] {
            let cluster = try TestCluster { _, options in
                options.staticConfigs["metadata.max.idle.interval.ms"] = interval
            }
            try cluster.runUntilServing()
            let active = try #require(cluster.active)
            let quorum = cluster[active].controller.quorum
            let image = cluster[active].view.image
            let end = quorum.endOffset
            let begun = cluster.clock.now.monotonicMs
            try cluster.run { cluster.clock.now.monotonicMs >= begun + 5000 }
            let written = Int(quorum.highWatermark.rawValue - end.rawValue)
            #expect((least...most).contains(written), "\(written) records in 5 s")
            #expect(cluster[active].view.image == image)
        }
    }

    @Test func aLogThatHardlyGrowsHasSnapshotsByTheClock() throws {
        let cluster = try TestCluster { _, options in options.snapshotMs = 3000 }
        try cluster.runUntilServing()
        try cluster.run(ms: 10_000) {
            cluster.nodes.values.allSatisfy { $0.controller.quorum.latestSnapshot != nil }
        }
        let first = try #require(cluster[1].controller.quorum.latestSnapshot)
        try cluster.run(ms: 10_000) { cluster[1].controller.quorum.latestSnapshot != first }
    }

    /// The log has all that is in it, and is kept for so long.
    @Test func aSnapshotThatCannotBeWrittenIsTriedAgain() throws {
        let node = try TestNode { $0.snapshotMs = 3000 }
        let client = node.connect()
        func told() -> Int {
            node.reports.all.count { $0.contains("no metadata snapshot could be written") }
        }
        node.fileSystem.fail(.init(suffix: ".checkpoint.tmp", code: 28, isPermanent: true))
        node.advance(ms: 3001)
        try client.createTopic("a")
        #expect(told() == 1)
        node.advance(ms: 50_000)
        try client.createTopic("b")
        #expect(told() == 1, "a full disk stays full for a while")
        #expect(node.failure == nil && node.controller.quorum.latestSnapshot == nil)
        node.fileSystem.fail(nil)
        node.advance(ms: 10_001)
        try client.createTopic("c")
        #expect(node.controller.quorum.latestSnapshot != nil && told() == 1)
    }

    /// What is committed while a snapshot is written is in the log, and in the next one.
    @Test func aLargeSnapshotIsWrittenAside() throws {
        let cluster = try TestCluster { _, options in options.snapshotBytes = 1 }
        for node in cluster.nodes.values {
            node.controller.promptSnapshotPartitions = -1
            node.holdsJobs = true
        }
        try cluster.runUntilServing()
        let active = try #require(cluster.active)
        let node = cluster[active]
        #expect(node.controller.quorum.latestSnapshot == nil && node.controller.isWritingSnapshot)
        let created = try cluster.ask(active, creation("t"), controller: true)
        #expect(created.topics.map(\.errorCode) == [0])
        let end = node.controller.committedEnd
        node.runJobs()
        let first = try #require(node.controller.quorum.latestSnapshot)
        #expect(first.endOffset < end && !node.controller.isWritingSnapshot)
        let more = try cluster.ask(active, creation("u"), controller: true)
        #expect(more.topics.map(\.errorCode) == [0])
        node.runJobs()
        #expect(try #require(node.controller.quorum.latestSnapshot).endOffset > end)
        cluster.kill(active)
        try cluster.start(active)
        try cluster.run { cluster[active].view.image.topics["u"] != nil }
        #expect(cluster[active].view.image.topics["t"] != nil)
    }

    @Test func theActiveControllerThatLeavesHasASuccessorAtOnce() throws {
        let cluster = try TestCluster()
        try cluster.runUntilServing()
        let leaving = try #require(cluster.active)
        cluster[leaving].leave()
        try cluster.run { cluster[leaving].controller.hasLeft }
        let before = cluster.clock.now.monotonicMs
        try cluster.run { cluster.active != nil && cluster.active != leaving }
        #expect(cluster.clock.now.monotonicMs - before < 300)
    }

    private func reassignment(
        _ topic: String, to replicas: [Int32]?
    ) -> AlterPartitionReassignmentsRequest {
        AlterPartitionReassignmentsRequest(topics: [
            .init(name: topic, partitions: [.init(partitionIndex: 0, replicas: replicas)])
        ])
    }

    @Test func partitionsMoveAndLeadersComeBack() throws {
        let cluster = try TestCluster()
        try cluster.runUntilServing()
        let active = try #require(cluster.active)
        let created = try cluster.ask(
            active,
            CreateTopicsRequest(
                topics: [
                    .init(
                        name: "t", numPartitions: -1, replicationFactor: -1,
                        assignments: [.init(partitionIndex: 0, brokerIDs: [1, 2])])
                ], timeoutMs: 1000), controller: true)
        #expect(created.topics[0].errorCode == 0)
        let moved = try cluster.ask(active, reassignment("t", to: [3, 2]), controller: true)
        #expect(moved.responses[0].partitions[0].errorCode == 0)
        try cluster.run {
            let partition = cluster[active].view.image.topics["t"]?[0]
            return partition?.replicas == [3, 2] && partition?.isReassigning == false
        }
        try cluster.run { cluster[1].view.topic(named: "t")?[0] == nil }
        let elected = try cluster.ask(
            active,
            ElectLeadersRequest(
                electionType: 0, topicPartitions: [.init(topic: "t", partitions: [0])],
                timeoutMs: 1000), controller: true)
        let code = elected.replicaElectionResults[0].partitionResult[0].errorCode
        #expect(code == 0 || code == KafkaError.electionNotNeeded.rawValue)
        #expect(cluster[active].view.image.topics["t"]?[0]?.leader == 3)
        let none = try cluster.ask(
            active, ListPartitionReassignmentsRequest(topics: nil), controller: true)
        #expect(none.topics.isEmpty)
    }

    @Test func aReassignmentThatCannotEndIsCancelled() throws {
        let cluster = try TestCluster(nodes: 4)
        try cluster.runUntilServing()
        let active = try #require(cluster.active)
        let created = try cluster.ask(
            active,
            CreateTopicsRequest(
                topics: [
                    .init(
                        name: "t", numPartitions: -1, replicationFactor: -1,
                        assignments: [.init(partitionIndex: 0, brokerIDs: [1, 2])])
                ], timeoutMs: 1000), controller: true)
        #expect(created.topics[0].errorCode == 0)
        cluster.kill(4)
        try cluster.run { cluster[active].view.image.brokers[4]?.isFenced == true }
        _ = try cluster.ask(active, reassignment("t", to: [4, 2]), controller: true)
        let ongoing = try cluster.ask(
            active, ListPartitionReassignmentsRequest(topics: nil), controller: true)
        #expect(ongoing.topics.map(\.name) == ["t"])
        #expect(ongoing.topics[0].partitions[0].addingReplicas == [4])
        let cancelled = try cluster.ask(active, reassignment("t", to: nil), controller: true)
        #expect(cancelled.responses[0].partitions[0].errorCode == 0)
        try cluster.run { cluster[active].view.image.topics["t"]?[0]?.replicas == [2, 1] }
    }

    @Test func leadersAreGivenBackByTheClock() throws {
        let cluster = try TestCluster { _, options in
            options.staticConfigs["leader.imbalance.check.interval.seconds"] = "5"
        }
        try cluster.runUntilServing()
        let active = try #require(cluster.active)
        #expect(try cluster.ask(active, creation("t"), controller: true).topics[0].errorCode == 0)
        let away = active % 3 + 1
        cluster.kill(away)
        try cluster.run { cluster[active].view.image.brokers[away]?.isFenced == true }
        try cluster.start(away)
        try cluster.run {
            let topic = cluster[active].view.image.topics["t"]
            return topic?.partitions.allSatisfy { $0.isr.count == 3 } == true
        }
        try cluster.run {
            let topic = cluster[active].view.image.topics["t"]
            return topic?.partitions.allSatisfy { $0.leader == $0.preferredLeader } == true
        }
    }
}
