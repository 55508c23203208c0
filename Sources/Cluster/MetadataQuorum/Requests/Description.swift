import KafkaProtocol
import KafkaWire

/// DescribeQuorum, of the leader: how far each voter and observer is.
extension QuorumReplica {
    func describe(_ request: DescribeQuorumRequest, _ version: Int16) -> DescribeQuorumResponse {
        guard request.topics.count == 1, request.topics[0].partitions.count == 1,
            Self.isMetadata(
                request.topics[0].topicName, request.topics[0].partitions[0].partitionIndex)
        else {
            return DescribeQuorumResponse(
                topics: request.topics.map { topic in
                    .init(
                        topicName: topic.topicName,
                        partitions: topic.partitions.map {
                            .init(
                                partitionIndex: $0.partitionIndex,
                                errorCode: KafkaError.unknownTopicOrPartition.rawValue)
                        })
                })
        }
        var partition = DescribeQuorumResponse.PartitionData()
        partition.partitionIndex = Self.topicPartition.partition
        guard let role = role.leader else {
            partition.errorCode = KafkaError.notLeaderOrFollower.rawValue
            return DescribeQuorumResponse(
                topics: [.init(topicName: Self.topicPartition.topic, partitions: [partition])])
        }
        role.forgetObservers(before: now.monotonic - LeaderRole.observerSessionMs)
        partition.leaderID = nodeID.rawValue
        partition.leaderEpoch = state.leaderEpoch
        partition.highWatermark = role.highWatermark?.rawValue ?? -1
        partition.currentVoters = role.voters.values.map { described($0, version) }
            .sorted { $0.replicaID < $1.replicaID }
        partition.observers = role.observers.values.map { described($0, version) }
            .sorted {
                ($0.replicaID, $0.replicaDirectoryID) < ($1.replicaID, $1.replicaDirectoryID)
            }
        return DescribeQuorumResponse(
            topics: [.init(topicName: Self.topicPartition.topic, partitions: [partition])],
            nodes: version >= 2 ? describedNodes : [])
    }

    private func described(
        _ progress: ReplicaProgress, _ version: Int16
    ) -> DescribeQuorumResponse.ReplicaState {
        let isOwn = progress.key.matches(key)
        func wall(_ instant: QuorumInstant?) -> Int64 {
            isOwn ? now.wall : instant.map { now.wall - (now.monotonic - $0) } ?? -1
        }
        return DescribeQuorumResponse.ReplicaState(
            replicaID: progress.key.id.rawValue,
            replicaDirectoryID: version >= 2 ? progress.key.directoryID : .zero,
            logEndOffset: progress.endOffset?.rawValue ?? -1,
            lastFetchTimestamp: wall(progress.lastFetch),
            lastCaughtUpTimestamp: wall(progress.lastCaughtUp))
    }

    private var describedNodes: [DescribeQuorumResponse.Node] {
        voters.voters.map { voter in
            DescribeQuorumResponse.Node(
                nodeID: voter.key.id.rawValue,
                listeners: voter.listeners.map {
                    .init(name: $0.name, host: $0.endpoint.host, port: $0.endpoint.port)
                })
        }
    }
}
