import ClusterController
import KafkaProtocol
import KafkaWire
import Testing

@testable import BrokerCore

/// What nodes make of a metadata log that says what no controller of theirs decided on.
@Suite struct MetadataTransactionTests {
    private let cluster: TestCluster
    private let active: Int32
    private var follower: TestNode { cluster[active % 3 + 1] }

    init() throws {
        cluster = try TestCluster()
        try cluster.runUntilServing()
        active = try #require(cluster.active)
    }

    /// Has records committed, and waits until the follower has them.
    private func commit(_ records: [MetadataRecord]) throws {
        let node = cluster[active]
        let version = node.controller.controller.image.metadataVersion
        let last = try node.controller.quorum.append(records, now: node.clock.now.quorumTime) {
            version.version(of: $0)
        }
        try cluster.run { follower.controller.quorum.highWatermark > last }
    }

    private func topic(_ name: String) -> MetadataRecord {
        .topicRecord(TopicRecord(name: name, topicID: KafkaUUID(high: 7, low: UInt64(name.count))))
    }

    private func sees(_ name: String) -> Bool { follower.view.image.topics[name] != nil }

    /// KIP-868: its batches are seen together or not at all.
    @Test func nobodySeesATransactionBeforeItsEnd() throws {
        try commit([.beginTransactionRecord(BeginTransactionRecord(name: "two")), topic("a")])
        #expect(!sees("a"))
        try commit([topic("bb")])
        #expect(!sees("bb"))
        try commit([.endTransactionRecord(EndTransactionRecord())])
        #expect(sees("a") && sees("bb"))
        #expect(follower.failure == nil)
    }

    @Test func whatIsAbortedIsNeverSeen() throws {
        try commit([.beginTransactionRecord(BeginTransactionRecord(name: "one")), topic("a")])
        try commit([.abortTransactionRecord(AbortTransactionRecord()), topic("bb")])
        #expect(!sees("a") && sees("bb"))
    }

    /// To go on would be to serve from a state that no other node has.
    @Test func aLogThatContradictsItselfEndsTheNode() throws {
        try commit([
            .partitionChangeRecord(
                PartitionChangeRecord(partitionID: 0, topicID: KafkaUUID(high: 9, low: 9)))
        ])
        #expect(
            follower.failure?.contains("the metadata log contradicts itself at offset") == true)
    }
}
