import KafkaProtocol
import KafkaWire
import Replication

/// OffsetForLeaderEpoch (key 23): where an epoch ends in the leader's log (KIP-101, KIP-320).
extension BrokerLoop {
    func offsetForLeaderEpoch(_ request: OffsetForLeaderEpochRequest, _ context: RequestContext) {
        let topics = request.topics.map { topic in
            let cells = view.topic(named: topic.topic)
            return OffsetForLeaderEpochResponse.OffsetForLeaderTopicResult(
                topic: topic.topic,
                partitions: topic.partitions.map {
                    endOffset($0, cells?[$0.partition], topic.topic)
                })
        }
        answer(OffsetForLeaderEpochResponse(topics: topics), to: context)
    }

    private func endOffset(
        _ asked: OffsetForLeaderEpochRequest.OffsetForLeaderPartition, _ cell: PartitionCell?,
        _ topic: String
    ) -> OffsetForLeaderEpochResponse.EpochEndOffset {
        var response = OffsetForLeaderEpochResponse.EpochEndOffset(partition: asked.partition)
        response.leaderEpoch = -1
        response.endOffset = -1
        guard let cell else {
            response.errorCode = view.refusal(named: topic, asked.partition).rawValue
            return response
        }
        let replica = cell.enter()
        defer { cell.leave() }
        let known = LeaderEpoch(asked.currentLeaderEpoch)
        guard let epoch = replica.leaderEpoch else {
            response.errorCode = replica.refusal.rawValue
            return response
        }
        if known != .none && known != epoch {
            let error: KafkaError = known < epoch ? .fencedLeaderEpoch : .unknownLeaderEpoch
            response.errorCode = error.rawValue
            return response
        }
        let (found, end) = replica.log.endOffset(forEpoch: LeaderEpoch(asked.leaderEpoch))
        response.leaderEpoch = found.rawValue
        response.endOffset = end.rawValue
        return response
    }
}
