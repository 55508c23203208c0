import KafkaWire
import Testing

@testable import LogStorage

/// Which aborted transactions a reader of committed data is told.
@Suite struct AbortedTransactionTests {
    private struct Aborted: Hashable {
        var producer: Int64
        var first: Offset
        var last: Offset
    }

    /// Appends transactions of several producers that overlap as `seed` says; those aborted.
    private func fill(_ log: PartitionLog, seed: UInt64) throws -> [Aborted] {
        var random = SplitMix64(seed: seed)
        var sequences: [Int64: Int32] = [:]
        var begun: [Int64: Offset] = [:]
        var aborted: [Aborted] = []
        for _ in 0..<60 {
            let id = Int64.random(in: 7...10, using: &random)
            let sequence = sequences[id, default: 0]
            let writer = TestProducer(id: id, sequence: sequence, isTransactional: true)
            guard let first = begun[id], Bool.random(using: &random) else {
                let offset = try log.append(try testBatch([TestRecord("k", "v")], by: writer))
                    .baseOffset
                sequences[id] = sequence + 1
                begun[id] = begun[id] ?? offset
                continue
            }
            let commits = Int.random(in: 0..<3, using: &random) == 0
            let marker = try testMarker(commit: commits, of: writer)
            let last = try log.append(marker, origin: .coordinator).baseOffset
            if !commits { aborted.append(Aborted(producer: id, first: first, last: last)) }
            begun[id] = nil
        }
        return aborted
    }

    private func expect(_ all: [Aborted], in log: PartitionLog) throws {
        let end = log.logEndOffset.rawValue
        for from in 0..<end {
            for upTo in (from + 1)...end {
                let found = try log.abortedTransactions(from: Offset(from), upTo: Offset(upTo))
                let wanted = all.filter { $0.last.rawValue >= from && $0.first.rawValue < upTo }
                let told = found.map {
                    Aborted(
                        producer: $0.producerID.rawValue, first: $0.firstOffset,
                        last: $0.lastOffset)
                }
                // One that reaches into what is read must be told; another one does no harm.
                #expect(Set(told).isSuperset(of: wanted), "from \(from) to \(upTo)")
                #expect(Set(told).isSubset(of: all))
            }
        }
    }

    /// A follower and a copy get many batches at once, with transactions that begin and end in them
    /// and others that stay open.
    @Test(arguments: UInt64(1)...8)
    func aReplicaThatGotAllAtOnceTellsThemToo(seed: UInt64) throws {
        let leader = try TestLog.open(try TestLog.fileSystem())
        let all = try fill(leader, seed: seed)
        try #require(all.count > 5)
        try expect(all, in: leader)
        let follower = try TestLog.open(try TestLog.fileSystem())
        while follower.logEndOffset < leader.logEndOffset {
            let read = try leader.read(
                from: follower.logEndOffset, maxBytes: 1 << 20, upTo: leader.logEndOffset,
                atLeastOneBatch: true)
            let bytes = try #require(read.slice).bytes()
            // Bytes have no padding.
            _ = try unsafe follower.appendReplicated(bytes.span.bytes)
        }
        try expect(all, in: follower)
    }
}
