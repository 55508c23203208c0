import KafkaWire
import LogStorage

extension ClusterChecker {
    /// A process ends: what the checkpoints of its log directories say must hold for the logs that
    /// are there, for recovery and the next process go by it.
    func ends(_ process: NodeProcess, on node: SimulatedNode) {
        // What could not be written nothing was done after.
        guard !node.hasBadDisk else { return }
        var starts = CheckpointFiles(.logStartOffset, node.disk)
        var points = CheckpointFiles(.recoveryPoint, node.disk)
        for cell in process.view.topicsByName.flatMap({ $0.partitions.compactMap { $0 } }) {
            let (start, flushed, isGivenUp) = cell.locked {
                ($0.log.logStartOffset, $0.log.flushedOffset, $0.log.isRetired)
            }
            if isGivenUp { continue }
            let (name, directory) = (cell.topicPartition, cell.logDirectory)
            // Nobody reads what is below the log start: a log may begin within a batch, which
            // recovery checks unless all of it is below the recovery point.
            let held = max(flushed, start)
            if let noted = points.offset(of: name, in: directory), noted > held {
                world.violation(
                    "\(node.name) would recover \(name) in \(directory) from \(noted), and only "
                        + "what is below \(held) is on disk")
            }
            if let noted = starts.offset(of: name, in: directory), noted > start {
                world.violation(
                    "\(node.name) would begin \(name) in \(directory) at \(noted), and it begins "
                        + "at \(start)")
            }
        }
    }
}

/// The checkpoints of a kind, each read when it is asked for first.
private struct CheckpointFiles {
    private let kind: OffsetCheckpoint.Kind
    private let disk: MemoryFileSystem
    private var offsets: [String: [TopicPartition: Offset]] = [:]

    init(_ kind: OffsetCheckpoint.Kind, _ disk: MemoryFileSystem) {
        self.kind = kind
        self.disk = disk
    }

    mutating func offset(of partition: TopicPartition, in directory: String) -> Offset? {
        if let known = offsets[directory] { return known[partition] }
        let file = OffsetCheckpoint(kind, in: directory, fileSystem: disk)
        // One that cannot be read is taken for empty, as by the next process.
        let read = (try? file.read()) ?? [:]
        offsets[directory] = read
        return read[partition]
    }
}
