import Foundation
import KafkaProtocol
import KafkaWire
import Synchronization
import Testing

@testable import martlet

/// `transactions`: tables, and what reaches the broker.
@Suite struct TransactionToolTests {
    /// What the broker was told.
    private final class Record: Sendable {
        let markers = Mutex<[WriteTxnMarkersRequest.WritableTxnMarker]>([])
        let lists = Mutex<[ListTransactionsRequest]>([])
        let terminated = Mutex<[String]>([])
    }

    /// Partition t-0: producer 7 with a transaction that its coordinator knows, 8 with one that
    /// hangs, 9 with none, 10 with one that is young.
    private func broker(_ record: Record) throws -> FakeBroker {
        try FakeBroker.cluster([("t", 2)]) { request in
            switch request.key {
            case .findCoordinator: return try FakeBroker.coordinators(request)
            case .listTransactions:
                let asked = try request.decoded(ListTransactionsRequest.self)
                record.lists.withLock { $0.append(asked) }
                return try request.answer(
                    ListTransactionsResponse(
                        transactionStates: [
                            .init(
                                transactionalID: "tx-b", producerID: 9,
                                transactionState: "CompleteCommit"),
                            .init(
                                transactionalID: "tx-a", producerID: 7,
                                transactionState: "Ongoing"),
                        ]))
            case .describeTransactions: return try Self.describe(request)
            case .describeProducers: return try Self.producers(request)
            case .writeTxnMarkers:
                let asked = try request.decoded(WriteTxnMarkersRequest.self)
                record.markers.withLock { $0 += asked.markers }
                return try request.answer(
                    WriteTxnMarkersResponse(
                        markers: asked.markers.map { marker in
                            .init(
                                producerID: marker.producerID,
                                topics: marker.topics.map { topic in
                                    .init(
                                        name: topic.name,
                                        partitions: topic.partitionIndexes.map {
                                            .init(
                                                partitionIndex: $0,
                                                errorCode: marker.producerEpoch == 99
                                                    ? KafkaError.invalidProducerEpoch.rawValue : 0)
                                        })
                                })
                        }))
            case .initProducerID:
                let asked = try request.decoded(InitProducerIDRequest.self)
                record.terminated.withLock { $0.append(asked.transactionalID ?? "none") }
                return try request.answer(InitProducerIDResponse(producerID: 7, producerEpoch: 3))
            default: return nil
            }
        }
    }

    private static func describe(_ request: FakeBroker.Request) throws -> [UInt8] {
        let asked = try request.decoded(DescribeTransactionsRequest.self)
        return try request.answer(
            DescribeTransactionsResponse(
                transactionStates: asked.transactionalIDs.map { id in
                    switch id {
                    case "tx-a":
                        .init(
                            transactionalID: id, transactionState: "Ongoing",
                            transactionTimeoutMs: 60_000, transactionStartTimeMs: 1000,
                            producerID: 7, producerEpoch: 2,
                            topics: [.init(topic: "t", partitions: [1, 0])])
                    case "tx-b":
                        .init(
                            transactionalID: id, transactionState: "CompleteCommit",
                            transactionTimeoutMs: 60_000, transactionStartTimeMs: -1,
                            producerID: 9, producerEpoch: 0)
                    default:
                        .init(
                            errorCode: KafkaError.transactionalIDNotFound.rawValue,
                            transactionalID: id)
                    }
                }))
    }

