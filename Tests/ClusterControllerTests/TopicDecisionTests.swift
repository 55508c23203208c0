import KafkaProtocol
import KafkaWire
import Testing

@testable import ClusterController

@Suite struct TopicDecisionTests {
    @Test func createsWithDefaults() throws {
        var cluster = try TestCluster()
        cluster.controller.settings.defaultPartitions = 3
        let result = try cluster.create("t", partitions: -1, replicas: -1)
        expectError(result.errorCode, result.errorMessage, is: .none)
        #expect(result.errorMessage == nil)
        #expect(result.numPartitions == 3)
        #expect(result.replicationFactor == 1)
        let topic = try #require(cluster.image.topics["t"])
        #expect(topic.id == result.topicID)
        #expect(topic.partitions.map(\.id) == [0, 1, 2])
        #expect(topic.partitions.allSatisfy { $0.leader == 1 && $0.leaderEpoch == 0 })
        #expect(topic.partitions[0].directories == [TestCluster.directory(of: 1)])
    }

    @Test func aDryRunChangesNothing() throws {
        var cluster = try TestCluster()
        var request = CreateTopicsRequest()
        request.topics = [.init(name: "t", numPartitions: 1, replicationFactor: 1)]
        request.validateOnly = true
        let response = try cluster.createTopics(request)
        #expect(response.topics[0].errorCode == 0)
        #expect(cluster.image.topics["t"] == nil)
    }

    @Test func namesAreChecked() throws {
        var cluster = try TestCluster()
        let long = String(repeating: "a", count: 250)
        for (name, flaw) in [
            ("", "the empty string is not allowed"), (".", "'.' is not allowed"),
            ("..", "'..' is not allowed"),
            (long, "the length of '\(long)' is longer than the max allowed length 249"),
            (
                "a b",
                "'a b' contains one or more characters other than ASCII alphanumerics, '.', '_' "
                    + "and '-'"
            ),
            (
                "naïve",
                "'naïve' contains one or more characters other than ASCII alphanumerics, '.', "
                    + "'_' and '-'"
            ),
        ] {
            let result = try cluster.create(name)
            expectError(
                result.errorCode, result.errorMessage, is: .invalidTopicException,
                "Topic name is invalid: \(flaw)")
        }
        #expect(try cluster.create(String(repeating: "a", count: 249)).errorCode == 0)
    }

    @Test func namesMustNotCollide() throws {
        var cluster = try TestCluster()
        #expect(try cluster.create("a.b").errorCode == 0)
        let again = try cluster.create("a.b")
        expectError(
            again.errorCode, again.errorMessage, is: .topicAlreadyExists,
            "Topic 'a.b' already exists.")
        let collides = try cluster.create("a_b")
        expectError(
            collides.errorCode, collides.errorMessage, is: .invalidTopicException,
            "Topic 'a_b' collides with existing topic: a.b")
        #expect(try cluster.create("a-b").errorCode == 0)
        let metadata = try cluster.create("__cluster_metadata")
        expectError(
            metadata.errorCode, metadata.errorMessage, is: .invalidRequest,
            "Creation of internal topic __cluster_metadata is prohibited.")
    }

    @Test func deletingFreesTheName() throws {
        var cluster = try TestCluster()
        try cluster.create("a.b")
        var request = DeleteTopicsRequest()
        request.topicNames = ["a.b"]
        try cluster.apply(cluster.controller.deleteTopics(request))
        #expect(try cluster.create("a_b").errorCode == 0)
    }

    @Test func aNameTwiceIsRefusedOnce() throws {
        var cluster = try TestCluster()
        let topic = CreateTopicsRequest.CreatableTopic(
            name: "t", numPartitions: 1, replicationFactor: 1)
        let response = try cluster.createTopics(.init(topics: [topic, topic]))
        #expect(response.topics.count == 1)
        expectError(
            response.topics[0].errorCode, response.topics[0].errorMessage, is: .invalidRequest,
            "Duplicate topic name.")
        #expect(cluster.image.topics["t"] == nil)
    }

    @Test func countsAreChecked() throws {
        var cluster = try TestCluster(brokers: 2)
        let none = try cluster.create("t", partitions: 0)
        expectError(
            none.errorCode, none.errorMessage, is: .invalidPartitions,
            "Number of partitions was set to an invalid non-positive value.")
        let zero = try cluster.create("t", replicas: 0)
        expectError(
            zero.errorCode, zero.errorMessage, is: .invalidReplicationFactor,
            "Replication factor must be larger than 0, or -1 to use the default value.")
        let many = try cluster.create("t", replicas: 3)
        expectError(
            many.errorCode, many.errorMessage, is: .invalidReplicationFactor,
            "Unable to replicate the partition 3 time(s): The target replication factor of 3 "
                + "cannot be reached because only 2 broker(s) are registered or some brokers "
                + "have all their log directories cordoned.")
        let huge = try cluster.create("t", partitions: 10_001)
        expectError(
            huge.errorCode, huge.errorMessage, is: .policyViolation,
            "Excessively large number of partitions per request.")
        #expect(try cluster.create("t", partitions: 10_000).errorCode == 0)
        #expect(cluster.image.topics.partitionCount == 10_000)
    }

