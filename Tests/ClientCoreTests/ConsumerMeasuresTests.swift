import KafkaProtocol
import KafkaWire
import Testing

@testable import ClientCore

/// What a consumer counts, and under which names it is told.
@Suite struct ConsumerMeasuresTests {
    private let cluster = ScriptedCluster()
    private let ids = [0, 1].map { TopicPartition(topic: "t", partition: $0) }

    /// A member of a group that has read two of the three records of its first partition.
    private func reader() throws -> ConsumerDriver {
        cluster.serveConsumers()
        cluster.add("t", leaders: [0, 0])
        let first = try Batches.batch(["aa", "bb"], at: 0)
        let second = try Batches.batch(["cc"], at: 2)
        cluster.on(FetchRequest.self) { request, _ in
            FetchResponse(
                throttleTimeMs: 40,
                responses: request.topics.map { topic in
                    .init(
                        topic: topic.topic, topicID: topic.topicID,
                        partitions: topic.partitions.map { part in
                            .init(
                                partitionIndex: part.partition,
                                highWatermark: part.partition == 0 ? 3 : 0,
                                records: part.partition == 0 && part.fetchOffset == 0
                                    ? .bytes(first + second) : .null)
                        })
                })
        }
        let driver = ConsumerDriver(cluster) { $0.group = GroupSettings(id: "g") }
        try driver.core.subscribe(.topics(["t"]), now: driver.now)
        // From the first question on averages are kept.
        _ = driver.core.metrics(now: driver.now)
        driver.core.readerWaits(driver.now)
        try driver.run { driver.core.bufferedBytes > 0 }
        driver.core.readerGoesOn(driver.now)
        try #require(driver.core.bufferedBytes > 0)
        return driver
    }

    @Test func measuresAreThoseOfTheAssignment() throws {
        let driver = try reader()
        let first = driver.core.takeChunk()
        let chunk = try #require(first)
        var reader = ChunkReader(chunk, driver.core.settings)
        let batch = try #require(try reader.next())
        driver.core.consumed(
            batch.partition, generation: batch.generation, to: batch.nextOffset,
            epoch: batch.leaderEpoch, count: batch.records.count)
        let taken = driver.core.takeMeasures(now: driver.now, timestamp: 1_000)
        #expect(taken.assignedPartitions == 2)
        #expect(taken.greatestLag == 1, "one record of t-0 is left")
        #expect(taken.bufferedBytes == driver.core.bufferedBytes && taken.bufferedBytes > 0)
        #expect(taken.bufferBytes == 64 << 20)
        #expect(taken.idleRatio == 1, "it has waited all the time")
        #expect(taken.recordsConsumed == 2 && taken.consumedBytes == 0)
        #expect(taken.rebalances.count == 1)
        #expect(driver.core.telemetry.labels["group_id"] == "g")
        #expect(driver.core.telemetry.labels["group_member_id"] == "me")
        driver.core.telemetry.waitForInstanceID(1, until: driver.now)
        let off = ClientError.invalidState("enable.metrics.push is false")
        #expect(driver.core.telemetry.takeAnswers().map(\.result) == [.failure(off)])
        driver.core.release(chunk)
        let next = driver.core.takeMeasures(now: driver.now, timestamp: 1_000)
        #expect(next.consumedBytes > 0 && next.recordsConsumed == 0 && next.bufferedBytes == 0)
        #expect(next.idleRatio == nil, "no time has passed")
    }

    @Test func metricsHaveTheNamesOfKafka() throws {
        let driver = try reader()
        #expect(try driver.read() == ["aa", "bb", "cc"])
        try driver.core.commit(nil, waiter: 1, now: driver.now)
        try driver.run { driver.committed(1) != nil }
        _ = driver.core.takeMeasures(now: driver.now, timestamp: 1_000)
        let all = driver.core.metrics(now: driver.now)
        func value(_ group: String, _ name: String) -> Double? {
            all.first { $0.group == group && $0.name == name }?.value
        }
        #expect(value("consumer-fetch-manager-metrics", "records-consumed-total") == 3)
        let bytes = try #require(
            value("consumer-fetch-manager-metrics", "bytes-consumed-total"))
        #expect(bytes > 100)
        #expect(value("consumer-fetch-manager-metrics", "records-lag-max") == 0)
        #expect(value("consumer-fetch-manager-metrics", "fetch-throttle-time-max") == 40)
        #expect(value("consumer-fetch-manager-metrics", "fetch-latency-avg") == 5)
        #expect(value("consumer-coordinator-metrics", "assigned-partitions") == 2)
        #expect(value("consumer-coordinator-metrics", "commit-latency-max") == 5)
        let rebalance = try #require(
            value("consumer-coordinator-metrics", "rebalance-latency-max"))
        #expect(rebalance > 0)
        #expect(
            value("consumer-coordinator-metrics", "rebalance-latency-total")
                == rebalance.rounded(.down))
        #expect(value("consumer-metrics", "connection-count") != nil)
        let nodes = all.filter { $0.group == "consumer-node-metrics" }
        #expect(nodes.contains { $0.tags["node-id"] == "node-0" })
        #expect(nodes.allSatisfy { $0.name.hasPrefix("request-latency-") })
        #expect(all.allSatisfy { $0.tags["client-id"] == "martlet" })
    }

    /// What has happened since the measures were last taken counts too.
    @Test func metricsDoNotWaitForTheNextMeasures() throws {
        let driver = try reader()
        _ = driver.core.takeMeasures(now: driver.now, timestamp: 1_000)
        _ = try driver.read()
        let consumed = driver.core.metrics(now: driver.now).first {
            $0.name == "records-consumed-total"
        }
        #expect(consumed?.value == 3)
    }
}