    private static func producers(_ request: FakeBroker.Request) throws -> [UInt8] {
        let asked = try request.decoded(DescribeProducersRequest.self)
        let states: [DescribeProducersResponse.ProducerState] = [
            .init(
                producerID: 7, producerEpoch: 2, lastSequence: 4, lastTimestamp: 1000,
                coordinatorEpoch: -1, currentTxnStartOffset: 10),
            .init(
                producerID: 8, producerEpoch: 1, lastSequence: 0, lastTimestamp: 2000,
                coordinatorEpoch: 5, currentTxnStartOffset: 12),
            .init(
                producerID: 9, producerEpoch: 0, lastSequence: 9, lastTimestamp: 3000,
                coordinatorEpoch: 5),
            .init(
                producerID: 10, producerEpoch: 0, lastSequence: 9, lastTimestamp: Clocks.wall,
                coordinatorEpoch: 5, currentTxnStartOffset: 20),
        ]
        return try request.answer(
            DescribeProducersResponse(
                topics: asked.topics.map { topic in
                    .init(
                        name: topic.name,
                        partitions: topic.partitionIndexes.map {
                            .init(partitionIndex: $0, activeProducers: $0 == 0 ? states : [])
                        })
                }))
    }

    private func run(
        _ broker: FakeBroker, _ arguments: String...
    ) -> (code: Int32, out: String, errors: String) {
        let console = Console(captures: true)
        let code = Martlet.run(
            ["kafka-transactions.sh", "--bootstrap-server", broker.address] + arguments, console)
        return (code, console.output, console.capturedErrors)
    }

