public import KafkaProtocol
import KafkaWire

/// OffsetFetch (key 9).
extension GroupMachine {
    /// Tells a group's committed offsets, in the form that version 8 gave the response.
    ///
    /// - Parameter requireStable: whether a partition that an open transaction has committed is to
    ///   be refused with `unstableOffsetCommit` (KIP-447).
    public func fetchOffsets(
        _ request: OffsetFetchRequest.OffsetFetchRequestGroup, requireStable: Bool,
        version: Int16, _ caller: Caller
    ) {
        var answer = OffsetFetchResponse.OffsetFetchResponseGroup(groupID: request.groupID)
        let group = groups[request.groupID]?.common
        let fault =
            group?.fetchFault(memberID: request.memberID, memberEpoch: request.memberEpoch)
            ?? .groupIDNotFound
        switch fault {
        case .none, .groupIDNotFound:
            // To read the offsets of a group that is not there is no error: it has none.
            let known = fault == .none
            if let topics = request.topics {
                answer.topics = topics.map {
                    fetch($0, of: request.groupID, known, requireStable, version)
                }
            } else if known {
                answer.topics = fetchAll(request.groupID, requireStable, version)
            }
        default: answer.errorCode = fault.rawValue
        }
        reply(to: caller, OffsetFetchResponse(groups: [answer])) {
            OffsetFetchResponse(groups: [request.refusal($0)])
        }
    }

    private typealias Topic = OffsetFetchResponse.OffsetFetchResponseTopics
    private typealias Partition = OffsetFetchResponse.OffsetFetchResponsePartitions

    private func fetch(
        _ topic: OffsetFetchRequest.OffsetFetchRequestTopics, of group: String, _ known: Bool,
        _ requireStable: Bool, _ version: Int16
    ) -> Topic {
        var result = Topic()
        var name = topic.name
        if version >= 10 {
            result.topicID = topic.topicID
            guard let found = environment.metadata.topicName(of: topic.topicID) else {
                result.partitions = topic.partitionIndexes.map {
                    Self.failure($0, .unknownTopicID)
                }
                return result
            }
            name = found
        } else {
            result.name = name
        }
        let commits = known ? offsets.committed.partitions(group, name) : nil
        result.partitions = topic.partitionIndexes.map { number in
            if requireStable, offsets.isPending(group, name, number) {
                return Self.failure(number, .unstableOffsetCommit)
            }
            guard let commit = commits?[number],
                commit.topicID == topic.topicID || commit.topicID == .zero
                    || topic.topicID == .zero
            else { return Self.failure(number, .none) }
            return Self.success(number, commit)
        }
        return result
    }

    private func fetchAll(
        _ group: String, _ requireStable: Bool, _ version: Int16
    ) -> [Topic] {
        offsets.committed.sorted(group).compactMap { name, partitions in
            var result = Topic()
            if version >= 10 {
                // A topic that is gone has no name in this version.
                guard let id = environment.metadata.topicID(of: name) else { return nil }
                result.topicID = id
            } else {
                result.name = name
            }
            result.partitions = partitions.map { number, commit in
                requireStable && offsets.isPending(group, name, number)
                    ? Self.failure(number, .unstableOffsetCommit) : Self.success(number, commit)
            }
            return result
        }
    }

    private static func success(_ number: Int32, _ commit: CommittedOffset) -> Partition {
        Partition(
            partitionIndex: number, committedOffset: commit.offset,
            committedLeaderEpoch: commit.leaderEpoch, metadata: commit.metadata)
    }

    /// No offset; with `none` there just is none.
    private static func failure(_ number: Int32, _ error: KafkaError) -> Partition {
        Partition(
            partitionIndex: number, committedOffset: -1, committedLeaderEpoch: -1, metadata: "",
            errorCode: error.rawValue)
    }
}

extension OffsetFetchRequest.OffsetFetchRequestGroup {
    /// The answer for a group whose offsets cannot be told.
    public func refusal(_ error: KafkaError) -> OffsetFetchResponse.OffsetFetchResponseGroup {
        .init(groupID: groupID, errorCode: error.rawValue)
    }
}