    @Test func nothingIsPlacedOnFencedBrokers() throws {
        var cluster = try TestCluster()
        try cluster.heartbeat(1, wantFence: true)
        let result = try cluster.create("t")
        expectError(
            result.errorCode, result.errorMessage, is: .invalidReplicationFactor,
            "Unable to replicate the partition 1 time(s): All brokers are currently fenced, or "
                + "have all their log directories cordoned.")
    }

    @Test func assignmentsAreTaken() throws {
        var cluster = try TestCluster(brokers: 3)
        let result = try cluster.create(
            "t", partitions: -1, replicas: -1, assignments: [[1, 2], [3, 1]])
        #expect(result.errorCode == 0)
        #expect(try cluster.partition("t", 1).replicas == [3, 1])
        #expect(try cluster.partition("t", 1).leader == 3)
    }

    @Test func assignmentsAreChecked() throws {
        var cluster = try TestCluster(brokers: 3)
        let prefix = "The manual partition assignment includes "
        for (assignment, message) in [
            (
                [[1], [1, 2]],
                "a partition with 2 replica(s), but this is not consistent with "
                    + "previous partitions, which have 1 replica(s)."
            ),
            ([[1, 1]], "the broker 1 more than once."),
            ([[9]], "broker 9, but no such broker is registered."),
            ([[]], "an empty replica list."),
        ] as [([[Int32]], String)] {
            let result = try cluster.create(
                "t", partitions: -1, replicas: -1, assignments: assignment)
            expectError(
                result.errorCode, result.errorMessage, is: .invalidReplicaAssignment,
                prefix + message)
        }
        let both = try cluster.create("t", partitions: 1, replicas: -1, assignments: [[1]])
        expectError(
            both.errorCode, both.errorMessage, is: .invalidRequest,
            "A manual partition assignment was specified, but numPartitions was not set to -1.")
        var gap = CreateTopicsRequest.CreatableTopic(
            name: "t", numPartitions: -1, replicationFactor: -1)
        gap.assignments = [.init(partitionIndex: 1, brokerIDs: [1])]
        let answer = try cluster.createTopics(.init(topics: [gap])).topics[0]
        expectError(
            answer.errorCode, answer.errorMessage, is: .invalidReplicaAssignment,
            "partitions should be a consecutive 0-based integer sequence")
        gap.assignments.append(.init(partitionIndex: 1, brokerIDs: [1]))
        let twice = try cluster.createTopics(.init(topics: [gap])).topics[0]
        expectError(
            twice.errorCode, twice.errorMessage, is: .invalidReplicaAssignment,
            "Found multiple manual partition assignments for partition 1")
    }

    @Test func anAssignmentNeedsABrokerThatServes() throws {
        var cluster = try TestCluster(brokers: 3)
        try cluster.create("u")
        try cluster.apply(cluster.controller.fenceBroker(2))
        let fenced = try cluster.create(
            "t", partitions: -1, replicas: -1, assignments: [[1], [2]])
        expectError(
            fenced.errorCode, fenced.errorMessage, is: .invalidReplicaAssignment,
            "All brokers specified in the manual partition assignment for partition 1 are fenced "
                + "or in controlled shutdown.")
        let grown = try grow(&cluster, "u", to: 2, assignments: [[2]])
        expectError(
            grown.errorCode, grown.errorMessage, is: .invalidReplicaAssignment,
            "All brokers specified in the manual partition assignment for partition 1 are fenced "
                + "or in controlled shutdown.")
        #expect(cluster.image.topics.partitionCount == 1)
        var change = BrokerRegistrationChangeRecord()
        change.brokerID = 3
        change.brokerEpoch = try #require(cluster.image.brokers[3]).epoch
        change.cordonedLogDirs = [TestCluster.directory(of: 3)]
        try cluster.append([.brokerRegistrationChangeRecord(change)])
        let cordoned = try cluster.create(
            "t", partitions: -1, replicas: -1, assignments: [[1, 3]])
        expectError(
            cordoned.errorCode, cordoned.errorMessage, is: .invalidReplicaAssignment,
            "The manual partition assignment includes broker 3, but all its log directories are "
                + "cordoned.")
    }

    @Test func configsAreHiddenFromThoseWhoMayNotSeeThem() throws {
        let cluster = try TestCluster()
        var generator = SplitMix64(seed: 3)
        let context = DecisionContext(
            now: 0, requestVersion: 7, mayDescribeConfigs: { _ in false })
        let decision = cluster.controller.createTopics(
            .init(topics: [.init(name: "t", numPartitions: 1, replicationFactor: 1)]),
            context: context, using: &generator)
        let result = decision.response.topics[0]
        #expect(result.topicConfigErrorCode == KafkaError.topicAuthorizationFailed.rawValue)
        #expect(result.numPartitions == -1)
        #expect(decision.records.count == 2)
    }

