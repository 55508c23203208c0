public import KafkaProtocol
import KafkaWire

/// OffsetCommit (key 8).
extension GroupMachine {
    /// Commits offsets for a member of a group, or for a client outside of any.
    public func commitOffsets(
        _ request: OffsetCommitRequest, version: Int16, _ caller: Caller, _ now: Moment
    ) {
        let committer = OffsetCommitter(
            memberID: request.memberID, instanceID: request.groupInstanceID,
            generationOrEpoch: request.generationIDOrMemberEpoch, isTransactional: false,
            apiVersion: version)
        // A client may ask for any time at all.
        let expireMs = now.wallMs.saturatingSum(request.retentionTimeMs)
        var plan = OffsetCommitPlan(
            self, request.groupID, committer, now,
            expireMs: request.retentionTimeMs < 0 ? -1 : expireMs)
        for topic in request.topics {
            let target = CommitTarget(
                topic.name, topic.topicID, hasID: version >= 10, environment.metadata)
            for partition in topic.partitions {
                plan.add(
                    target, partition.partitionIndex, partition.committedOffset,
                    leaderEpoch: partition.committedLeaderEpoch,
                    metadata: partition.committedMetadata)
            }
        }
        if plan.fault == .none { noteCommit(request.groupID, request.memberID, now) }
        write(plan.records)
        var errors = plan.errors.makeIterator()
        let answer = request.answer(version: version) { errors.next() ?? .none }
        reply(to: caller, answer) { request.refusal($0, version: version) }
    }

    /// A commit of a member of a classic group counts as a heartbeat.
    private func noteCommit(_ group: String, _ member: String, _ now: Moment) {
        guard !member.isEmpty, case .classic(let group) = groups[group] else { return }
        switch group.state {
        case .stable, .preparingRebalance:
            if let member = group.members[member] { scheduleSession(member, of: group, now) }
        case .empty, .completingRebalance: break
        }
    }
}

extension OffsetCommitRequest {
    /// The answer that refuses every partition with `error`.
    public func refusal(_ error: KafkaError, version: Int16) -> OffsetCommitResponse {
        answer(version: version) { error }
    }

    /// The answer with what `error` gives for each partition, in order.
    func answer(version: Int16, _ error: () -> KafkaError) -> OffsetCommitResponse {
        OffsetCommitResponse(
            topics: topics.map { topic in
                .init(
                    name: version >= 10 ? "" : topic.name,
                    topicID: version >= 10 ? topic.topicID : .zero,
                    partitions: topic.partitions.map {
                        .init(partitionIndex: $0.partitionIndex, errorCode: error().rawValue)
                    })
            })
    }
}
