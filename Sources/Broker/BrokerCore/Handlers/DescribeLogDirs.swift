import KafkaProtocol
import KafkaWire
import Replication

/// DescribeLogDirs (key 35): the directories, their volumes, and the sizes of the partitions in
/// them, those included that are being moved there.
extension BrokerLoop {
    func describeLogDirs(_ request: DescribeLogDirsRequest, _ context: RequestContext) {
        let view = self.view
        inBackground(context) {
            var wanted: [String: Set<Int32>]?
            if let topics = request.topics {
                wanted = Dictionary(
                    topics.map { ($0.topic, Set($0.partitions)) },
                    uniquingKeysWith: { $0.union($1) })
            }
            let results = view.directories.statuses().map { status in
                describe(status, view, wanted)
            }
            return BackgroundResult(message: DescribeLogDirsResponse(results: results))
        }
    }
}

private func describe(
    _ status: DirectoryStatus, _ view: BrokerView, _ wanted: [String: Set<Int32>]?
) -> DescribeLogDirsResponse.DescribeLogDirsResult {
    var result = DescribeLogDirsResponse.DescribeLogDirsResult()
    result.logDir = status.path
    result.errorCode = status.error.rawValue
    result.totalBytes = status.totalBytes
    result.usableBytes = status.usableBytes
    result.isCordoned = status.isCordoned && view.image.metadataVersion.supportsCordonedDirectories
    guard status.error == .none else { return result }
    var found: [String: [DescribeLogDirsResponse.DescribeLogDirsPartition]] = [:]
    func isWanted(_ partition: TopicPartition) -> Bool {
        wanted == nil || wanted?[partition.topic]?.contains(partition.partition) == true
    }
    for cell in view.topicsByName.flatMap({ $0.partitions.compactMap { $0 } })
    where cell.logDirectory == status.path && isWanted(cell.topicPartition) {
        found[cell.topicPartition.topic, default: []].append(
            .init(
                partitionIndex: cell.topicPartition.partition,
                partitionSize: Int64(cell.locked { $0.log.sizeInBytes }), offsetLag: 0,
                isFutureKey: false))
    }
    for move in view.directories.moves.progress(in: status.path)
    where isWanted(move.cell.topicPartition) {
        let end = move.cell.locked { $0.log.logEndOffset }
        found[move.cell.topicPartition.topic, default: []].append(
            .init(
                partitionIndex: move.cell.topicPartition.partition,
                partitionSize: Int64(move.size), offsetLag: max(0, end - move.endOffset),
                isFutureKey: true))
    }
    result.topics = found.keys.sorted().map { .init(name: $0, partitions: found[$0] ?? []) }
    return result
}
