import KafkaProtocol
import KafkaWire
import Testing

@testable import ClientCore

/// What a consumer makes of the answers to its fetches.
@Suite struct ConsumerFetchingTests {
    private let cluster = ScriptedCluster()
    private let id = TopicPartition(topic: "t", partition: 0)

    init() {
        cluster.serveConsumers()
        cluster.add("t", leaders: [0])
    }

    private func driver(
        _ configure: (inout ConsumerSettings) -> Void = { _ in }
    ) throws -> ConsumerDriver {
        let driver = ConsumerDriver(cluster, configure)
        try driver.core.assign([id], now: driver.now)
        return driver
    }

    /// A log that holds `bytes` up to `end`.
    private func serve(_ bytes: [UInt8], to end: Int64) {
        cluster.read { part, _ in
            FetchResponse.PartitionData(
                partitionIndex: part.partition, highWatermark: end, lastStableOffset: end,
                records: part.fetchOffset < end ? .bytes(bytes) : .null)
        }
    }

    /// KIP-392: until the metadata would be asked for again, and while it serves the offset.
    @Test func aReplicaNearByIsReadFromWhileItServes() throws {
        var racks: Set<String> = []
        var outOfRange = false
        cluster.on(FetchRequest.self) { request, call in
            racks.insert(request.rackID)
            let error = outOfRange && call.node == 1 ? KafkaError.offsetOutOfRange : .none
            return FetchResponse(
                responses: request.topics.map { topic in
                    .init(
                        topic: topic.topic, topicID: topic.topicID,
                        partitions: topic.partitions.map {
                            .init(
                                partitionIndex: $0.partition, errorCode: error.code,
                                preferredReadReplica: call.node == 0 ? 1 : -1)
                        })
                })
        }
        let driver = try driver {
            $0.rack = "near"
            $0.network.metadataMaxAge = .seconds(2)
        }
        try driver.run { cluster.count(.fetch) == 20 }
        #expect(cluster.nodes(.fetch) == [0] + Array(repeating: 1, count: 19))
        #expect(racks == ["near"])
        try driver.run(for: .milliseconds(5_500)) { false }
        // Once each two seconds.
        #expect(cluster.nodes(.fetch).count { $0 == 0 } == 3)
        // What the replica does not have, the leader may.
        outOfRange = true
        let asked = cluster.count(.fetch)
        try driver.run { cluster.nodes(.fetch).dropFirst(asked).contains(0) }
        #expect(driver.core.takeError() == nil)
        #expect(cluster.count(.listOffsets) == 1, "the position stays")
    }

    /// KIP-951; an address that cannot be is none.
    @Test(arguments: [Int32(9092), 70_000])
    func theNewLeaderOfARefusalIsFollowed(port: Int32) throws {
        let isUsable = port == 9092
        cluster.on(FetchRequest.self) { request, call in
            FetchResponse(
                responses: request.topics.map { topic in
                    .init(
                        topic: topic.topic, topicID: topic.topicID,
                        partitions: [
                            .init(
                                partitionIndex: 0,
                                errorCode: call.node == 2 ? 0 : KafkaError.notLeaderOrFollower.code,
                                currentLeader: .init(leaderID: 2, leaderEpoch: 5))
                        ])
                }, nodeEndpoints: [.init(nodeID: 2, host: "b2", port: port)])
        }
        let driver = try driver()
        try driver.run { cluster.count(.fetch) == 1 }
        let asked = cluster.count(.metadata)
        try driver.run(for: .seconds(2)) { cluster.nodes(.fetch).contains(2) }
        #expect(cluster.nodes(.fetch).contains(2) == isUsable)
        #expect((cluster.count(.metadata) == asked) == isUsable)
    }

    /// A topic that was deleted and made anew has another id.
    @Test func anUnknownTopicBeginsTheSessionAnew() throws {
        var epochs: [Int32] = []
        cluster.on(FetchRequest.self) { request, _ in
            epochs.append(request.sessionEpoch)
            let id = epochs.count == 2 ? KafkaUUID(high: 9, low: 9) : KafkaUUID(high: 1, low: 1)
            return FetchResponse(
                sessionID: 7,
                responses: [.init(topicID: id, partitions: [.init(partitionIndex: 0)])])
        }
        let driver = try driver()
        try driver.run { epochs.count == 1 }
        let asked = cluster.count(.metadata)
        try driver.run { epochs.count == 4 }
        #expect(epochs == [0, 1, 0, 1])
        try driver.run { cluster.count(.metadata) > asked }
        #expect(driver.core.takeError() == nil)
    }

