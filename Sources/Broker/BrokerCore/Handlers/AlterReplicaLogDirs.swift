import KafkaProtocol
import KafkaWire
import Replication

/// AlterReplicaLogDirs (key 34, KIP-113): has replicas of this node moved to other log directories.
///
/// The answer says that the moves have begun; DescribeLogDirs tells how far they are.
extension BrokerLoop {
    func alterReplicaLogDirs(
        _ request: AlterReplicaLogDirsRequest, _ context: RequestContext
    ) {
        let view = self.view
        inBackground(context) {
            var result = BackgroundResult(message: AlterReplicaLogDirsResponse())
            var response = AlterReplicaLogDirsResponse()
            for directory in request.dirs {
                for topic in directory.topics {
                    response.results.append(
                        .init(
                            topicName: topic.name,
                            partitions: topic.partitions.map { partition in
                                let answer = view.directories.moves.alter(
                                    TopicPartition(topic: topic.name, partition: partition),
                                    to: directory.path, view, now: context.now.wallMs)
                                result.wakes += answer.wakes
                                if let failure = answer.failure {
                                    result.failures.append(failure)
                                }
                                return .init(
                                    partitionIndex: partition, errorCode: answer.error.rawValue)
                            }))
                }
            }
            result.message = response
            return result
        }
    }
}
