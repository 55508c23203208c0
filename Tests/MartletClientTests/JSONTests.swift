import MartletClient
import Testing

@Suite struct JSONTests {
    struct Bird: Codable, Equatable {
        var name: String
        var wings: Int
    }

    @Test func valuesAreJSON() async throws {
        let node = try TestNode(defaultPartitions: 1)
        let bird = Bird(name: "martlet", wings: 2)
        let producer = try Producer(bootstrap: node.bootstrap)
        _ = try await producer.send(ProducerRecord(topic: "t", key: "m", json: bird))
        _ = try await producer.send(ProducerRecord(topic: "t", value: nil))
        _ = try await producer.send("no bird", to: "t")
        try await producer.close()
        let consumer = try Consumer(bootstrap: node.bootstrap) { $0.offsetReset = .earliest }
        try await consumer.assign(topic: "t")
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
