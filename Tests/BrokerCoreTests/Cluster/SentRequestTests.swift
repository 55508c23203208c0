import ClusterController
import Foundation
import KafkaProtocol
import KafkaWire
import Testing

@testable import BrokerCore

/// What nodes send each other, byte for byte, against `Golden/requests.txt`.
///
/// The bytes there were read with Kafka's own schemas of its messages by a decoder of another
/// language; the fields that it found are the comments. `REWRITE=1` writes down what is sent now:
/// read every change as a broker of Apache Kafka would.
@Suite struct SentRequestTests {
    @Test func everyKindOfRequestIsTheSameByteForByte() throws {
        let cluster = try TestCluster { _, options in
            options.snapshotBytes = 2000
            options.quorum?.retentionBytes = 0
            options.rack = "rack"
            options.logDirectories = ["/data", "/more"]
        }
        try runThroughEverything(cluster)
        let sent = cluster.firstRequests.map { "\($0.name) v\($0.version) \(hex($0.bytes))" }
        let file = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "Golden/requests.txt")
        if ProcessInfo.processInfo.environment["REWRITE"] != nil {
            try sent.joined(separator: "\n").appending("\n")
                .write(to: file, atomically: true, encoding: .utf8)
        }
        let golden = try String(contentsOf: file, encoding: .utf8).split(separator: "\n")
            .filter { !$0.hasPrefix("#") }.map(String.init)
        #expect(sent.count == golden.count)
        for (now, before) in zip(sent, golden) { #expect(now == before) }
    }

    private func hex(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    /// Lets nodes elect, register, lead, follow, fail, come back and leave.
    private func runThroughEverything(_ cluster: TestCluster) throws {
        try cluster.runUntilServing()
        let active = try #require(cluster.active)
        let other = active % 3 + 1
        let created = try cluster.ask(
            other,
            CreateTopicsRequest(
                topics: [.init(name: "t", numPartitions: 3, replicationFactor: 3)],
                timeoutMs: 10_000))
        #expect(created.topics.map(\.errorCode) == [0])
        _ = try cluster.ask(other, InitProducerIDRequest(transactionalID: nil), version: 4)
        let third = 6 - active - other
        cluster.kill(third)
        try cluster.run { cluster[active].view.image.brokers[third]?.isFenced == true }
        for number in 0..<30 {
            _ = try cluster.ask(
                active,
                CreateTopicsRequest(
                    topics: [.init(name: "t-\(number)", numPartitions: 1, replicationFactor: 2)],
                    timeoutMs: 10_000), controller: true)
        }
        try cluster.start(third)
        try cluster.runUntilServing()
        try cluster.run {
            cluster[active].view.image.topics["t"]?.partitions.allSatisfy { $0.isr.count == 3 }
                == true
        }
        cluster[active].leave()
        try cluster.run { cluster[active].controller.hasLeft }
    }
}
