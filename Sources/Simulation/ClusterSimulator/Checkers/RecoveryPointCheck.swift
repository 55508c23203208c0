import KafkaWire
import LogStorage

extension ClusterChecker {
    /// A process ends: recovery must not take for being on disk what its logs do not count as such.
    func ends(_ process: NodeProcess, on node: SimulatedNode) {
        // Where the point could not be lowered nothing was cut off after it.
        guard !node.hasBadDisk else { return }
        var points: [String: [TopicPartition: Offset]] = [:]
        for cell in process.view.topicsByName.flatMap({ $0.partitions.compactMap { $0 } }) {
            let directory = cell.logDirectory
            if points[directory] == nil {
                let file = OffsetCheckpoint(.recoveryPoint, in: directory, fileSystem: node.disk)
                points[directory] = (try? file.read()) ?? [:]
            }
            guard let point = points[directory]?[cell.topicPartition] else { continue }
            let (flushed, isGivenUp) = cell.locked { ($0.log.flushedOffset, $0.log.isRetired) }
            guard point > flushed, !isGivenUp else { continue }
            world.violation(
                "\(node.name) would recover \(cell.topicPartition) in \(directory) from \(point), "
                    + "and only what is below \(flushed) is on disk")
        }
    }
}
