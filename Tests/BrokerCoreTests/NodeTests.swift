import KafkaProtocol
import KafkaWire
import Testing

@testable import BrokerCore

/// One node from start to restart.
@Suite struct NodeTests {
    @Test func whatIsProducedIsFetched() throws {
        let client = try TestNode().connect()
        try client.createTopic("words")
        #expect(try client.produce(["a", "b"], to: "words") == 0)
        #expect(try client.produce(["c"], to: "words") == 2)
        #expect(try client.fetch("words").map(\.text) == ["a", "b", "c"])
        #expect(try client.fetch("words", from: 2).map(\.text) == ["c"])
    }

    @Test func acknowledgedRecordsSurviveAPowerCut() throws {
        let node = try TestNode()
        let client = node.connect()
        try client.createTopic("words")
        try client.produce(["a", "b"], to: "words")
        let next = try node.restartedAfterPowerCut().connect()
        #expect(try next.fetch("words").map(\.text) == ["a", "b"])
        #expect(try next.produce(["c"], to: "words") == 2)
    }

    @Test func acksAllWaitsForTheSync() throws {
        let node = try TestNode()
        let client = node.connect()
        try client.createTopic("words")
        node.holdsFlushes = true
        let request = TestClient.produceRequest(try TestRecords.batch(["a"]), to: "words")
        try client.send(request, version: 12)
        #expect(try client.receive(ProduceResponse.self, version: 12) == nil)
        #expect(try node.connect().fetch("words").isEmpty)
        node.flush()
        let answer = try #require(try client.receive(ProduceResponse.self, version: 12))
        #expect(answer.message.responses[0].partitionResponses[0].baseOffset == 0)
        #expect(try node.connect().fetch("words").map(\.text) == ["a"])
    }

    @Test func acksOneAnswersBeforeTheSync() throws {
        let node = try TestNode()
        let client = node.connect()
        try client.createTopic("words")
        node.holdsFlushes = true
        #expect(try client.produce(["a"], to: "words", acks: 1) == 0)
    }

    @Test func anOrderlyStopKeepsEverything() throws {
        let node = try TestNode()
        let client = node.connect()
        let id = try client.createTopic("words", partitions: 3)
        for partition in Int32(0)..<3 {
            try client.produce(["p\(partition)"], to: "words", partition: partition)
        }
        let next = try node.restarted()
        #expect(next.clusterID == node.clusterID)
        #expect(next.view.topic(named: "words")?.id == id)
        for partition in Int32(0)..<3 {
            let read = try next.connect().fetch("words", partition: partition)
            #expect(read.map(\.text) == ["p\(partition)"])
        }
    }

    /// A node that was killed is elected as one that may lack records; it lacks none, and says so.
    @Test func theMarkOfAnUncleanElectionIsCleared() throws {
        let node = try TestNode()
        let client = node.connect()
        try client.createTopic("words", partitions: 3)
        let next = try node.restartedAfterKill()
        let partitions = try #require(next.view.image.topics["words"]).partitions
        #expect(partitions.map(\.isRecovering) == [false, false, false])
        #expect(partitions.map(\.leader) == [1, 1, 1])
        #expect(partitions.map(\.isr) == [[1], [1], [1]])
        // The mark had been set: one change of epoch to elect, one to clear it.
        #expect(
            partitions[0].partitionEpoch > node.view.image.topics["words"]?[0]?.partitionEpoch ?? 0)
    }

    @Test func aNodeTellsWhenItsControllerWasLastHeardOf() throws {
        let node = try TestNode()
        let first = node.controller.lastHeardMs
        node.advance(ms: 60_000)
        #expect(node.controller.lastHeardMs == node.clock.now.monotonicMs)
        #expect(node.controller.lastHeardMs >= first + 60_000)
    }

    @Test func answersLeaveInTheOrderOfTheRequests() throws {
        let node = try TestNode()
        let client = node.connect()
        try client.createTopic("words")
        node.holdsFlushes = true
        let request = TestClient.produceRequest(try TestRecords.batch(["a"]), to: "words")
        let first = try client.send(request, version: 12)
        let second = try client.send(MetadataRequest(), version: 12)
        #expect(try client.receive(MetadataResponse.self, version: 12) == nil)
        node.flush()
        let produced = try client.receive(
            ProduceResponse.self, version: 12, correlation: first)
        let described = try client.receive(
            MetadataResponse.self, version: 12, correlation: second)
        #expect(produced != nil && described != nil)
    }

    @Test func aFetchWaitsForDataOrItsDeadline() throws {
        let node = try TestNode(loops: 2)
        let producer = node.connect()
        let consumer = node.connect(loop: 1)
        try producer.createTopic("words")
        let request = TestClient.fetchRequest("words", maxWaitMs: 500)
        try consumer.send(request, version: 12)
        node.advance(ms: 499)
        #expect(try consumer.receive(FetchResponse.self, version: 12) == nil)
        node.advance(ms: 1)
        let empty = try #require(try consumer.receive(FetchResponse.self, version: 12))
        #expect(empty.message.responses[0].partitions[0].records.count == 0)
        try consumer.send(request, version: 12)
        try producer.produce(["a"], to: "words")
        let full = try #require(try consumer.receive(FetchResponse.self, version: 12))
        let data = full.message.responses[0].partitions[0]
        #expect(try full.records(data.records).map(\.text) == ["a"])
    }
}
