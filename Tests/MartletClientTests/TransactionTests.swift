import MartletClient
import Testing

@Suite(.timeLimit(.minutes(2))) struct TransactionTests {
    private func producer(_ node: TestNode) throws -> Producer {
        try Producer(bootstrap: node.bootstrap) { $0.transactionalID = "bird" }
    }

    /// All values of the topic that a reader of committed records sees.
    private func committed(_ topic: String, _ node: TestNode) async throws -> [String] {
        let consumer = try Consumer(bootstrap: node.bootstrap) {
            $0.offsetReset = .earliest
            $0.isolation = .readCommitted
        }
        try await consumer.assign(topic: topic)
        let ends = try await consumer.endOffsets(consumer.assignment)
        var seen: [String] = []
        func isDone() throws -> Bool {
            try ends.allSatisfy { id, end in try consumer.position(of: id) ?? .zero >= end }
        }
        while try !isDone() {
            guard let batch = try await consumer.poll(timeout: .milliseconds(20)) else { continue }
            seen += batch.records.map { String(decoding: $0.value ?? [], as: UTF8.self) }
        }
        await consumer.close()
        return seen
    }

    @Test func aCommitIsSeenAndAnAbortIsNot() async throws {
        let node = try TestNode(defaultPartitions: 1)
        let producer = try producer(node)
        struct Changed: Error {}
        for round in 0..<3 {
            let value = try await producer.withTransaction { transaction in
                try await transaction.enqueue(ProducerRecord(topic: "t", value: "kept \(round)"))
                return round
            }
            #expect(value == round)
            await #expect(throws: Changed.self) {
                try await producer.withTransaction { transaction in
                    _ = try await transaction.send(
                        ProducerRecord(topic: "t", value: "dropped \(round)"))
                    throw Changed()
                }
            }
        }
        #expect(!producer.isInTransaction)
        try await producer.close()
        #expect(try await committed("t", node) == ["kept 0", "kept 1", "kept 2"])
    }

    @Test func theLastProducerWithAnIDFencesTheOthers() async throws {
        let node = try TestNode(defaultPartitions: 1)
        let first = try producer(node)
        let open = try await first.beginTransaction()
        _ = try await open.send(ProducerRecord(topic: "t", value: "zombie"))
        let second = try producer(node)
        try await second.initTransactions()
        await #expect(throws: ClientError.self) {
            try await first.commitTransaction()
        }
        if first.isInTransaction {
            await #expect(throws: ClientError.self) { try await first.abortTransaction() }
        }
        await #expect(throws: ClientError.self) { _ = try await first.beginTransaction() }
        try await second.withTransaction { transaction in
            try await transaction.enqueue(ProducerRecord(topic: "t", value: "new"))
        }
        try? await first.close()
        await #expect(throws: ClientError.self) { _ = try await first.beginTransaction() }
        try await second.close()
        #expect(try await committed("t", node) == ["new"])
    }

    @Test(arguments: [GroupProtocol.classic, .consumer])
    func offsetsAreCommittedWithTheTransaction(kind: GroupProtocol) async throws {
        let node = try TestNode(defaultPartitions: 1)
        let plain = try Producer(bootstrap: node.bootstrap)
        for value in ["a", "b"] { _ = try await plain.send(value, to: "in") }
        try await plain.close()
        let producer = try producer(node)
        let consumer = try Consumer(bootstrap: node.bootstrap) {
            $0.group = GroupSettings(id: "g")
            $0.group?.groupProtocol = kind
            $0.group?.commitsAutomatically = false
            $0.offsetReset = .earliest
        }
        try consumer.subscribe(to: ["in"])
        var read = 0
        while read < 2, let batch = try await consumer.poll(timeout: .seconds(60)) {
            read += batch.records.count
            try await producer.withTransaction { transaction in
                for record in batch.records {
                    try await transaction.enqueue(
                        ProducerRecord(topic: "out", value: record.value))
                }
                try await transaction.sendOffsets(after: batch, of: consumer)
            }
        }
        let id = TopicPartition(topic: "in", partition: 0)
        #expect(try await consumer.committed([id])[id]?.offset == Offset(2))
        let abort = try await producer.beginTransaction()
        try await abort.sendOffsets(
            [id: CommittedOffset(Offset(1))], of: try #require(consumer.groupMetadata))
        try await producer.abortTransaction()
        #expect(try await consumer.committed([id])[id]?.offset == Offset(2))
        await consumer.close()
        try await producer.close()
        #expect(try await committed("out", node) == ["a", "b"])
    }

    @Test func transactionsNeedAnID() async throws {
        let producer = try Producer(bootstrap: "127.0.0.1:1")
        await #expect(throws: ClientError.self) { _ = try await producer.beginTransaction() }
        await producer.abandon()
    }
}
