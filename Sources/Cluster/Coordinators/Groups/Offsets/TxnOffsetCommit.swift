public import KafkaProtocol
import KafkaWire

/// TxnOffsetCommit (key 28): offsets that count once the producer's transaction commits.
extension GroupMachine {
    /// Writes offsets in the name of a producer.
    ///
    /// Whether the producer may is up to the log, which knows its epoch, and to the transaction's
    /// coordinator, which is asked before.
    public func commitOffsets(
        _ request: TxnOffsetCommitRequest, version: Int16, _ caller: Caller, _ now: Moment
    ) {
        let committer = OffsetCommitter(
            memberID: request.memberID, instanceID: request.groupInstanceID,
            generationOrEpoch: request.generationIDOrMemberEpoch, isTransactional: true,
            apiVersion: version)
        var plan = OffsetCommitPlan(self, request.groupID, committer, now)
        for topic in request.topics {
            let target = CommitTarget(
                topic.name, topic.topicID, hasID: version >= 6, environment.metadata)
            for partition in topic.partitions {
                plan.add(
                    target, partition.partitionIndex, partition.committedOffset,
                    leaderEpoch: partition.committedLeaderEpoch,
                    metadata: partition.committedMetadata)
            }
        }
        write(
            plan.records,
            as: .producer(ProducerID(request.producerID), epoch: request.producerEpoch))
        var errors = plan.errors.makeIterator()
        let answer = request.answer(version: version) { errors.next() ?? .none }
        reply(to: caller, answer) { request.refusal($0, version: version) }
    }
}

extension TxnOffsetCommitRequest {
    /// The answer that refuses every partition with `error`.
    public func refusal(_ error: KafkaError, version: Int16) -> TxnOffsetCommitResponse {
        answer(version: version) { error }
    }

    /// The answer with what `error` gives for each partition, in order.
    func answer(version: Int16, _ error: () -> KafkaError) -> TxnOffsetCommitResponse {
        TxnOffsetCommitResponse(
            topics: topics.map { topic in
                .init(
                    name: version >= 6 ? "" : topic.name,
                    topicID: version >= 6 ? topic.topicID : .zero,
                    partitions: topic.partitions.map {
                        .init(
                            partitionIndex: $0.partitionIndex,
                            errorCode: Self.known(error(), version).rawValue)
                    })
            })
    }

    /// What clients of a version understand: up to version 1 a coordinator that loads is fatal to
    /// them, and a stale epoch is news in version 6 (KIP-1319).
    private static func known(_ error: KafkaError, _ version: Int16) -> KafkaError {
        switch error {
        case .coordinatorLoadInProgress where version < 2: .coordinatorNotAvailable
        case .staleMemberEpoch where version < 6: .illegalGeneration
        default: error
        }
    }
}
