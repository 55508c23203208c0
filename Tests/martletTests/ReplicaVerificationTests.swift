import KafkaWire
import Testing

@testable import martlet

@Suite struct ReplicaVerificationTests {
    private typealias Batch = ReplicaComparison.Batch
    private typealias Fetched = ReplicaComparison.Fetched

    private func comparison(_ offset: Int64 = 0) -> ReplicaComparison {
        ReplicaComparison(TopicPartition(topic: "t", partition: 0), from: offset)
    }
    private func fetched(_ replica: Int32, _ end: Int64, _ batches: (Int64, UInt32)...) -> Fetched {
        Fetched(
            replica: replica, highWatermark: end,
            batches: batches.map { Batch(lastOffset: $0.0, checksum: $0.1) })
    }

    @Test func goesAsFarAsAllReplicasAre() {
        var it = comparison()
        #expect(
            it.compare([
                fetched(1, 20, (4, 7), (9, 8), (14, 9)), fetched(2, 10, (4, 7), (9, 8)),
            ]).isEmpty)
        #expect(it.offset == 10 && it.lag == 10)
        #expect(it.compare([fetched(1, 20, (14, 9), (19, 1)), fetched(2, 20)]).isEmpty)
        #expect(it.offset == 10 && it.lag == 10)
        #expect(it.compare([]).isEmpty)
    }

    @Test func aBatchBeyondTheHighWatermarkDoesNotCount() {
        var it = comparison()
        let found = it.compare([fetched(1, 5, (4, 7), (9, 8)), fetched(2, 5, (4, 7), (9, 99))])
        #expect(found.isEmpty && it.offset == 5 && it.lag == 0)
    }

    @Test func differencesAreNamed() {
        var it = comparison()
        #expect(
            it.compare([
                fetched(1, 20, (4, 7), (9, 8), (14, 9)), fetched(3, 20, (4, 6), (9, 8), (15, 9)),
            ]) == [
                .checksums(offset: 4, first: 1, checksum: 7, second: 3, otherChecksum: 6),
                .offsets(first: 1, end: 14, second: 3, otherEnd: 15),
            ])
    }

    @Test func whatIsDeletedIsPassedOver() {
        var it = comparison(5)
        it.skip(to: 3)
        #expect(it.offset == 5)
        it.skip(to: 8)
        #expect(it.offset == 8)
    }
}
