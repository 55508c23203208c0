import KafkaProtocol
import KafkaWire
import Replication

/// DescribeLogDirs (key 35): the directories, their volumes, and the sizes of the partitions in
/// them.
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

    /// AlterReplicaLogDirs (key 34): moves between directories are not there yet, and it says so;
    /// to name the directory where a replica is already succeeds, as it does in Kafka.
    func alterReplicaLogDirs(_ request: AlterReplicaLogDirsRequest, _ context: RequestContext) {
        var response = AlterReplicaLogDirsResponse()
        let directories = view.directories.statuses()
        for directory in request.dirs {
            let status = directories.first { $0.path == directory.path }
            for topic in directory.topics {
                response.results.append(
                    .init(
                        topicName: topic.name,
                        partitions: topic.partitions.map { partition in
                            let error = refusal(
                                of: view.topic(named: topic.name)?[partition], to: status)
                            return .init(partitionIndex: partition, errorCode: error.rawValue)
                        }))
            }
        }
        answer(response, to: context)
    }
}

/// What keeps a replica from being moved to a directory.
private func refusal(of cell: PartitionCell?, to directory: DirectoryStatus?) -> KafkaError {
    guard let directory else { return .logDirNotFound }
    if directory.error != .none { return directory.error }
    if directory.isCordoned { return .invalidReplicaAssignment }
    guard let cell else { return .replicaNotAvailable }
    return cell.logDirectory == directory.path ? .none : .unsupportedVersion
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
    for topic in view.topicsByName where wanted == nil || wanted?[topic.name] != nil {
        let numbers = wanted?[topic.name]
        let partitions = topic.partitions.compactMap { $0 }.filter {
            $0.logDirectory == status.path
                && (numbers?.contains($0.topicPartition.partition) ?? true)
        }
        guard !partitions.isEmpty else { continue }
        result.topics.append(
            .init(
                name: topic.name,
                partitions: partitions.map { cell in
                    .init(
                        partitionIndex: cell.topicPartition.partition,
                        partitionSize: Int64(cell.locked { $0.log.sizeInBytes }), offsetLag: 0,
                        isFutureKey: false)
                }))
    }
    return result
}
