import KafkaProtocol
import KafkaRecords
import KafkaWire
import Testing

@testable import Coordinators

/// The end of offsets that nobody commits any more, in groups of any size.
@Suite struct OffsetExpiryTests {
    /// The tombstones of a group of so many offsets, its own being the last, by batch.
    @Test(
        arguments: [(4999, [5000]), (5000, [5000, 1]), (10_000, [5000, 5000, 1])]
            as [(Int32, [Int])])
    func tombstonesGoInBatchesThatAreLimited(_ count: Int32, _ expected: [Int]) throws {
        #expect(GroupMachine.batchRecords == 5000)
        let harness = GroupHarness(["t": count])
        let request = OffsetCommitRequest(
            groupID: "g", generationIDOrMemberEpoch: -1,
            topics: [
                .init(
                    name: "t",
                    partitions: (0..<count).map { .init(partitionIndex: $0, committedOffset: 1) })
            ])
        let answer: OffsetCommitResponse? = harness.run {
            $0.commitOffsets(request, version: 9, $1, harness.now)
        }
        #expect(answer?.topics.first?.partitions.allSatisfy { $0.errorCode == 0 } == true)
        let start = harness.log.endOffset
        harness.settings.offsetsRetentionMs = 1000
        harness.advance(harness.settings.offsetsRetentionCheckIntervalMs)
        #expect(try batches(of: harness.log, from: start) == expected)
        try harness.reload()
        #expect(harness.machineGroup == nil)
        #expect(harness.log.endOffset == start + Int64(count) + 1)
    }

    /// How many records each batch from `start` on has.
    private func batches(of log: MemoryCoordinatorLog, from start: Offset) throws -> [Int] {
        let bytes = log.batches
        var counts: [Int] = []
        var batches = BatchIterator(bytes.span.bytes)
        while let batch = try batches.next() {
            if batch.header.baseOffset >= start { counts.append(Int(batch.header.recordCount)) }
        }
        return counts
    }
}
