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
        let known = Set(view.directories.statuses().filter { $0.error == .none }.map(\.path))
        for directory in request.dirs {
            for topic in directory.topics {
                let cells = view.topic(named: topic.name)
                response.results.append(
                    .init(
                        topicName: topic.name,
                        partitions: topic.partitions.map { partition in
                            let error: KafkaError =
                                if !known.contains(directory.path) {
                                    .logDirNotFound
                                } else if let cell = cells?[partition] {
                                    cell.logDirectory == directory.path
                                        ? .none : .unsupportedVersion
                                } else {
                                    .replicaNotAvailable
                                }
                            return .init(partitionIndex: partition, errorCode: error.rawValue)
                        }))
            }
        }
        answer(response, to: context)
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