    @Test func deletesByNameAndByID() throws {
        var cluster = try TestCluster()
        for name in ["a", "b", "c"] { try cluster.create(name) }
        let b = try #require(cluster.image.topics.id(of: "b"))
        var request = DeleteTopicsRequest()
        request.topics = [
            .init(name: "a"), .init(name: nil, topicID: b), .init(name: "nope"),
            .init(name: nil, topicID: KafkaUUID(high: 5, low: 5)), .init(name: nil),
            .init(name: "c", topicID: b),
        ]
        let response = try cluster.apply(cluster.controller.deleteTopics(request))
        let codes = response.responses.map { KafkaError(rawValue: $0.errorCode) }
        #expect(
            codes == [
                .some(.none), .some(.none), .unknownTopicOrPartition, .unknownTopicID,
                .invalidRequest, .invalidRequest,
            ])
        #expect(response.responses[0].name == "a")
        #expect(response.responses[1].name == "b")
        #expect(response.responses[1].errorMessage == nil)
        #expect(cluster.image.topics.names == ["c"])
    }

    @Test func oneTopicTwiceIsNotDeleted() throws {
        var cluster = try TestCluster()
        try cluster.create("a")
        let id = try #require(cluster.image.topics.id(of: "a"))
        var request = DeleteTopicsRequest()
        request.topics = [.init(name: "a"), .init(name: nil, topicID: id)]
        let both = cluster.controller.deleteTopics(request)
        #expect(both.records == [])
        request.topics = [.init(name: "a"), .init(name: "a")]
        let twice = cluster.controller.deleteTopics(request)
        #expect(twice.records == [])
        #expect(twice.response.responses.map(\.errorMessage) == ["Duplicate topic name."])
    }

    private func grow(
        _ cluster: inout TestCluster, _ name: String, to count: Int32,
        assignments: [[Int32]]? = nil
    ) throws -> CreatePartitionsResponse.CreatePartitionsTopicResult {
        var request = CreatePartitionsRequest()
        request.topics = [
            .init(
                name: name, count: count,
                assignments: assignments?.map { .init(brokerIDs: $0) })
        ]
        var generator = SplitMix64(seed: 4)
        let response = try cluster.apply(
            cluster.controller.createPartitions(request, using: &generator))
        return try #require(response.results.first)
    }

    @Test func partitionsAreAdded() throws {
        var cluster = try TestCluster(brokers: 3)
        try cluster.create("t", partitions: 2, replicas: 2)
        let grown = try grow(&cluster, "t", to: 5)
        #expect(grown.errorCode == 0)
        let topic = try #require(cluster.image.topics["t"])
        #expect(topic.partitions.map(\.id) == [0, 1, 2, 3, 4])
        #expect(topic.partitions.allSatisfy { Set($0.replicas).count == 2 })
        let given = try grow(&cluster, "t", to: 6, assignments: [[3, 2]])
        #expect(given.errorCode == 0)
        #expect(try cluster.partition("t", 5).replicas == [3, 2])
    }

    @Test func partitionsAreOnlyAdded() throws {
        var cluster = try TestCluster(brokers: 3)
        try cluster.create("t", partitions: 2, replicas: 2)
        for (count, message) in [
            (2, "Topic already has 2 partition(s)."),
            (1, "The topic t currently has 2 partition(s); 1 would not be an increase."),
        ] as [(Int32, String)] {
            let result = try grow(&cluster, "t", to: count)
            expectError(
                result.errorCode, result.errorMessage, is: .invalidPartitions, message)
        }
        let missing = try grow(&cluster, "nope", to: 4)
        expectError(missing.errorCode, nil, is: .unknownTopicOrPartition)
        let short = try grow(&cluster, "t", to: 4, assignments: [[1, 2]])
        expectError(
            short.errorCode, short.errorMessage, is: .invalidReplicaAssignment,
            "Attempted to add 2 additional partition(s), but only 1 assignment(s) were specified.")
        let thin = try grow(&cluster, "t", to: 3, assignments: [[1]])
        expectError(thin.errorCode, nil, is: .invalidReplicaAssignment)
        let huge = try grow(&cluster, "t", to: 10_003)
        expectError(
            huge.errorCode, huge.errorMessage, is: .policyViolation,
            "Excessively large number of partitions per request.")
        #expect(cluster.image.topics["t"]?.partitions.count == 2)
        #expect(try grow(&cluster, "t", to: 10_002).errorCode == 0)
    }

    @Test func aTopicThatIsToGrowTwiceDoesNot() throws {
        var cluster = try TestCluster()
        for name in ["t", "u"] { try cluster.create(name) }
        var request = CreatePartitionsRequest()
        request.topics = ["t", "u", "t"].map { .init(name: $0, count: 2, assignments: nil) }
        var generator = SplitMix64(seed: 5)
        let answer = try cluster.apply(
            cluster.controller.createPartitions(request, using: &generator))
        #expect(answer.results.map(\.name) == ["t", "u"])
        expectError(
            answer.results[0].errorCode, answer.results[0].errorMessage, is: .invalidRequest,
            "Duplicate topic name.")
        #expect(answer.results[1].errorCode == 0)
        #expect(cluster.image.topics["t"]?.partitions.count == 1)
        #expect(cluster.image.topics["u"]?.partitions.count == 2)
    }
}
