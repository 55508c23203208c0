import ClusterController
import KafkaProtocol
import KafkaRecords
import KafkaWire
import LogStorage
import MetadataQuorum
import PosixFiles

/// Metadata read from the files of a node, which may be running.
struct MetadataFiles {
    private(set) var image = MetadataImage.empty
    private(set) var provenance = ImageProvenance()
    /// Version 0, type 3.
    private static let snapshotHeaderKey: [UInt8] = [0, 0, 0, 3]
    /// Most bytes that one batch may decompress to.
    private static let decompressedLimit = 1 << 30

    /// A snapshot (`….checkpoint`), or a segment of the log.
    init(file path: String) throws {
        try load(path)
    }

    /// The newest snapshot in a directory and what the log has after it; the directory may be the
    /// one above `__cluster_metadata-0`, too.
    init(directory path: String) throws {
        let fileSystem = PosixFileSystem()
        let inside = "\(path)/\(QuorumReplica.topicPartition)"
        let directory = try fileSystem.status(inside)?.isDirectory == true ? inside : path
        let names = try fileSystem.list(directory)
        let snapshot = names.compactMap(SnapshotID.init(fileName:)).max()
        let segments = names.filter { $0.hasSuffix(".log") && Self.base($0) != nil }.sorted()
        guard snapshot != nil || !segments.isEmpty else {
            throw Failure(
                "There is no metadata log in \(path).",
                remedy: "It is in the first of log.dirs, or in metadata.log.dir, of a node.")
        }
        if let snapshot {
            if snapshot.endOffset > .zero { try load("\(directory)/\(snapshot.fileName)") }
            provenance.offset = max(provenance.offset, snapshot.endOffset.rawValue - 1)
        }
        // The last segment that begins before the first offset that is wanted, and all after it.
        let next = provenance.offset + 1
        let first = segments.lastIndex { (Self.base($0) ?? 0) <= next } ?? 0
        for segment in segments[first...] { try load("\(directory)/\(segment)", from: next) }
    }

    private static func base(_ name: String) -> Int64? { Int64(name.dropLast(4)) }

    /// Replays a file, or what of it has at least this offset.
    private mutating func load(_ path: String, from next: Int64 = 0) throws {
        let file = try SegmentFile(path)
        let name = path.split(separator: "/").last.map(String.init) ?? path
        let snapshot = SnapshotID(fileName: name)
        var position = 0
        while let batch = try read(file, at: position) {
            position += batch.bytes.count
            guard batch.header.lastOffset.rawValue >= next else { continue }
            do {
                try replay(batch)
            } catch { throw Failure("\(path), byte \(batch.position): \(error).") }
            guard snapshot == nil else { continue }
            provenance = ImageProvenance(
                offset: batch.header.lastOffset.rawValue,
                epoch: batch.header.partitionLeaderEpoch.rawValue,
                timestamp: batch.header.maxTimestamp)
        }
        guard let snapshot else { return }
        provenance.offset = snapshot.endOffset.rawValue - 1
        provenance.epoch = snapshot.epoch.rawValue
    }

    private func read(_ file: SegmentFile, at position: Int) throws -> SegmentFile.Batch? {
        // Behind the last batch a running node may have more room, or half a batch.
        let head = try file.read(at: position, count: 17)
        guard head.count == 17, head.contains(where: { $0 != 0 }) else { return nil }
        do { return try file.batch(at: position) } catch let error as BatchError {
            throw Failure("\(file.path), byte \(position): \(error).")
        }
    }

    private mutating func replay(_ batch: SegmentFile.Batch) throws {
        let bytes = batch.bytes
        try RecordBatchHeader.verifyCRC(bytes.span.bytes, header: batch.header)
        var records: [MetadataRecord] = []
        for record in try BatchReader.records(bytes.span.bytes, limit: Self.decompressedLimit) {
            guard let value = record.value else { continue }
            if batch.header.isControl {
                try noteHeader(record)
            } else {
                records.append(try MetadataRecord(decoding: value))
            }
        }
        try image.replay(records)
    }

    /// A snapshot's header says when the last record that it contains was written.
    private mutating func noteHeader(_ record: Record) throws {
        guard record.key == Self.snapshotHeaderKey, let value = record.value else { return }
        let header = try SnapshotHeaderRecord(decoding: value, version: 0)
        provenance.timestamp = header.lastContainedLogTimestamp
    }
}
