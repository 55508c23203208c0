import KafkaProtocol
import KafkaRecords
import KafkaWire
import Testing

@testable import LogStorage

/// What transactional records have to show before they begin a transaction in a log (KIP-890).
@Suite struct TransactionVerificationTests {
    let log: PartitionLog
    let producer = ProducerID(7)

    init() throws {
        log = try PartitionLog.open(
            directory: "/data/a-0", topicPartition: TopicPartition(topic: "a", partition: 0),
            topicID: nil, config: LogConfig(), fileSystem: MemoryFileSystem(),
            recoveryPoint: .zero, logStartOffset: .zero, cleanShutdown: true, now: 1000)
    }

    private func append(
        epoch: Int16 = 0, sequence: Int32 = 0, records: Int = 1, isTransactional: Bool = true,
        _ check: TransactionCheck
    ) -> KafkaError {
        var options = RecordBatchBuilder.Options()
        options.producerID = producer
        options.producerEpoch = epoch
        options.baseSequence = sequence
        options.isTransactional = isTransactional
        var builder = RecordBatchBuilder(options)
        for _ in 0..<records { builder.append(timestamp: 1000, key: nil, value: [1]) }
        return append(try? builder.finish(), .client, check, 0)
    }

    private func mark(
        epoch: Int16, version: Int16 = 2, coordinatorEpoch: Int32 = 1
    ) -> KafkaError {
        let marker = TransactionMarker(isCommit: false, coordinatorEpoch: coordinatorEpoch)
        return append(
            try? marker.batch(producerID: producer, producerEpoch: epoch, timestamp: 1000),
            .coordinator, .none, version)
    }

    private func append(
        _ batch: [UInt8]?, _ origin: AppendOrigin, _ check: TransactionCheck, _ version: Int16
    ) -> KafkaError {
        guard var batch else { return .unknownServerError }
        var span = batch.mutableSpan
        var bytes = span.mutableBytes
        do {
            _ = try log.append(
                &bytes, origin: origin, leaderEpoch: LeaderEpoch(0), now: 1000, check: check,
                transactionVersion: version)
            return .none
        } catch {
            if case .kafka(let code, _) = error { return code }
            return .kafkaStorageError
        }
    }

    private func verify(
        epoch: Int16 = 0, sequence: Int32 = 0, raisesEpochs: Bool = true
    ) throws -> VerificationGuard? {
        try log.beginVerification(
            producer, epoch: epoch, sequence: sequence, raisesEpochs: raisesEpochs, now: 1000)
    }

    @Test func aTransactionBeginsWithAGuardAndGoesOnWithout() throws {
        #expect(append(.needs(nil)) == .invalidTxnState)
        let shown = try #require(try verify())
        #expect(append(.needs(shown)) == KafkaError.none)
        #expect(try verify() == nil)
        #expect(append(sequence: 1, .needs(nil)) == KafkaError.none)
        #expect(append(sequence: 2, .needs(shown)) == KafkaError.none)
    }

    @Test func otherRecordsNeedNone() {
        #expect(append(isTransactional: false, .needs(nil)) == KafkaError.none)
        #expect(append(sequence: 1, .none) == KafkaError.none)
    }

    @Test func aMarkerTakesTheGuardAway() throws {
        let early = try #require(try verify(raisesEpochs: false))
        #expect(mark(epoch: 0, version: 0) == KafkaError.none)
        #expect(append(.needs(early)) == .invalidTxnState)
        // The next verification has another guard: the first one's answer may come late (ABA).
        let next = try #require(try verify(raisesEpochs: false))
        #expect(next != early)
        #expect(append(.needs(early)) == .invalidTxnState)
        #expect(append(.needs(next)) == KafkaError.none)
    }

    @Test func theMarkerOfTheTransactionBeforeLeavesTheGuardOfTheNext() throws {
        let first = try #require(try verify())
        #expect(append(.needs(first)) == KafkaError.none)
        // The producer has its new epoch before the marker of the old transaction has come here.
        let next = try #require(try verify(epoch: 1))
        #expect(mark(epoch: 1) == KafkaError.none)
        #expect(append(epoch: 1, .needs(next)) == KafkaError.none)
        #expect(log.lastStableOffset(highWatermark: log.logEndOffset) == Offset(2))
    }

    /// Who coordinated before may still send what it had decided.
    @Test func aMarkerOfAnEarlierCoordinatorIsRefused() {
        #expect(append(.none) == .none)
        #expect(mark(epoch: 1, coordinatorEpoch: 2) == .none)
        #expect(mark(epoch: 2, coordinatorEpoch: 1) == .transactionCoordinatorFenced)
        #expect(mark(epoch: 2, coordinatorEpoch: 2) == .none)
    }

    @Test func aFencedProducerIsToldBeforeAnybodyIsAsked() throws {
        #expect(mark(epoch: 3) == KafkaError.none)
        #expect(throws: AppendError.self) { try verify(epoch: 2) }
        #expect(append(epoch: 2, .needs(nil)) == .invalidProducerEpoch)
    }

    @Test func aLaterBatchDoesNotOvertakeTheFirst() throws {
        let later = try #require(try verify(sequence: 5, raisesEpochs: false))
        let earlier = try #require(try verify(sequence: 2, raisesEpochs: false))
        #expect(later == earlier)
        #expect(append(sequence: 5, .needs(later)) == .outOfOrderSequenceNumber)
        #expect(append(sequence: 2, .needs(later)) == KafkaError.none)
        // With an epoch for each transaction the first sequence is 0.
        #expect(append(sequence: 3, .needs(nil)) == KafkaError.none)
        #expect(mark(epoch: 1) == KafkaError.none)
        let next = try #require(try verify(epoch: 1, sequence: 4))
        #expect(append(epoch: 1, sequence: 4, .needs(next)) == .outOfOrderSequenceNumber)
    }

    @Test func severalBatchesOfOneAppendBeginTogether() throws {
        let shown = try #require(try verify())
        #expect(append(records: 3, .needs(shown)) == KafkaError.none)
        #expect(append(sequence: 3, records: 2, .needs(nil)) == KafkaError.none)
    }

    @Test func sequencesWrapAfterTheLargest() throws {
        let shown = try #require(try verify(sequence: .max - 1, raisesEpochs: false))
        #expect(append(sequence: .max - 1, records: 2, .needs(shown)) == KafkaError.none)
        #expect(append(sequence: 1, .needs(nil)) == .outOfOrderSequenceNumber)
        #expect(append(sequence: 0, records: 2, .needs(nil)) == KafkaError.none)
        #expect(append(sequence: 2, .needs(nil)) == KafkaError.none)
    }

    @Test func whatIsNeverFinishedIsForgotten() throws {
        let shown = try #require(try verify())
        log.expireProducers(now: 1000 + log.config.producerIDExpirationMs)
        #expect(append(.needs(shown)) == .invalidTxnState)
    }
}
