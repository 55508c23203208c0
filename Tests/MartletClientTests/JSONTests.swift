import MartletClient
import Testing

@Suite(.cluster, .timeLimit(.minutes(2))) struct JSONTests {
    struct Bird: Codable, Equatable {
        var name: String
        var wings: Int
    }

    @Test func valuesAreJSON() async throws {
        let cluster = try testCluster()
        let topic = try await cluster.topic(partitions: 1)
        let bird = Bird(name: "martlet", wings: 2)
        let producer = try Producer(bootstrap: cluster.bootstrap)
        _ = try await producer.send(ProducerRecord(topic: topic, key: "m", json: bird))
        _ = try await producer.send(ProducerRecord(topic: topic, value: nil))
        _ = try await producer.send("no bird", to: topic)
        try await producer.close()
        let consumer = try Consumer(bootstrap: cluster.bootstrap) { $0.offsetReset = .earliest }
        try await consumer.assign(topic: topic)
        var records = consumer.records.makeAsyncIterator()
        let first = try #require(try await records.next())
        #expect(try first.json() == bird && first.key == Array("m".utf8))
        let second = try #require(try await records.next())
        #expect(try second.json(as: Bird.self) == nil)
        let third = try #require(try await records.next())
        #expect(throws: DecodingError.self) { try third.json(as: Bird.self) }
        await consumer.close()
    }
}
