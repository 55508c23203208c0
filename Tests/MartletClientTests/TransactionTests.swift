import MartletClient
import Testing

@Suite(.cluster, .timeLimit(.minutes(2))) struct TransactionTests {
    private func producer() throws -> Producer {
        let cluster = try testCluster()
        return try Producer(bootstrap: cluster.bootstrap) {
            $0.transactionalID = cluster.name("bird")
        }
    }

    /// All values of the topic that a reader of committed records sees.
    private func committed(_ topic: String) async throws -> [String] {
        let consumer = try Consumer(bootstrap: testCluster().bootstrap) {
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
        let topic = try await testCluster().topic(partitions: 1)
        let producer = try producer()
        struct Changed: Error {}
        for round in 0..<3 {
            let value = try await producer.withTransaction { transaction in
                try await transaction.enqueue(ProducerRecord(topic: topic, value: "kept \(round)"))
                return round
            }
            #expect(value == round)
            await #expect(throws: Changed.self) {
                try await producer.withTransaction { transaction in
                    _ = try await transaction.send(
                        ProducerRecord(topic: topic, value: "dropped \(round)"))
                    throw Changed()
                }
            }
        }
        #expect(!producer.isInTransaction)
        try await producer.close()
        #expect(try await committed(topic) == ["kept 0", "kept 1", "kept 2"])
    }

    @Test func theLastProducerWithAnIDFencesTheOthers() async throws {
        let topic = try await testCluster().topic(partitions: 1)
        let first = try producer()
        let open = try await first.beginTransaction()
        _ = try await open.send(ProducerRecord(topic: topic, value: "zombie"))
        let second = try producer()
        try await second.initTransactions()
        await #expect(throws: ClientError.self) {
            try await first.commitTransaction()
        }
        if first.isInTransaction {
            await #expect(throws: ClientError.self) { try await first.abortTransaction() }
        }
        await #expect(throws: ClientError.self) { _ = try await first.beginTransaction() }
        try await second.withTransaction { transaction in
            try await transaction.enqueue(ProducerRecord(topic: topic, value: "new"))
        }
        try? await first.close()
        await #expect(throws: ClientError.self) { _ = try await first.beginTransaction() }
        try await second.close()
        #expect(try await committed(topic) == ["new"])
    }

    @Test(arguments: [GroupProtocol.classic, .consumer])
    func offsetsAreCommittedWithTheTransaction(kind: GroupProtocol) async throws {
        let cluster = try testCluster()
        let input = try await cluster.topic("in", partitions: 1)
        let output = try await cluster.topic("out", partitions: 1)
        let plain = try Producer(bootstrap: cluster.bootstrap)
        for value in ["a", "b"] { _ = try await plain.send(value, to: input) }
        try await plain.close()
        let producer = try producer()
        let consumer = try Consumer(bootstrap: testCluster().bootstrap) {
            $0.group = GroupSettings(id: cluster.group())
            $0.group?.groupProtocol = kind
            $0.group?.commitsAutomatically = false
            $0.offsetReset = .earliest
        }
        try consumer.subscribe(to: [input])
        var read = 0
        while read < 2, let batch = try await consumer.poll(timeout: .seconds(60)) {
            read += batch.records.count
            try await producer.withTransaction { transaction in
                for record in batch.records {
                    try await transaction.enqueue(
                        ProducerRecord(topic: output, value: record.value))
                }
                try await transaction.sendOffsets(after: batch, of: consumer)
            }
        }
        let id = TopicPartition(topic: input, partition: 0)
        #expect(try await consumer.committed([id])[id]?.offset == Offset(2))
        let abort = try await producer.beginTransaction()
        try await abort.sendOffsets(
            [id: CommittedOffset(Offset(1))], of: try #require(consumer.groupMetadata))
        try await producer.abortTransaction()
        #expect(try await consumer.committed([id])[id]?.offset == Offset(2))
        await consumer.close()
        try await producer.close()
        #expect(try await committed(output) == ["a", "b"])
    }

    @Test func transactionsNeedAnID() async throws {
        let producer = try Producer(bootstrap: "127.0.0.1:1")
        await #expect(throws: ClientError.self) { _ = try await producer.beginTransaction() }
        await producer.abandon()
    }
}