    @Test func recordsOfAbortedTransactionsAreLeftOut() throws {
        let bytes =
            try Batches.batch(["bad"], at: 0, producer: 1)
            + Batches.batch(["good"], at: 1, producer: 2)
            + Batches.marker(commit: false, of: 1, at: 2)
            + Batches.marker(commit: true, of: 2, at: 3)
        cluster.read { part, _ in
            FetchResponse.PartitionData(
                partitionIndex: part.partition, highWatermark: 4, lastStableOffset: 4,
                abortedTransactions: [
                    .init(producerID: 9, firstOffset: 3), .init(producerID: 1, firstOffset: 0),
                ], records: part.fetchOffset < 4 ? .bytes(bytes) : .null)
        }
        let driver = try driver { $0.isolation = .readCommitted }
        var values: [String] = []
        try driver.run {
            values += try driver.read()
            return driver.core.lag(id) == 0
        }
        #expect(values == ["good"])
    }

    @Test func damageIsToldAndReadPastAfterASeek() throws {
        var bytes = try Batches.batch(["a"], at: 0)
        bytes[16] = 9
        serve(bytes, to: 1)
        let driver = try driver()
        guard case .corruptRecords(let reason) = try driver.error() else {
            Issue.record("another error")
            return
        }
        #expect(reason.contains("t-0 at 0"))
        let asked = cluster.count(.fetch)
        try driver.run(for: .seconds(3)) { false }
        #expect(cluster.count(.fetch) == asked, "nothing is read that was told to be damaged")
        serve(try Batches.batch(["b"], at: 1), to: 2)
        try driver.core.seek(id, to: Offset(1))
        var values: [String] = []
        try driver.run {
            values += try driver.read()
            return !values.isEmpty
        }
        #expect(values == ["b"])
    }

    /// What has to do with leaders, replicas and topics that are being made passes; and so may what
    /// a broker cannot explain.
    @Test(arguments: [
        KafkaError.notLeaderOrFollower, .replicaNotAvailable, .kafkaStorageError,
        .fencedLeaderEpoch, .unknownLeaderEpoch, .unknownTopicOrPartition, .unknownTopicID,
        .inconsistentTopicID, .offsetNotAvailable, .unknownServerError,
    ])
    func whatMayPassIsFetchedAgain(error: KafkaError) throws {
        let bytes = try Batches.batch(["a"], at: 0)
        cluster.refusals[.fetch] = [error, error]
        cluster.read { [unowned cluster = self.cluster] part, _ in
            let code = cluster.refusal(.fetch)
            return FetchResponse.PartitionData(
                partitionIndex: part.partition, errorCode: code, highWatermark: 1,
                records: code == 0 && part.fetchOffset == 0 ? .bytes(bytes) : .null)
        }
        let driver = try driver()
        let began = driver.now
        var values: [String] = []
        try driver.run {
            values += try driver.read()
            return !values.isEmpty
        }
        #expect(values == ["a"] && cluster.hasRefused)
        #expect(driver.core.takeError() == nil)
        #expect(driver.now - began > .milliseconds(200), "each time after a pause")
    }

    @Test(arguments: [
        KafkaError.topicAuthorizationFailed, .invalidRequest, .invalidTopicException,
    ])
    func whatDoesNotPassIsToldOnce(error: KafkaError) throws {
        cluster.read { part, _ in
            .init(partitionIndex: part.partition, errorCode: error.code)
        }
        let driver = try driver()
        #expect(try driver.error().kafkaError == error)
        try driver.run(for: .seconds(2)) { false }
        #expect(driver.core.takeError() == nil && cluster.count(.fetch) == 1)
    }

    @Test func brokersThatDoNotServeFetchAreTold() throws {
        cluster.off(.fetch)
        #expect(
            try driver().error() == .unsupportedRequest(.fetch, broker: "broker 0"))
    }
}