    @Test func lists() throws {
        let record = Record()
        let broker = try broker(record)
        defer { broker.stop() }
        #expect(
            run(broker, "list").out == """
                TransactionalId\tCoordinator\tProducerId\tTransactionState\t
                tx-a           \t1          \t7         \tOngoing         \t
                tx-b           \t1          \t9         \tCompleteCommit  \t

                """)
        #expect(
            run(broker, "list", "--duration-filter", "5000", "--transactional-id-pattern", "t.*")
                .code == 0)
        let asked = record.lists.withLock { $0 }
        #expect(asked.map(\.durationFilter) == [-1, 5000])
        #expect(asked.map(\.transactionalIDPattern) == [nil, "t.*"])
        #expect(
            run(broker, "list", "--json").out.hasPrefix(
                #"[{"transactionalId":"tx-a","coordinator":1,"producerId":7,"state":"Ongoing"}"#))
    }

    @Test func describes() throws {
        let broker = try broker(Record())
        defer { broker.stop() }
        let ongoing = run(broker, "describe", "--transactional-id", "tx-a").out
            .split(separator: "\n").map { $0.split(separator: "\t").map { String($0).trimmed } }
        try #require(ongoing.count == 2)
        #expect(
            ongoing[0] == [
                "CoordinatorId", "TransactionalId", "ProducerId", "ProducerEpoch",
                "TransactionState", "TransactionTimeoutMs", "CurrentTransactionStartTimeMs",
                "TransactionDurationMs", "TopicPartitions",
            ])
        #expect(ongoing[1].count == 9)
        #expect(ongoing[1].prefix(7) == ["1", "tx-a", "7", "2", "Ongoing", "60000", "1000"])
        #expect(Int64(ongoing[1][7]) ?? 0 > 1_000_000 && ongoing[1][8] == "t-0,t-1")
        let done = run(broker, "describe", "--transactional-id", "tx-b").out
        #expect(done.contains("\tNone                         \tNone                 \t"))
        let unknown = run(broker, "describe", "--transactional-id", "nope")
        #expect(unknown.code == 1)
        #expect(
            unknown.errors.hasPrefix(
                "Failed to describe transaction state of transactional-id `nope`: "))
    }

    @Test func describesProducers() throws {
        let broker = try broker(Record())
        defer { broker.stop() }
        let result = run(broker, "describe-producers", "--topic", "t", "--partition", "0")
        #expect(
            result.out.hasPrefix(
                """
                ProducerId\tProducerEpoch\tLatestCoordinatorEpoch\tLastSequence\tLastTimestamp\t\
                CurrentTransactionStartOffset\t
                7         \t2            \t-1                    \t4           \t1000         \t\
                10                           \t

                """))
        #expect(result.out.contains("\t3000         \tNone                         \t\n"))
        let wrong = run(broker, "describe-producers", "--topic", "t", "--partition", "5")
        #expect(wrong.code == 1)
        #expect(
            wrong.errors.hasPrefix("Failed to describe producers for partition t-5 on leader: "))
        let missing = run(broker, "describe-producers", "--topic", "t")
        #expect(missing.code == 1 && missing.errors.contains("--partition"))
    }

    @Test func abortsByStartOffsetOrByProducer() throws {
        let record = Record()
        let broker = try broker(record)
        defer { broker.stop() }
        let at = ["--topic", "t", "--partition", "0"]
        func abort(_ more: String...) -> (code: Int32, out: String, errors: String) {
            let console = Console(captures: true)
            let code = Martlet.run(
                ["martlet", "transactions", "abort", "--bootstrap-server", broker.address] + at
                    + more, console)
            return (code, console.output, console.capturedErrors)
        }
        #expect(abort("--start-offset", "12") == (0, "", ""))
        #expect(abort("--start-offset", "10") == (0, "", ""))
        #expect(
            abort(
                "--producer-id", "8", "--producer-epoch", "1", "--coordinator-epoch", "-1")
                == (0, "", ""))
        let markers = record.markers.withLock { $0 }
        #expect(markers.map(\.producerID) == [8, 7, 8])
        #expect(markers.map(\.producerEpoch) == [1, 2, 1])
        #expect(markers.map(\.coordinatorEpoch) == [5, 0, 0])
        #expect(markers.allSatisfy { !$0.transactionResult && $0.topics[0].name == "t" })
        #expect(abort("--start-offset", "11").errors.hasPrefix("Could not find any open"))
        #expect(abort().errors.contains("--start-offset"))
        #expect(abort("--producer-id", "8").errors.contains("--producer-epoch"))
        #expect(
            abort("--producer-id", "8", "--producer-epoch", "1").errors
                .contains("--coordinator-epoch"))
        let fenced = abort(
            "--producer-id", "8", "--producer-epoch", "99", "--coordinator-epoch", "1")
        #expect(fenced.code == 1 && fenced.errors.contains("INVALID_PRODUCER_EPOCH"))
    }

    @Test func findsWhatHangs() throws {
        let record = Record()
        let broker = try broker(record)
        defer { broker.stop() }
        for scope in [
            ["--topic", "t"], ["--broker-id", "1"], ["--topic", "t", "--partition", "0"],
        ] {
            let console = Console(captures: true)
            let code = Martlet.run(
                ["martlet", "transactions", "find-hanging", "--bootstrap-server", broker.address]
                    + scope, console)
            #expect(code == 0)
            let lines = console.output.split(separator: "\n")
            try #require(lines.count == 2)
            #expect(
                lines[0]
                    == "Topic\tPartition\tProducerId\tProducerEpoch\tCoordinatorEpoch\t"
                    + "StartOffset\tLastTimestamp\tDuration(min)\t")
            #expect(
                lines[1].hasPrefix(
                    "t    \t0        \t8         \t1            \t5               \t12         \t"
                        + "2000         \t"))
        }
        #expect(
            record.lists.withLock { $0.map(\.producerIDFilters) } == [[7, 8], [7, 8], [7, 8]])
        let none = run(broker, "find-hanging", "--topic", "t", "--partition", "1")
        #expect(none.code == 0 && none.out.split(separator: "\n").count == 1)
        #expect(run(broker, "find-hanging").errors.contains("either --topic or --broker-id"))
        #expect(
            run(broker, "find-hanging", "--partition", "0", "--broker-id", "1").errors
                .contains("requires --topic"))
        let gone = run(broker, "find-hanging", "--topic", "nope")
        #expect(gone.code == 1 && gone.errors.hasPrefix("Failed to describe topic nope: "))
    }

    @Test func terminates() throws {
        let record = Record()
        let broker = try broker(record)
        defer { broker.stop() }
        #expect(
            run(broker, "forceTerminateTransaction", "--transactionalId", "tx-a") == (0, "", ""))
        #expect(record.terminated.withLock { $0 } == ["tx-a"])
        #expect(run(broker, "forceTerminateTransaction").code == 1)
        #expect(run(broker).errors.contains("Choose a command"))
    }
}
