import KafkaProtocol
import KafkaWire
import Testing

@testable import ClusterController

@Suite struct ViewTests {
    private func view(_ cluster: TestCluster, listener: String = "PLAINTEXT") -> ClusterView {
        ClusterView(image: cluster.image, listener: listener, clusterID: "c")
    }

    private func cluster() throws -> TestCluster {
        var cluster = try TestCluster(brokers: 3, racks: ["r1", nil, nil])
        try cluster.create("b", partitions: -1, replicas: -1, assignments: [[1, 2], [2, 3]])
        try cluster.create("a")
        try cluster.create("__consumer_offsets")
        return cluster
    }

    private func request(_ names: [String]?) -> MetadataRequest {
        var request = MetadataRequest()
        request.topics = names?.map { .init(name: $0) }
        return request
    }

    @Test func allTopicsInOrderForEveryVersion() throws {
        let view = view(try cluster())
        for version in MetadataRequest.validVersions {
            let all = version == 0 ? request([]) : request(nil)
            let response = view.metadata(all, version: version)
            #expect(response.topics.map(\.name) == ["__consumer_offsets", "a", "b"])
            #expect(response.topics.map(\.isInternal) == [true, false, false])
            #expect(response.topics[2].partitions.map(\.partitionIndex) == [0, 1])
            #expect(response.brokers.map(\.nodeID) == [1, 2, 3])
            #expect(response.controllerID == 1)
            let read = try MetadataResponse(
                decoding: response.encoded(version: version), version: version)
            #expect(read.topics.count == 3)
            #expect(read.topics[2].partitions[1].replicaNodes == [2, 3])
        }
        #expect(view.metadata(request([]), version: 1).topics == [])
    }

