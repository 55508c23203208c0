import ClientCore
import MartletClient
import MetricsTestKit
import Testing

/// What clients report to swift-metrics.
@Suite(.cluster, .timeLimit(.minutes(2))) struct MetricsTests {
    private let metrics = TestMetrics()
    private func client(_ id: String) -> [(String, String)] { [("client-id", id)] }

    private func network() throws -> NetworkSettings {
        var network = NetworkSettings(bootstrap: try BrokerAddress.list(testCluster().bootstrap))
        network.clientID = "bird"
        return network
    }

    @Test func aProducerCountsRecordsBatchesAndRequests() async throws {
        let topic = try await testCluster().topic(partitions: 1)
        let producer = try Producer(ProducerSettings(network: network()), metrics: metrics)
        for index in 0..<10 {
            try await producer.enqueue(ProducerRecord(topic: topic, value: "\(index)"))
        }
        try await producer.close()
        func total(_ name: String) throws -> Int64 {
            try metrics.expectCounter("kafka.producer.\(name)", client("bird")).totalValue
        }
        #expect(try total("record.send.total") == 10)
        #expect(try total("record.error.total") == 0)
        #expect(try total("request.total") >= 4 && total("connection.creation.total") >= 1)
        #expect(try total("outgoing.byte.total") > 100 && total("incoming.byte.total") > 100)
        let sizes = try metrics.expectRecorder("kafka.producer.batch.size", client("bird"))
        #expect(!sizes.values.isEmpty && sizes.values.allSatisfy { $0 > 61 })
        let available = try metrics.expectRecorder(
            "kafka.producer.buffer.available.bytes", client("bird"))
        #expect(available.lastValue == Double(32 << 20))
        let latency = try metrics.expectTimer(
            "kafka.producer.request.latency", client("bird") + [("request", "Produce")])
        #expect(latency.values.count == sizes.values.count && latency.values.allSatisfy { $0 > 0 })
    }

    @Test func aConsumerCountsWhatItHasReadAndHowFarItIsBehind() async throws {
        let topic = try await testCluster().topic(partitions: 1)
        let producer = try Producer(ProducerSettings(network: network()), metrics: metrics)
        for index in 0..<10 { _ = try await producer.send("\(index)", to: topic) }
        try await producer.close()
        var settings = ConsumerSettings(network: try network())
        settings.offsetReset = .earliest
        let consumer = try Consumer(settings, metrics: metrics)
        try await consumer.assign(topic: topic)
        var seen = 0
        while seen < 10, let batch = try await consumer.poll(timeout: .seconds(60)) {
            seen += batch.records.count
        }
        func values(_ name: String) throws -> TestRecorder {
            try metrics.expectRecorder(name, client("bird"))
        }
        #expect(try await consumer.poll(timeout: .milliseconds(10)) == nil)
        await consumer.close()
        let prefix = "kafka.consumer.fetch.manager."
        let read = try metrics.expectCounter(prefix + "records.consumed.total", client("bird"))
        #expect(read.totalValue == 10)
        let bytes = try metrics.expectCounter(prefix + "bytes.consumed.total", client("bird"))
        #expect(bytes.totalValue > 10 * 61)
        #expect(try values(prefix + "records.lag.max").lastValue == 0)
        #expect(try !values(prefix + "fetch.size").values.isEmpty)
    }
}
