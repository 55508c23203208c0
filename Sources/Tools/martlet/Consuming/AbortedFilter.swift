import KafkaRecords
import KafkaWire

/// Leaves out the records of aborted transactions, as a `read_committed` consumer must (KIP-98).
///
/// Fed with the batches of one fetch of one partition in order.
struct AbortedFilter {
    /// Transactions that abort somewhere in what was fetched, by the offset at which they begin.
    private var upcoming: [(producerID: ProducerID, firstOffset: Offset)]
    private var active: Set<ProducerID> = []

    init(_ aborted: [(producerID: ProducerID, firstOffset: Offset)]) {
        upcoming = aborted.sorted { $0.firstOffset < $1.firstOffset }
    }

    /// Whether the batch's records were aborted.
    mutating func isAborted(_ header: RecordBatchHeader) -> Bool {
        while let first = upcoming.first, first.firstOffset <= header.lastOffset {
            active.insert(first.producerID)
            upcoming.removeFirst()
        }
        return header.isTransactional && active.contains(header.producerID)
    }

    /// Takes a control batch: an abort marker ends its producer's transaction.
    mutating func pass(_ header: RecordBatchHeader, marker: ControlRecordType?) {
        if marker == .abort { active.remove(header.producerID) }
    }
}
