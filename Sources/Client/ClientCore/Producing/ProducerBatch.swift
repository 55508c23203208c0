import KafkaRecords
import KafkaWire

/// Records of one partition that travel together.
///
/// It is open while records are added, sealed once it has been written as bytes, and done once its
/// records have succeeded or failed, which they do once. Its sequence never changes after it has
/// been sent, unless the whole partition begins anew in another epoch.
///
/// Once it takes no more records, sealing may go on while others enter the producer's core: they
/// touch neither the builder nor the bytes.
final class ProducerBatch: ClientWork {
    /// Batches count up over the whole producer.
    let number: UInt64
    let created: ClientInstant
    /// Bytes that it takes of `buffer.memory`.
    private(set) var reserved = 0
    private(set) var count: Int32 = 0
    /// Who waits for a record of it, in order.
    private(set) var waiters: [RecordWaiter] = []
    private var builder: RecordBatchBuilder?
    private(set) var bytes: [UInt8] = []
    /// Why it could not be written as bytes.
    private var sealError: ClientError?
    /// Whether `assign` follows, which computes the CRC.
    private let isNumbered: Bool
    /// The first record's sequence; `nil` before the first attempt and without idempotence.
    private(set) var sequence: Int32?
    /// How many batches of the partition were sent before it.
    var place = 0
    var attempts = 0
    /// Set while it waits to be sent again.
    var retryAt: ClientInstant?
    var isInFlight = false
    /// Its records have ended, though an answer may still come.
    var isDone = false
    /// An attempt ended without a refusal: the broker may have written it.
    var mayBeWritten = false

    init(
        _ queue: PartitionQueue, number: UInt64, _ settings: ProducerSettings, now: ClientInstant
    ) {
        self.number = number
        created = now
        isNumbered = settings.isIdempotent
        builder = RecordBatchBuilder(
            .init(
                compression: settings.compression, compressionLevel: settings.compressionLevel),
            capacity: queue.expectedBytes)
        waiters.reserveCapacity(queue.expectedWaiters)
    }

    /// Bytes of the batch: as sent once it is sealed, uncompressed before.
    var size: Int { bytes.isEmpty ? reserved : bytes.count }

    /// Adds a record; gives the bytes that it takes.
    func append(_ record: ProducerRecord, timestamp: Int64, handler: RecordHandler?) -> Int {
        builder?.append(
            timestamp: timestamp, key: record.key, value: record.value, headers: record.headers)
        if let handler {
            waiters.append(RecordWaiter(handler: handler, timestamp: timestamp, place: count))
        }
        count += 1
        let before = reserved
        reserved = builder?.uncompressedSize ?? reserved
        return reserved - before
    }

    /// Writes the batch; no record can be added any more.
    func seal() throws(ClientError) {
        run()
        if let sealError { throw sealError }
    }

    var isSealed: Bool { builder == nil }

    func run() {
        guard let builder = builder.take() else { return }
        do throws(CompressionError) { bytes = try builder.finish(hasCRC: !isNumbered) } catch {
            sealError = .corruptRecords("\(error)")
        }
    }

    /// Gives the sealed batch its place in the producer's sequence.
    func assign(_ id: ProducerID, epoch: Int16, sequence: Int32, isTransactional: Bool) {
        self.sequence = sequence
        // Taken out and put back, so that it is changed where it is.
        var taken = bytes
        bytes = []
        taken.setProducer(id, epoch, sequence, isTransactional)
        bytes = taken
    }
}

extension [UInt8] {
    /// Makes the batch that the bytes are one of this producer.
    fileprivate mutating func setProducer(
        _ id: ProducerID, _ epoch: Int16, _ sequence: Int32, _ isTransactional: Bool
    ) {
        var span = mutableSpan
        // Bytes have no padding, and any value of one is valid.
        var raw = unsafe span.mutableBytes
        RecordBatchHeader.setProducer(
            id, epoch: epoch, baseSequence: sequence, isTransactional: isTransactional, in: &raw)
    }
}