    @Test func endpointsAreThoseOfTheListener() throws {
        let cluster = try cluster()
        let response = view(cluster, listener: "INTERNAL").metadata(request([]), version: 9)
        #expect(response.brokers.map(\.host) == ["inner1", "inner2", "inner3"])
        #expect(response.brokers.map(\.port) == [9093, 9093, 9093])
        #expect(response.brokers.map(\.rack) == ["r1", nil, nil])
        let missing = view(cluster, listener: "NOPE").metadata(request(["b"]), version: 9)
        #expect(missing.brokers == [])
        #expect(missing.controllerID == -1)
        let partition = missing.topics[0].partitions[0]
        #expect(partition.errorCode == KafkaError.listenerNotFound.rawValue)
        #expect(partition.leaderID == -1)
        let old = view(cluster, listener: "NOPE").metadata(request(["b"]), version: 5)
        #expect(
            old.topics[0].partitions[0].errorCode == KafkaError.leaderNotAvailable.rawValue)
    }

    @Test func unknownTopicsAreNamed() throws {
        let view = view(try cluster())
        let response = view.metadata(request(["a", "nope", "a", "no good"]), version: 9)
        #expect(response.topics.map(\.name) == ["a", "nope", "no good"])
        #expect(
            response.topics.map { KafkaError(rawValue: $0.errorCode) } == [
                .some(.none), .unknownTopicOrPartition, .invalidTopicException,
            ])
        #expect(view.topicsToCreate(for: request(["a", "nope", "no good"])) == ["nope"])
        var forbidden = request(["nope"])
        forbidden.allowAutoTopicCreation = false
        #expect(view.topicsToCreate(for: forbidden) == [])
        #expect(view.topicsToCreate(for: request(nil)) == [])
    }

    @Test func topicsByID() throws {
        let cluster = try cluster()
        let view = view(cluster)
        let id = try #require(cluster.image.topics.id(of: "a"))
        let other = KafkaUUID(high: 1, low: 2)
        var request = MetadataRequest()
        request.topics = [.init(topicID: id, name: nil), .init(topicID: other, name: nil)]
        let response = view.metadata(request, version: 12)
        #expect(response.topics.map(\.name) == ["a", nil])
        #expect(response.topics.map(\.topicID) == [id, other])
        #expect(response.topics[1].errorCode == KafkaError.unknownTopicID.rawValue)
        let early = view.metadata(request, version: 11)
        #expect(early.topics.allSatisfy { $0.errorCode == KafkaError.invalidRequest.rawValue })
        let hidden = view.metadata(request, version: 12, mayDescribe: { _ in false })
        #expect(hidden.topics[0].name == nil)
        #expect(
            hidden.topics[0].errorCode == KafkaError.topicAuthorizationFailed.rawValue)
    }

    @Test func topicsThatMayNotBeSeenAreLeftOut() throws {
        let view = view(try cluster())
        let all = view.metadata(request(nil), version: 9, mayDescribe: { $0 == "a" })
        #expect(all.topics.map(\.name) == ["a"])
        let asked = view.metadata(
            request(["b", "zz"]), version: 9, mayDescribe: { $0 == "a" })
        #expect(
            asked.topics.allSatisfy {
                $0.errorCode == KafkaError.topicAuthorizationFailed.rawValue
            })
    }

    @Test func fencedBrokersAreAway() throws {
        var cluster = try cluster()
        try cluster.apply(cluster.controller.fenceBroker(2))
        let response = view(cluster).metadata(request(["b"]), version: 9)
        #expect(response.brokers.map(\.nodeID) == [1, 3])
        #expect(response.topics[0].partitions[0].offlineReplicas == [2])
        #expect(response.topics[0].partitions[0].errorCode == 0)
        let first = view(cluster).metadata(request(["b"]), version: 0)
        #expect(first.topics[0].partitions[0].replicaNodes == [1])
        #expect(
            first.topics[0].partitions[0].errorCode
                == KafkaError.replicaNotAvailable.rawValue)
        try cluster.apply(cluster.controller.fenceBroker(3))
        let dark = view(cluster).metadata(request(["b"]), version: 9)
        #expect(dark.topics[0].partitions[1].leaderID == -1)
        #expect(
            dark.topics[0].partitions[1].errorCode == KafkaError.leaderNotAvailable.rawValue)
    }

    @Test func theClusterIsDescribed() throws {
        var cluster = try cluster()
        try cluster.apply(cluster.controller.fenceBroker(2))
        var request = DescribeClusterRequest()
        let live = view(cluster).describeCluster(request, version: 2)
        #expect(live.clusterID == "c")
        #expect(live.brokers.map(\.brokerID) == [1, 3])
        #expect(live.errorMessage == nil)
        request.includeFencedBrokers = true
        let all = view(cluster).describeCluster(request, version: 2)
        #expect(all.brokers.map(\.isFenced) == [false, true, false])
        #expect(all.controllerID == 1)
        #expect(
            ClusterView(
                image: cluster.image, listener: "PLAINTEXT", clusterID: "c", controllerID: 3
            ).controllerID == 3)
        request.endpointType = 2
        #expect(
            view(cluster).describeCluster(request, version: 1).errorCode
                == KafkaError.mismatchedEndpointType.rawValue)
        request.endpointType = 7
        #expect(
            view(cluster).describeCluster(request, version: 1).errorCode
                == KafkaError.unsupportedEndpointType.rawValue)
        #expect(
            view(cluster).describeCluster(request, version: 0).errorCode
                == KafkaError.invalidRequest.rawValue)
    }

    @Test func controllersAreDescribedByAController() throws {
        var cluster = try cluster()
        for (id, listener) in [(Int32(8), "CONTROLLER"), (7, "CONTROLLER"), (9, "OTHER")] {
            var registration = ControllerRegistrationRequest()
            registration.controllerID = id
            registration.listeners = [
                .init(name: listener, host: "h\(id)", port: 9093, securityProtocol: 0)
            ]
            let decision = cluster.controller.registerController(registration)
            try cluster.apply(decision)
        }
        let view = ClusterView(image: cluster.image, listener: "CONTROLLER", clusterID: "c")
        var request = DescribeClusterRequest()
        request.endpointType = 2
        let found = view.describeControllers(request, version: 1, active: 8)
        #expect(found.brokers.map(\.brokerID) == [7, 8])
        #expect(found.brokers.map(\.host) == ["h7", "h8"])
        #expect(found.controllerID == 8 && found.endpointType == 2 && found.clusterID == "c")
        request.endpointType = 1
        let refused = view.describeControllers(request, version: 1, active: 8)
        #expect(refused.errorCode == KafkaError.mismatchedEndpointType.rawValue)
        #expect(refused.errorMessage?.contains("of type CONTROLLER, but we wanted") == true)
    }

    @Test func partitionsAreDescribedInPages() throws {
        var cluster = try cluster()
        try cluster.create("c", partitions: 5)
        let view = view(cluster)
        var request = DescribeTopicPartitionsRequest()
        request.responsePartitionLimit = 3
        var seen: [String] = []
        var pages = 0
        repeat {
            let response = view.describeTopicPartitions(request)
            for topic in response.topics {
                seen += topic.partitions.map { "\(topic.name ?? "")-\($0.partitionIndex)" }
            }
            request.cursor = response.nextCursor.map {
                .init(topicName: $0.topicName, partitionIndex: $0.partitionIndex)
            }
            pages += 1
        } while request.cursor != nil && pages < 20
        #expect(
            seen == [
                "__consumer_offsets-0", "a-0", "b-0", "b-1", "c-0", "c-1", "c-2", "c-3", "c-4",
            ])
        #expect(pages == 4 || pages == 3)
    }

    @Test func aPageThatEndsWithATopicGoesOnWithTheNext() throws {
        let view = view(try cluster())
        var request = DescribeTopicPartitionsRequest()
        request.responsePartitionLimit = 2
        let page = view.describeTopicPartitions(request)
        #expect(page.topics.map(\.name) == ["__consumer_offsets", "a"])
        #expect(page.nextCursor == .init(topicName: "b", partitionIndex: 0))
        request.cursor = .init(topicName: "b", partitionIndex: 0)
        let last = view.describeTopicPartitions(request)
        #expect(last.topics.map(\.name) == ["b"])
        #expect(last.nextCursor == nil)
    }

    @Test func topicsThatMayNotBeDescribedAreRefusedByName() throws {
        let view = view(try cluster())
        var request = DescribeTopicPartitionsRequest()
        request.topics = ["a", "b"].map { .init(name: $0) }
        let asked = view.describeTopicPartitions(request, mayDescribe: { $0 == "a" })
        #expect(asked.topics.map(\.name) == ["a", "b"])
        #expect(
            asked.topics.map { KafkaError(rawValue: $0.errorCode) } == [
                .some(.none), .topicAuthorizationFailed,
            ])
        #expect(asked.topics[1].partitions == [])
        request.topics = []
        let all = view.describeTopicPartitions(request, mayDescribe: { $0 == "a" })
        #expect(all.topics.map(\.name) == ["a"])
    }

    @Test func describedPartitionsCarryEligibleLeaders() throws {
        var cluster = try cluster()
        try cluster.apply(cluster.controller.fenceBroker(1))
        try cluster.apply(cluster.controller.fenceBroker(2))
        var request = DescribeTopicPartitionsRequest()
        request.topics = [.init(name: "nope"), .init(name: "b")]
        let response = view(cluster).describeTopicPartitions(request)
        #expect(response.topics.map(\.name) == ["b", "nope"])
        #expect(
            response.topics[1].errorCode == KafkaError.unknownTopicOrPartition.rawValue)
        let partition = response.topics[0].partitions[0]
        #expect(partition.leaderID == -1)
        #expect(partition.eligibleLeaderReplicas == [2])
        #expect(partition.lastKnownElr == [2])
        #expect(partition.offlineReplicas == [1, 2])
        #expect(response.nextCursor == nil)
    }

    @Test func cursorsAreChecked() throws {
        let view = view(try cluster())
        var request = DescribeTopicPartitionsRequest()
        request.topics = [.init(name: "a")]
        request.cursor = .init(topicName: "b", partitionIndex: 0)
        #expect(
            view.describeTopicPartitions(request).topics[0].errorCode
                == KafkaError.invalidRequest.rawValue)
        request.cursor = .init(topicName: "a", partitionIndex: -1)
        #expect(
            view.describeTopicPartitions(request).topics[0].errorCode
                == KafkaError.invalidRequest.rawValue)
        request.cursor = .init(topicName: "a", partitionIndex: 9)
        let past = view.describeTopicPartitions(request)
        #expect(past.topics[0].partitions == [])
        #expect(past.nextCursor == nil)
    }

    @Test func configResourcesAreListed() throws {
        var cluster = try cluster()
        try cluster.append([
            .configRecord(ConfigRecord(.init(.group, "g"), "consumer.session.timeout.ms", "50000")),
            .configRecord(ConfigRecord(.init(.clientMetrics, "m"), "interval.ms", "1000")),
        ])
        func list(_ types: [Int8], _ version: Int16) -> [String] {
            view(cluster).listConfigResources(.init(resourceTypes: types), version: version)
                .configResources.map { "\($0.resourceType)/\($0.resourceName)" }
        }
        #expect(list([], 0) == ["16/m"])
        #expect(list([32, 2], 1) == ["32/g", "2/__consumer_offsets", "2/a", "2/b"])
        #expect(list([4], 1) == ["4/1", "4/2", "4/3"])
        #expect(list([], 1).count == 11)
        let refused = view(cluster).listConfigResources(.init(resourceTypes: [2]), version: 0)
        #expect(refused.errorCode == KafkaError.unsupportedVersion.rawValue)
    }

    @Test func scramUsersAreDescribedWithoutSecrets() throws {
        var cluster = try cluster()
        try cluster.append([
            .userScramCredentialRecord(
                .init(
                    name: "u", mechanism: 2, salt: [1], storedKey: [2], serverKey: [3],
                    iterations: 4096))
        ])
        let all = cluster.image.describeUserScramCredentials(.init(users: nil))
        #expect(all.results.map(\.user) == ["u"])
        #expect(all.results[0].credentialInfos == [.init(mechanism: 2, iterations: 4096)])
        let asked = cluster.image.describeUserScramCredentials(
            .init(users: [.init(name: "u"), .init(name: "u"), .init(name: "x")]))
        #expect(
            asked.results.map { KafkaError(rawValue: $0.errorCode) } == [
                .duplicateResource, .resourceNotFound,
            ])
    }
}
