import KafkaProtocol
import KafkaRecords
import KafkaWire

extension SimulatedClient {
    /// What a `read_committed` consumer takes from an answer: records of transactions that are not
    /// in its list of aborted ones (KIP-98), and where it reads on; a violation when they cannot be
    /// read.
    func committedRecords(
        _ data: FetchResponse.PartitionData, of answer: Answer<FetchResponse>, from position: Int64
    ) -> (records: [Record], next: Int64) {
        guard case .inFrame(let range) = data.records else { return ([], position) }
        var aborted = (data.abortedTransactions ?? []).sorted { $0.firstOffset < $1.firstOffset }[
            ...]
        var skipped: Set<Int64> = []
        var records: [Record] = []
        var next = position
        do {
            let bytes = Array(answer.body[range])
            // Bytes have no padding.
            let span = unsafe bytes.span.bytes
            var batches = BatchIterator(span)
            while let batch = try batches.next() {
                let header = batch.header
                while let first = aborted.first, first.firstOffset <= header.lastOffset.rawValue {
                    skipped.insert(first.producerID)
                    aborted.removeFirst()
                }
                next = max(next, header.nextOffset.rawValue)
                let found = try BatchReader.records(span.extracting(batch.range), limit: 16 << 20)
                if header.isControl {
                    if let record = found.first, try TransactionMarker(record)?.isCommit == false {
                        skipped.remove(header.producerID.rawValue)
                    }
                } else if !header.isTransactional || !skipped.contains(header.producerID.rawValue) {
                    records += found.filter { $0.offset.rawValue >= position }
                }
            }
        } catch {
            world.violation("\(name): records that cannot be read: \(error)")
        }
        return (records, next)
    }
}
