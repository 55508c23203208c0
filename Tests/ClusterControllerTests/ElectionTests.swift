import KafkaProtocol
import KafkaWire
import Testing

@testable import ClusterController

@Suite struct ElectionTests {
    private func elect(
        _ cluster: inout TestCluster, _ type: Int8,
        _ partitions: [ElectLeadersRequest.TopicPartitions]?
    ) throws -> ElectLeadersResponse {
        let request = ElectLeadersRequest(electionType: type, topicPartitions: partitions)
        return try cluster.apply(cluster.controller.electLeaders(request))
    }

    @Test func thePreferredLeaderComesBack() throws {
        var cluster = try TestCluster(brokers: 2)
        try cluster.create("t", partitions: -1, replicas: -1, assignments: [[1, 2], [2, 1]])
        try cluster.apply(cluster.controller.fenceBroker(1))
        let tooEarly = try elect(&cluster, 0, [.init(topic: "t", partitions: [0])])
        #expect(
            tooEarly.replicaElectionResults[0].partitionResult[0].errorCode
                == KafkaError.preferredLeaderNotAvailable.rawValue)
        try cluster.heartbeat(1)
        #expect(try cluster.partition("t").leader == 2)
        try growISR("t", to: [1, 2], in: &cluster)
        let response = try elect(&cluster, 0, nil)
        #expect(response.replicaElectionResults[0].partitionResult.map(\.partitionID) == [0])
        #expect(try cluster.partition("t").leader == 1)
        let again = try elect(&cluster, 0, [.init(topic: "t", partitions: [0, 1])])
        let codes = again.replicaElectionResults[0].partitionResult.map(\.errorCode)
        #expect(codes == [84, 84])
    }

    private func growISR(
        _ topic: String, to isr: [Int32], in cluster: inout TestCluster
    ) throws {
        var change = PartitionChangeRecord()
        change.topicID = try #require(cluster.image.topics.id(of: topic))
        change.partitionID = 0
        change.isr = isr
        try cluster.append([.partitionChangeRecord(change)])
    }

    /// The rest is for the next occasion.
    @Test func leadershipMovesForAThousandPartitionsAtOnce() throws {
        var cluster = try TestCluster(brokers: 2)
        let most = Controller.maxElectionsAtOnce
        try cluster.create(
            "t", partitions: -1, replicas: -1,
            assignments: Array(repeating: [1, 2], count: most + 1))
        let id = try #require(cluster.image.topics.id(of: "t"))
        try cluster.append(
            (0...Int32(most)).map { index in
                var change = PartitionChangeRecord()
                change.topicID = id
                change.partitionID = index
                change.leader = 2
                return .partitionChangeRecord(change)
            })
        for left in [1, 0] {
            try cluster.apply(cluster.controller.balanceLeaders())
            let moved = try #require(cluster.image.topics["t"]).partitions.filter {
                $0.leader == 1
            }
            #expect(moved.count == most + 1 - left)
        }
        #expect(cluster.controller.balanceLeaders().records.isEmpty)
    }

    @Test func electionsAreChecked() throws {
        var cluster = try TestCluster(brokers: 1)
        try cluster.create("t")
        let unknown = try elect(&cluster, 7, nil)
        #expect(unknown.errorCode == KafkaError.invalidRequest.rawValue)
        let response = try elect(
            &cluster, 1,
            [.init(topic: "t", partitions: [0, 5]), .init(topic: "no", partitions: [0])])
        let results = response.replicaElectionResults.flatMap(\.partitionResult)
        #expect(
            results.map { KafkaError(rawValue: $0.errorCode) } == [
                .electionNotNeeded, .unknownTopicOrPartition, .unknownTopicOrPartition,
            ])
        #expect(results[1].errorMessage == "No such partition as t-5")
        #expect(results[2].errorMessage == "No such topic as no")
    }

    @Test func anUncleanElectionTakesWhoIsThere() throws {
        let version = try #require(MetadataVersion(name: "4.0", allowUnstable: false))
        var cluster = try TestCluster(brokers: 2, version: version)
        try cluster.create("t", partitions: -1, replicas: -1, assignments: [[1, 2]])
        try cluster.apply(cluster.controller.fenceBroker(2))
        try cluster.apply(cluster.controller.fenceBroker(1))
        #expect(try cluster.partition("t").isr == [1])
        try cluster.heartbeat(2)
        #expect(try cluster.partition("t").leader == -1)
        let response = try elect(&cluster, 1, [.init(topic: "t", partitions: [0])])
        #expect(response.replicaElectionResults[0].partitionResult[0].errorCode == 0)
        let elected = try cluster.partition("t")
        #expect(elected.leader == 2)
        #expect(elected.isr == [2])
        #expect(elected.isRecovering)
    }

    @Test func eligibleReplicasLeadWithoutLoss() throws {
        var cluster = try TestCluster(brokers: 3)
        try cluster.create(
            "t", partitions: -1, replicas: -1, configs: ["min.insync.replicas": "2"],
            assignments: [[1, 2, 3]])
        for broker in [3, 2, 1] as [Int32] {
            try cluster.apply(cluster.controller.fenceBroker(broker))
        }
        let dark = try cluster.partition("t")
        #expect(dark.leader == -1)
        #expect(dark.isr == [])
        #expect(dark.eligibleLeaderReplicas == [1, 2])
        #expect(dark.lastKnownELR == [1])
        try cluster.heartbeat(3)
        #expect(try cluster.partition("t").leader == -1)
        try cluster.heartbeat(2)
        let back = try cluster.partition("t")
        #expect(back.leader == 2)
        #expect(back.isr == [2])
        #expect(!back.isRecovering)
        #expect(back.eligibleLeaderReplicas == [1])
    }

    private func reassign(
        _ cluster: inout TestCluster, _ topic: String, to replicas: [Int32]?,
        mayResize: Bool = true
    ) throws -> AlterPartitionReassignmentsResponse.ReassignablePartitionResponse {
        var request = AlterPartitionReassignmentsRequest()
        request.allowReplicationFactorChange = mayResize
        request.topics = [
            .init(name: topic, partitions: [.init(partitionIndex: 0, replicas: replicas)])
        ]
        let response = try cluster.apply(
            cluster.controller.alterPartitionReassignments(request))
        return try #require(response.responses.first?.partitions.first)
    }

    /// Kafka keeps it, and lets it lead when it becomes a replica again, with an empty log.
    @Test func whoIsNoReplicaAnyMoreIsNotEligible() throws {
        var cluster = try TestCluster(brokers: 3)
        try cluster.create(
            "t", partitions: -1, replicas: -1, configs: ["min.insync.replicas": "2"],
            assignments: [[1, 2]])
        try cluster.apply(cluster.controller.fenceBroker(2))
        #expect(try reassign(&cluster, "t", to: [3, 2]).errorCode == 0)
        let moving = try cluster.partition("t")
        #expect(moving.eligibleLeaderReplicas == [2])
        var request = AlterPartitionRequest(brokerID: 1)
        request.brokerEpoch = try #require(cluster.image.brokers[1]).epoch
        var data = AlterPartitionRequest.PartitionData()
        data.leaderEpoch = moving.leaderEpoch
        data.partitionEpoch = moving.partitionEpoch
        data.newIsrWithEpochs = [1, 3].map { .init(brokerID: $0, brokerEpoch: -1) }
        let id = try #require(cluster.image.topics.id(of: "t"))
        request.topics = [.init(topicID: id, partitions: [data])]
        try cluster.apply(cluster.controller.alterPartition(request, context: cluster.context(3)))
        let moved = try cluster.partition("t")
        #expect(moved.replicas == [3, 2])
        #expect(moved.isr == [3])
        #expect(moved.eligibleLeaderReplicas == [2])
    }

    @Test func aReassignmentRunsThroughItsStages() throws {
        var cluster = try TestCluster(brokers: 3)
        try cluster.create("t", partitions: -1, replicas: -1, assignments: [[1, 2]])
        let answer = try reassign(&cluster, "t", to: [2, 3])
        #expect(answer.errorCode == 0)
        #expect(answer.errorMessage == nil)
        let moving = try cluster.partition("t")
        #expect(moving.replicas == [2, 3, 1])
        #expect(moving.addingReplicas == [3])
        #expect(moving.removingReplicas == [1])
        #expect(moving.directories == [2, 3, 1].map { TestCluster.directory(of: $0) })
        let listed = cluster.controller.listPartitionReassignments(.init())
        #expect(listed.topics.map(\.name) == ["t"])
        #expect(listed.topics[0].partitions[0].addingReplicas == [3])
        #expect(
            cluster.controller.listPartitionReassignments(
                .init(topics: [.init(name: "t", partitionIndexes: [4])])
            ).topics == [])

        var request = AlterPartitionRequest(brokerID: 1)
        request.brokerEpoch = try #require(cluster.image.brokers[1]).epoch
        let id = try #require(cluster.image.topics.id(of: "t"))
        var data = AlterPartitionRequest.PartitionData()
        data.leaderEpoch = moving.leaderEpoch
        data.partitionEpoch = moving.partitionEpoch
        data.newIsrWithEpochs = [1, 2, 3].map { .init(brokerID: $0, brokerEpoch: -1) }
        request.topics = [.init(topicID: id, partitions: [data])]
        let altered = try cluster.apply(
            cluster.controller.alterPartition(request, context: cluster.context(3)))
        #expect(
            altered.topics[0].partitions[0].errorCode
                == KafkaError.newLeaderElected.rawValue)
        let done = try cluster.partition("t")
        #expect(done.replicas == [2, 3])
        #expect(done.isr == [2, 3])
        #expect(done.leader == 2)
        #expect(!done.isReassigning)
    }

    @Test func aReassignmentIsTakenBack() throws {
        var cluster = try TestCluster(brokers: 3)
        try cluster.create("t", partitions: -1, replicas: -1, assignments: [[1, 2]])
        let none = try reassign(&cluster, "t", to: nil)
        expectError(none.errorCode, nil, is: .noReassignmentInProgress)
        _ = try reassign(&cluster, "t", to: [3, 1])
        let cancelled = try reassign(&cluster, "t", to: nil)
        #expect(cancelled.errorCode == 0)
        let back = try cluster.partition("t")
        #expect(Set(back.replicas) == [1, 2])
        #expect(!back.isReassigning)
        #expect(back.leader == 1)
    }

    /// Those that were to come may be the only ones that have all records by then.
    @Test(arguments: [false, true])
    func aReassignmentIsNotTakenBackWithLoss(mayLose: Bool) throws {
        let version = try #require(MetadataVersion(name: "4.0", allowUnstable: false))
        var cluster = try TestCluster(brokers: 4, version: version)
        try cluster.create(
            "t", partitions: -1, replicas: -1,
            configs: ["unclean.leader.election.enable": "\(mayLose)"], assignments: [[1]])
        _ = try reassign(&cluster, "t", to: [3, 4])
        try growISR("t", to: [1, 3], in: &cluster)
        try cluster.apply(cluster.controller.fenceBroker(1))
        #expect(try cluster.partition("t").isr == [3])
        let cancelled = try reassign(&cluster, "t", to: nil)
        guard mayLose else {
            expectError(
                cancelled.errorCode, cancelled.errorMessage, is: .invalidReplicaAssignment,
                "Unable to revert partition assignment for t:0 because it would require an "
                    + "unclean leader election.")
            #expect(try cluster.partition("t").isReassigning)
            return
        }
        #expect(cancelled.errorCode == 0)
        let back = try cluster.partition("t")
        #expect(back.replicas == [1] && back.isr == [1] && !back.isReassigning)
    }

    /// Who was to go may stay, and who was to come may go.
    @Test func aNewPlanLeavesNothingOfTheOneBefore() throws {
        var cluster = try TestCluster(brokers: 4)
        try cluster.create("t", partitions: -1, replicas: -1, assignments: [[1, 2]])
        _ = try reassign(&cluster, "t", to: [3, 2])
        _ = try reassign(&cluster, "t", to: [1, 3, 2])
        let wider = try cluster.partition("t")
        #expect(wider.replicas == [1, 3, 2])
        #expect(wider.addingReplicas == [3])
        #expect(wider.removingReplicas == [])
        _ = try reassign(&cluster, "t", to: [4, 1])
        let other = try cluster.partition("t")
        #expect(other.replicas == [4, 1, 2, 3])
        #expect(other.addingReplicas == [4])
        #expect(other.removingReplicas == [2, 3])
        _ = try reassign(&cluster, "t", to: [1, 2])
        let back = try cluster.partition("t")
        #expect(back.replicas == [1, 2])
        #expect(!back.isReassigning)
    }

    @Test func reassignmentsAreChecked() throws {
        var cluster = try TestCluster(brokers: 3)
        try cluster.create("t", partitions: -1, replicas: -1, assignments: [[1, 2]])
        let missing = try reassign(&cluster, "no", to: [1])
        expectError(
            missing.errorCode, missing.errorMessage, is: .unknownTopicOrPartition,
            "Unable to find a topic named no.")
        var other = AlterPartitionReassignmentsRequest()
        other.topics = [.init(name: "t", partitions: [.init(partitionIndex: 7, replicas: [1])])]
        let absent = try #require(
            cluster.controller.alterPartitionReassignments(other).response.responses.first?
                .partitions.first)
        expectError(
            absent.errorCode, absent.errorMessage, is: .unknownTopicOrPartition,
            "Unable to find partition t:7.")
        let unknown = try reassign(&cluster, "t", to: [9])
        expectError(unknown.errorCode, nil, is: .invalidReplicaAssignment)
        let resized = try reassign(&cluster, "t", to: [1, 2, 3], mayResize: false)
        expectError(
            resized.errorCode, resized.errorMessage, is: .invalidReplicationFactor,
            "The replication factor is changed from 2 to 3")
        #expect(try reassign(&cluster, "t", to: [2, 1], mayResize: false).errorCode == 0)
        #expect(try cluster.partition("t").replicas == [2, 1])
        #expect(try cluster.partition("t").leader == 1)
    }
}
