import KafkaWire
import LogStorage

/// The small files of a log directory and of a partition.
let fileTargets = [
    FuzzTarget("offset-checkpoint", fuzzOffsetCheckpoint),
    FuzzTarget("meta-properties", fuzzMetaProperties),
    FuzzTarget("partition-metadata", fuzzPartitionMetadata),
    FuzzTarget("epoch-checkpoint", fuzzEpochCheckpoint),
    FuzzTarget("producer-snapshot", fuzzProducerSnapshot),
    FuzzTarget("clean-shutdown", fuzzCleanShutdown),
    FuzzTarget("directory-names", fuzzDirectoryNames),
]

/// A disk with one directory, `/d`, and these files in it.
func disk(_ files: [String: [UInt8]]) -> MemoryFileSystem {
    let disk = MemoryFileSystem()
    do throws(FileError) {
        try disk.createDirectory("/d")
        for (name, bytes) in files.sorted(by: { $0.key < $1.key }) {
            // Bytes have no padding.
            try unsafe disk.open("/d/\(name)", .create).write(bytes.span.bytes, at: 0)
        }
    } catch {
        fatalError("a disk in memory fails: \(error)")
    }
    return disk
}

private func fuzzOffsetCheckpoint(_ bytes: RawSpan) {
    let kind = OffsetCheckpoint.Kind.recoveryPoint
    let disk = disk([kind.rawValue: bytes.toArray()])
    let file = OffsetCheckpoint(kind, in: "/d", fileSystem: disk)
    guard let offsets = try? file.read() else { return }
    require((try? file.write(offsets)) != nil, "a checkpoint cannot be written")
    require((try? file.read()) == offsets, "a checkpoint changes: \(offsets)")
}

private func fuzzMetaProperties(_ bytes: RawSpan) {
    guard let found = try? MetaProperties(parsing: bytes.toArray(), path: "file") else { return }
    let again = try? MetaProperties(parsing: found.encoded(), path: "file")
    require(again == found, "meta.properties changes: \(found)")
}

private func fuzzPartitionMetadata(_ bytes: RawSpan) {
    let disk = disk([PartitionMetadataFile.fileName: bytes.toArray()])
    guard let id = try? PartitionMetadataFile.read("/d", disk) else { return }
    require(id != .zero, "a partition of no topic")
}

private func fuzzEpochCheckpoint(_ bytes: RawSpan) {
    let text = String(decoding: bytes.toArray(), as: UTF8.self)
    guard let cache = LeaderEpochCache(text: text) else { return }
    require(LeaderEpochCache(text: cache.text) == cache, "epochs change: \(cache.text)")
    let entries = cache.entries
    require(
        zip(entries, entries.dropFirst()).allSatisfy {
            $0.epoch < $1.epoch && $0.startOffset < $1.startOffset
        }, "epochs do not grow: \(cache.text)")
    for entry in entries.prefix(8) {
        require(cache.epoch(of: entry.startOffset) == entry.epoch, "an epoch begins elsewhere")
    }
}

/// The first byte chooses whether the checksum is made right, which a fuzzer never does.
private func fuzzProducerSnapshot(_ bytes: RawSpan) {
    var input = FuzzInput(bytes)
    let isRepaired = input.byte() & 1 == 1
    var file = input.rest()
    if isRepaired { repairSnapshot(&file) }
    guard let states = try? ProducerSnapshot.decode(file) else { return }
    let written = ProducerSnapshot.encode(states)
    let again = try? ProducerSnapshot.decode(written)
    require(again != nil, "a snapshot does not read what it wrote: \(states)")
    require(again.map(ProducerSnapshot.encode) == written, "a snapshot changes: \(states)")
}

private func fuzzCleanShutdown(_ bytes: RawSpan) {
    let disk = disk([CleanShutdownFile.fileName: bytes.toArray()])
    let file = CleanShutdownFile(in: "/d", fileSystem: disk)
    guard let content = try? file.read(), let epoch = content.brokerEpoch else { return }
    require((try? file.write(brokerEpoch: epoch)) != nil, "the marker cannot be written")
    require((try? file.read()) == content, "the marker changes: \(epoch)")
}

/// Names of segments and of partitions' directories, one a line.
private func fuzzDirectoryNames(_ bytes: RawSpan) {
    for line in bytes.toArray().split(separator: 10) {
        let name = String(decoding: line, as: UTF8.self)
        if let segment = SegmentFileName(name) {
            require(SegmentFileName(segment.text) == segment, "\(name) changes")
        }
        if let directory = PartitionDirectoryName(parsing: name) {
            require(directory.name == name, "\(name) becomes \(directory.name)")
            guard directory.role == .current else { continue }
            require(
                PartitionDirectoryName(directory.topicPartition).topicPartition
                    == directory.topicPartition, "\(name) is of another partition")
        }
    }
}
