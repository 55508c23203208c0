import MartletClient

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Copies a topic: each record once, whatever is killed on the way.
///
///     exactly-once-copy BOOTSTRAP FROM TO GROUP TRANSACTIONAL_ID
///
/// What is read, what is written and how far it got are one transaction. Whoever runs it starts it
/// again when it ends: it goes on where the last transaction was committed.
@main struct ExactlyOnceCopy {
    static func main() async {
        let arguments = CommandLine.arguments
        guard arguments.count == 6 else {
            print("exactly-once-copy BOOTSTRAP FROM TO GROUP TRANSACTIONAL_ID")
            exit(2)
        }
        do {
            try await copy(
                arguments[1], from: arguments[2], to: arguments[3], group: arguments[4],
                transactionalID: arguments[5])
        } catch {
            print(error)
            exit(1)
        }
    }

    static func copy(
        _ bootstrap: String, from source: String, to target: String, group: String,
        transactionalID: String
    ) async throws {
        let producer = try Producer(bootstrap: bootstrap) {
            $0.transactionalID = transactionalID
            $0.transactionTimeout = .seconds(20)
        }
        let consumer = try Consumer(bootstrap: bootstrap) {
            $0.group = GroupSettings(id: group)
            $0.group?.commitsAutomatically = false
            $0.group?.sessionTimeout = .seconds(6)
            $0.isolation = .readCommitted
            $0.offsetReset = .earliest
        }
        // What an earlier copier left open is aborted before its offsets are read.
        try await producer.initTransactions()
        try consumer.subscribe(to: [source])
        for try await batch in consumer.batches {
            try await producer.withTransaction { transaction in
                for record in batch.records {
                    try await transaction.enqueue(
                        ProducerRecord(
                            topic: target, partition: record.partition, key: record.key,
                            value: record.value, headers: record.headers))
                }
                try await transaction.sendOffsets(after: batch, of: consumer)
            }
        }
    }
}
