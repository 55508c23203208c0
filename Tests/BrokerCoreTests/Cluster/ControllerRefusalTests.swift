import KafkaProtocol
import KafkaWire
import Testing

@testable import BrokerCore

/// What nodes without the active controller, or without a cluster, refuse.
@Suite struct ControllerRefusalTests {
    /// Whoever is not active names each thing that was asked for, with the error beside it.
    @Test func whoIsNotActiveRefusesEachThingThatIsAskedFor() throws {
        let cluster = try TestCluster()
        try cluster.runUntilServing()
        let other = try #require(cluster.active) % 3 + 1
        let refused = KafkaError.notController.rawValue
        func ask<Request: KafkaRequest>(_ request: Request) throws -> Request.Response {
            try cluster.ask(other, request, controller: true)
        }
        let legacy = try ask(
            AlterConfigsRequest(resources: [.init(resourceType: 2, resourceName: "t")])
        ).responses
        #expect(legacy.map(\.resourceName) == ["t"] && legacy.map(\.resourceType) == [2])
        #expect(legacy.map(\.errorCode) == [refused])
        let changes = try ask(
            IncrementalAlterConfigsRequest(resources: [
                .init(resourceType: 2, resourceName: "t"),
                .init(resourceType: 4, resourceName: "1"),
            ])
        ).responses
        #expect(changes.map(\.resourceName) == ["t", "1"])
        #expect(changes.map(\.errorCode) == [refused, refused])
        let quotas = try ask(
            AlterClientQuotasRequest(entries: [
                .init(
                    entity: [.init(entityType: "user", entityName: nil)],
                    ops: [.init(key: "producer_byte_rate", value: 1)])
            ])
        ).entries
        #expect(quotas.map(\.errorCode) == [refused])
        #expect(quotas.first?.entity.map(\.entityType) == ["user"])
        #expect(quotas.first?.entity.map(\.entityName) == [nil])
        let partitions = try ask(
            CreatePartitionsRequest(topics: [.init(name: "t", count: 9, assignments: nil)]))
        #expect(partitions.results.map(\.name) == ["t"])
        #expect(partitions.results.map(\.errorCode) == [refused])
        let elections = try ask(
            ElectLeadersRequest(topicPartitions: [.init(topic: "t", partitions: [3, 4])])
        ).replicaElectionResults
        #expect(elections.map(\.topic) == ["t"])
        #expect(elections.first?.partitionResult.map(\.partitionID) == [3, 4])
        #expect(elections.first?.partitionResult.map(\.errorCode) == [refused, refused])
        #expect(try ask(ElectLeadersRequest(topicPartitions: nil)).errorCode == refused)
    }

    @Test func aBrokerThatIsNotRegisteredHasNoProducerIDs() throws {
        let cluster = try TestCluster()
        try cluster.runUntilServing()
        let other = try #require(cluster.active) % 3 + 1
        cluster.kill(other)
        cluster.isolated = [other]
        try cluster.start(other)
        let client = cluster[other].connect()
        let refused = try client.call(InitProducerIDRequest(transactionalID: nil))
        #expect(refused.errorCode == KafkaError.coordinatorNotAvailable.rawValue)
        cluster.isolated = []
        try cluster.run { cluster[other].serves }
        let made = try cluster.ask(other, InitProducerIDRequest(transactionalID: nil))
        #expect(made.errorCode == 0)
    }

    /// Its cluster's id is not for it to make up.
    @Test func anUnformattedNodeOfSeveralDoesNotStart() throws {
        let error = #expect(throws: NodeError.self) {
            try TestNode { $0.quorum = .firstOfThree }
        }
        #expect(error?.description.contains("/data are not formatted") == true)
        #expect(error?.description.contains("martlet storage format") == true)
    }
}
