import ClusterController
import KafkaProtocol
import KafkaWire
import LogStorage
import Replication

/// DeleteRecords (key 21): raises a partition's log start, up to its high watermark (KIP-107).
///
/// The new start is on disk (in `log-start-offset-checkpoint`) before the answer leaves, so that a
/// deleted record never comes back.
extension BrokerLoop {
    func deleteRecords(_ request: DeleteRecordsRequest, _ context: RequestContext) {
        let view = self.view
        inBackground(context) {
            var touched: Set<String> = []
            var failures: [(directory: String, error: FileError)] = []
            var topics = request.topics.map { topic in
                let cells = view.topic(named: topic.name)
                return DeleteRecordsResponse.DeleteRecordsTopicResult(
                    name: topic.name,
                    partitions: topic.partitions.map {
                        raiseLogStart(
                            $0, topic.name, cells?[$0.partitionIndex], view, &touched,
                            &failures)
                    })
            }
            for directory in touched.sorted() {
                do throws(FileError) {
                    try view.directories.checkpoint(.logStartOffset, of: directory)
                } catch {
                    failures.append((directory, error))
                    failPartitions(&topics, in: directory, view, .kafkaStorageError)
                }
            }
            return BackgroundResult(
                message: DeleteRecordsResponse(topics: topics), failures: failures)
        }
    }
}

private func raiseLogStart(
    _ asked: DeleteRecordsRequest.DeleteRecordsPartition, _ topic: String, _ cell: PartitionCell?,
    _ view: BrokerView, _ touched: inout Set<String>,
    _ failures: inout [(directory: String, error: FileError)]
) -> DeleteRecordsResponse.DeleteRecordsPartitionResult {
    var result = DeleteRecordsResponse.DeleteRecordsPartitionResult(
        partitionIndex: asked.partitionIndex)
    result.lowWatermark = -1
    guard let cell else {
        result.errorCode = view.refusal(named: topic, asked.partitionIndex).rawValue
        return result
    }
    guard !TopicName.isInternal(topic) else {
        result.errorCode = KafkaError.invalidTopicException.rawValue
        return result
    }
    guard view.allowsDeleteRecords(topic: topic) else {
        result.errorCode = KafkaError.policyViolation.rawValue
        return result
    }
    let replica = cell.enter()
    defer { cell.leave() }
    guard replica.leaderEpoch != nil else {
        result.errorCode = replica.refusal.rawValue
        return result
    }
    let offset = asked.offset == -1 ? replica.highWatermark : Offset(asked.offset)
    guard offset >= .zero, offset <= replica.highWatermark else {
        result.errorCode = KafkaError.offsetOutOfRange.rawValue
        return result
    }
    do {
        try replica.log.deleteRecords(before: offset)
        replica.logStartOffsetMoved()
        result.lowWatermark = replica.log.logStartOffset.rawValue
        touched.insert(cell.logDirectory)
    } catch {
        if case .io(let cause) = error { failures.append((cell.logDirectory, cause)) }
        result.errorCode = error.kafkaError.rawValue
    }
    return result
}

/// The start offsets of `directory` could not be saved: its partitions may not claim success.
private func failPartitions(
    _ topics: inout [DeleteRecordsResponse.DeleteRecordsTopicResult], in directory: String,
    _ view: BrokerView, _ error: KafkaError
) {
    for topic in topics.indices {
        let cells = view.topic(named: topics[topic].name)
        for partition in topics[topic].partitions.indices {
            let number = topics[topic].partitions[partition].partitionIndex
            guard cells?[number]?.logDirectory == directory else { continue }
            topics[topic].partitions[partition].errorCode = error.rawValue
            topics[topic].partitions[partition].lowWatermark = -1
        }
    }
}
