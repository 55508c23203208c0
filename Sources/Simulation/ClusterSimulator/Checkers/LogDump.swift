import ClusterController
import KafkaRecords
import KafkaWire
import LogStorage
import Replication

/// What each node holds of one partition, for whoever looks into a failed seed.
enum LogDump {
    /// A line for each replica and each of its batches.
    static func lines(of name: String, in world: SimulatedWorld) -> [String] {
        world.nodes.flatMap { node -> [String] in
            guard let process = node.process else { return ["\(node.name) is down"] }
            let cells = process.view.topicsByName.flatMap { $0.partitions.compactMap { $0 } }
            guard let cell = cells.first(where: { "\($0.topicPartition)" == name }) else {
                return ["\(node.name) has no replica of \(name)"]
            }
            return cell.locked { replica in
                let log = replica.log
                let head =
                    "\(node.name): \(name), \(replica.role), \(log.logStartOffset) to "
                    + "\(log.logEndOffset), high watermark \(replica.highWatermark), last stable "
                    + "\(log.lastStableOffset(highWatermark: replica.highWatermark))"
                let others = replica.replicas.map {
                    "\($0)\(replica.follows($0) ? " follows" : "")"
                        + "\(replica.isInSync($0) ? " in sync" : "")"
                }
                return [head + "; counts \(replica.inSyncCount) in sync: \(others)"] + batches(log)
            }
        }
    }

    private static func batches(_ log: PartitionLog) -> [String] {
        var lines: [String] = []
        var position = log.logStartOffset
        do {
            while position < log.logEndOffset {
                let read = try log.read(
                    from: position, maxBytes: 1 << 20, upTo: log.logEndOffset,
                    atLeastOneBatch: true)
                guard let slice = read.slice, read.nextOffset > position else { break }
                let bytes = try slice.bytes()
                // Bytes have no padding.
                let span = unsafe bytes.span.bytes
                var iterator = BatchIterator(span)
                while let batch = try iterator.next() {
                    let records = try BatchReader.records(
                        span.extracting(batch.range), limit: 16 << 20)
                    lines.append(line(batch.header, records))
                }
                position = read.nextOffset
            }
            for aborted in try log.abortedTransactions(from: log.logStartOffset, upTo: position) {
                lines.append("    aborted: \(aborted)")
            }
        } catch {
            lines.append("    cannot be read on from \(position): \(error)")
        }
        return lines
    }

    private static func line(_ header: RecordBatchHeader, _ records: [Record]) -> String {
        var text =
            "    \(header.baseOffset)...\(header.lastOffset) epoch "
            + "\(header.partitionLeaderEpoch)"
        if header.producerID.rawValue >= 0 {
            text +=
                ", producer \(header.producerID) epoch \(header.producerEpoch) sequence "
                + "\(header.baseSequence)"
        }
        if header.isControl { return text + ", control" }
        if header.isTransactional { text += ", transactional" }
        return text + ": "
            + records.map { RecordID($0.value)?.description ?? "?" }
            .joined(separator: " ")
    }
}
