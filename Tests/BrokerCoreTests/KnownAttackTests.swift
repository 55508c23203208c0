import KafkaProtocol
import KafkaRecords
import KafkaWire
import Testing

@testable import BrokerCore

/// What has brought down brokers or clients of the field, sent to this node: each test is named by
/// its report. docs/THREAT_MODEL.md lists them.
@Suite struct KnownAttackTests {
    private let node: TestNode
    private let other: TestClient

    init() throws {
        node = try TestNode()
        other = node.connect()
        try other.createTopic("t")
    }

    /// A header as its client writes it, and a body of these bytes.
    private func frame(_ key: APIKey, _ version: Int16, _ body: [UInt8]) throws -> [UInt8] {
        let header = RequestHeader(
            requestAPIKey: key.rawValue, requestAPIVersion: version, correlationID: 1,
            clientID: "attacker")
        return try header.encoded(version: key.requestHeaderVersion(for: version)) + body
    }

    /// The node is alive and serves the others.
    private func stillServes(sourceLocation: SourceLocation = #_sourceLocation) throws {
        try other.produce(["alive"], to: "t", sourceLocation: sourceLocation)
        #expect(node.failure == nil, sourceLocation: sourceLocation)
    }

    private func isRefused(
        _ frame: [UInt8], sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let attacker = node.connect()
        attacker.send(raw: frame)
        #expect(attacker.closeReason != nil, sourceLocation: sourceLocation)
        try stillServes(sourceLocation: sourceLocation)
    }

    // MARK: Counts that are not there

    /// A count of 2³¹-1 or 2³²-2 elements in every request of every version, where its first array
    /// may be.
    @Test(arguments: APIKey.allCases)
    func cve_2022_34917_cve_2026_111108_arrayCounts(key: APIKey) throws {
        for version in key.validVersions {
            let isFlexible = key.requestHeaderVersion(for: version) >= 2
            let count: [UInt8] =
                isFlexible ? [0xFF, 0xFF, 0xFF, 0xFF, 0x0F] : [0x7F, 0xFF, 0xFF, 0xFF]
            for prefix in 0...24 {
                let body = [UInt8](repeating: 0, count: prefix) + count + [0, 0, 0]
                node.connect().send(raw: try frame(key, version, body))
            }
        }
        try stillServes()
    }

    /// A header that announces twenty million tagged fields, with and without their bytes.
    @Test func cve_2026_111115_taggedFieldCount() throws {
        var header = try RequestHeader(
            requestAPIKey: APIKey.metadata.rawValue, requestAPIVersion: 12, correlationID: 1,
            clientID: "attacker"
        ).encoded(version: 2)
        expectEmptyTags(&header)
        let count: [UInt8] = [0x80, 0xDA, 0xC4, 0x09]
        try isRefused(header + count)
        try isRefused(header + count + [UInt8](repeating: 0, count: 1 << 20))
    }

    /// The last byte of a flexible header is the count of its tagged fields, 0.
    private func expectEmptyTags(_ header: inout [UInt8]) {
        #expect(header.removeLast() == 0)
    }

    // MARK: Odd but legal shapes

    /// FetchSnapshot without topics, or without partitions, to a controller.
    @Test func cve_2026_83525_emptyFetchSnapshot() throws {
        let controller = node.connect(listener: "CONTROLLER", serves: .controller)
        for version in APIKey.fetchSnapshot.validVersions {
            for topics in [[], [FetchSnapshotRequest.TopicSnapshot(name: "__cluster_metadata")]] {
                let request = FetchSnapshotRequest(
                    clusterID: node.clusterID, replicaID: 2, maxBytes: 1 << 20, topics: topics)
                let answer = try controller.call(request, version: version)
                #expect(answer.topics.allSatisfy { $0.partitions.isEmpty })
            }
        }
        #expect(controller.closeReason == nil)
        try stillServes()
    }

    /// Null where an array may be null, in every version of the requests that allow it.
    @Test func librdkafka_5577_nullArrays() throws {
        for version in APIKey.metadata.validVersions where version > 0 {
            _ = try other.call(MetadataRequest(topics: nil), version: version)
        }
        for version in APIKey.offsetFetch.validVersions where (2...7).contains(version) {
            _ = try other.call(
                OffsetFetchRequest(groupID: "g", topics: nil), version: version)
        }
        for version in APIKey.electLeaders.validVersions {
            _ = try other.call(
                ElectLeadersRequest(topicPartitions: nil, timeoutMs: 1), version: version)
        }
        try stillServes()
    }

    // MARK: Decompression

    /// A batch of a few KB that unpacks to 200 MB, to a topic whose records must be looked at.
    @Test(arguments: [CompressionType.gzip, .snappy, .lz4, .zstd])
    func kafka_20723_decompressionBomb(type: CompressionType) throws {
        try other.createTopic("compacted-\(type)", configs: ["cleanup.policy": "compact"])
        var builder = RecordBatchBuilder(.init(compression: type))
        let zeros = [UInt8](repeating: 0, count: 20 << 20)
        for number in 0..<10 as Range<UInt8> {
            builder.append(timestamp: VirtualClock.startMs, key: [number], value: zeros)
        }
        let bomb = try builder.finish()
        let request = TestClient.produceRequest(bomb, to: "compacted-\(type)")
        let answer = try node.connect().call(request, version: 12)
        let result = try #require(answer.responses.first?.partitionResponses.first)
        #expect(result.errorCode != 0 && result.baseOffset == -1)
        try stillServes()
    }

    // MARK: Somebody else's part

    /// A client that fetches as if it were a replica moves no high watermark of what it does not
    /// hold.
    @Test func cve_2018_1288_fetchAsAReplica() throws {
        try other.produce(["a"], to: "t")
        node.holdsFlushes = true
        _ = try other.send(
            TestClient.produceRequest(try TestRecords.batch(["b"]), to: "t"), version: 12)
        var forged = TestClient.fetchRequest("t", from: 2)
        forged.replicaID = 2
        let attacker = node.connect()
        _ = try attacker.send(forged, version: 12)
        let seen = try node.connect().call(TestClient.fetchRequest("t", from: 0), version: 12)
        #expect(seen.responses.first?.partitions.first?.highWatermark == 1)
        node.holdsFlushes = false
    }

    // MARK: Arithmetic

    /// Times and sizes at the ends of their types.
    @Test func cve_2026_111496_extremeTimes() throws {
        let attacker = node.connect()
        for wait in [Int32.min, -1, .max] {
            var request = TestClient.fetchRequest("t", from: 0, maxWaitMs: wait)
            request.maxBytes = wait
            _ = try attacker.send(request, version: 12)
        }
        for timestamp in [Int64.min, -1, .max] {
            _ = try other.call(
                ListOffsetsRequest(
                    replicaID: -1,
                    topics: [
                        .init(
                            name: "t",
                            partitions: [.init(partitionIndex: 0, timestamp: timestamp)])
                    ]), version: 7)
            let batch = try TestRecords.batch(["x"], timestamp: timestamp)
            _ = try other.call(TestClient.produceRequest(batch, to: "t"), version: 12)
        }
        for timeout in [Int32.min, -1, .max] {
            _ = try other.call(
                InitProducerIDRequest(
                    transactionalID: nil, transactionTimeoutMs: timeout, producerID: -1,
                    producerEpoch: -1), version: 4)
        }
        node.clock.advance(ms: 1 << 40)
        try stillServes()
    }
}
