import KafkaProtocol
import KafkaRecords
import KafkaWire

/// One batch of the metadata log, decoded.
public struct MetadataBatch: Sendable {
    public var baseOffset: Offset
    public var lastOffset: Offset
    public var epoch: LeaderEpoch
    /// Milliseconds since 1970.
    public var timestamp: Int64
    /// Bytes of the batch in the log.
    public var byteCount: Int
    public var records: [MetadataRecord] = []
    public var controls: [QuorumControlRecord] = []

    /// Most bytes that a compressed batch may unpack to.
    static let decompressedLimit = 64 << 20

    static func control(
        _ controls: [QuorumControlRecord], at offset: Offset, epoch: LeaderEpoch, now: Int64
    ) throws(QuorumError) -> [UInt8] {
        var builder = RecordBatchBuilder(
            .init(baseOffset: offset, partitionLeaderEpoch: epoch, isControl: true))
        for control in controls {
            let value: [UInt8]
            do { value = try control.value() } catch { throw .encode(error) }
            builder.append(timestamp: now, key: control.key, value: value)
        }
        do { return try builder.finish() } catch { throw .batch(error) }
    }

    static func data(
        _ records: [MetadataRecord], at offset: Offset, epoch: LeaderEpoch, now: Int64,
        version: (MetadataRecord) -> Int16
    ) throws(QuorumError) -> [UInt8] {
        var builder = RecordBatchBuilder(.init(baseOffset: offset, partitionLeaderEpoch: epoch))
        for record in records {
            let value: [UInt8]
            do { value = try record.encoded(version: version(record)) } catch {
                throw .encode(error)
            }
            builder.append(timestamp: now, key: nil, value: value)
        }
        do { return try builder.finish() } catch { throw .batch(error) }
    }

    /// Decodes the batches in `bytes` in order; every checksum is checked.
    static func all(in bytes: [UInt8], path: String) throws(QuorumError) -> [MetadataBatch] {
        let (batches, size) = try whole(in: bytes, path: path)
        guard size == bytes.count else {
            throw .corrupt(path, "\(bytes.count - size) bytes after the last batch")
        }
        return batches
    }

    /// Decodes the batches that are all there, and says how many bytes they take.
    static func whole(
        in bytes: [UInt8], path: String
    ) throws(QuorumError) -> (batches: [MetadataBatch], size: Int) {
        var decoded: [MetadataBatch] = []
        // Bytes have no padding that could be read.
        let span = unsafe bytes.span.bytes
        var batches = BatchIterator(span)
        while true {
            do {
                guard let next = try batches.next() else { break }
                decoded.append(try MetadataBatch(span.extracting(next.range), next.header))
            } catch {
                throw .corrupt(path, "byte \(batches.position): \(error)")
            }
        }
        return (decoded, batches.position)
    }

    init(
        baseOffset: Offset, lastOffset: Offset, epoch: LeaderEpoch, timestamp: Int64,
        byteCount: Int, records: [MetadataRecord] = [], controls: [QuorumControlRecord] = []
    ) {
        self.baseOffset = baseOffset
        self.lastOffset = lastOffset
        self.epoch = epoch
        self.timestamp = timestamp
        self.byteCount = byteCount
        self.records = records
        self.controls = controls
    }

    private init(_ bytes: RawSpan, _ header: RecordBatchHeader) throws {
        try RecordBatchHeader.verifyCRC(bytes, header: header)
        baseOffset = header.baseOffset
        lastOffset = header.lastOffset
        epoch = header.partitionLeaderEpoch
        timestamp = header.maxTimestamp
        byteCount = bytes.byteCount
        for record in try BatchReader.records(bytes, limit: Self.decompressedLimit) {
            if header.isControl {
                if let control = try QuorumControlRecord(record) { controls.append(control) }
            } else if let value = record.value {
                records.append(try MetadataRecord(decoding: value))
            }
        }
    }
}
