import KafkaRecords
import KafkaWire

/// Records of one partition that go out together.
struct ProducerBatch {
    let partition: Int32
    private(set) var records: [(record: ConsoleRecord, timestamp: Int64)] = []
    /// About the bytes of the batch before compression.
    private(set) var estimatedBytes = RecordBatchHeader.byteCount
    /// When it was begun, in milliseconds of a clock that never goes back.
    let begun: Int64
    /// The encoded batch; made when it is first sent, so that a retry sends the same bytes.
    var encoded: [UInt8]?
    /// Tries so far.
    var attempts = 0

    init(partition: Int32, begun: Int64) {
        self.partition = partition
        self.begun = begun
    }

    mutating func append(_ record: ConsoleRecord, timestamp: Int64) {
        records.append((record, timestamp))
        estimatedBytes += record.estimatedBytes
    }

    /// The bytes to send, the same for each try. `baseSequence` is -1 without a producer id.
    mutating func encode(
        _ settings: ProducerSettings, producer: (id: ProducerID, epoch: Int16), baseSequence: Int32
    ) throws -> [UInt8] {
        if let encoded { return encoded }
        var builder = RecordBatchBuilder(
            .init(
                compression: settings.compression, compressionLevel: settings.compressionLevel,
                producerID: producer.id, producerEpoch: producer.epoch, baseSequence: baseSequence))
        for (record, timestamp) in records {
            builder.append(
                timestamp: timestamp, key: record.key, value: record.value, headers: record.headers)
        }
        let bytes = try builder.finish()
        encoded = bytes
        return bytes
    }
}
