public import KafkaRecords
public import KafkaWire

/// Replays the log of a coordinator's partition into a machine.
public struct CoordinatorReplay {
    /// Most bytes that a compressed batch may unpack to.
    static let decompressedLimit = 256 << 20

    /// Records passed over because their type is not known to this build, or cannot be read.
    public private(set) var skipped = 0
    /// What was wrong with the first record that could not be read.
    public private(set) var firstFault: String?

    public init() {}

    /// Replays the batches in `bytes` (whole ones, checked by the log) from `start` on; where to
    /// read on.
    ///
    /// - Throws: `BatchError` for a batch that makes no sense: the partition cannot be served.
    public mutating func replay<Machine: CoordinatorMachine>(
        _ bytes: RawSpan, from start: Offset, into machine: Machine
    ) throws(BatchError) -> Offset {
        var next = start
        var batches = BatchIterator(bytes)
        while let batch = try batches.next() {
            let header = batch.header
            next = header.nextOffset
            guard next > start else { continue }
            let records = try BatchReader.records(
                bytes, at: batch.range.lowerBound, limit: Self.decompressedLimit)
            for record in records where record.offset >= start {
                if header.isControl {
                    try replayControl(record, header, into: machine)
                } else {
                    replay(record, header, into: machine)
                }
            }
        }
        return next
    }

    private func replayControl<Machine: CoordinatorMachine>(
        _ record: Record, _ header: RecordBatchHeader, into machine: Machine
    ) throws(BatchError) {
        guard let marker = try TransactionMarker(record) else { return }
        machine.replay(
            CoordinatorMarker(
                producerID: header.producerID, producerEpoch: header.producerEpoch,
                marker: marker))
    }

    private mutating func replay<Machine: CoordinatorMachine>(
        _ record: Record, _ header: RecordBatchHeader, into machine: Machine
    ) {
        guard let key = record.key else { return note("a record without a key", record) }
        let writer: RecordWriter =
            header.isTransactional
            ? .producer(header.producerID, epoch: header.producerEpoch) : .coordinator
        do {
            // Bytes have no padding.
            let keySpan = unsafe key.span.bytes
            let decoded: Machine.Record?
            if let value = record.value {
                // As above.
                decoded = try Machine.Record.decode(key: keySpan, value: unsafe value.span.bytes)
            } else {
                decoded = try Machine.Record.decode(key: keySpan, value: nil)
            }
            guard let decoded else { return note("a record of an unknown type", record) }
            machine.replay(decoded, at: record.offset, by: writer)
        } catch {
            note("\(error)", record)
        }
    }

    private mutating func note(_ fault: String, _ record: Record) {
        skipped += 1
        firstFault = firstFault ?? "offset \(record.offset): \(fault)"
    }
}
