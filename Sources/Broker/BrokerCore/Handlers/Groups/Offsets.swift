import Coordinators
import KafkaProtocol
import KafkaWire

/// OffsetCommit, OffsetFetch and OffsetDelete (keys 8, 9 and 47).
extension BrokerLoop {
    func offsetCommit(_ request: OffsetCommitRequest, _ context: RequestContext) {
        let version = context.apiVersion
        coordinate(view.groupShard(of: request.groupID), context) {
            request.refusal($0, version: version)
        } _: { machine, caller, now in
            machine.commitOffsets(request, version: version, caller, now)
        }
    }

    /// One group up to version 7, then any number of them.
    func offsetFetch(_ request: OffsetFetchRequest, _ context: RequestContext) {
        let version = context.apiVersion
        let groups = version >= 8 ? request.groups : [request.onlyGroup]
        let parts = groups.map { group in
            GatheredPart<GroupMachine>(cell: view.groupShard(of: group.groupID)) {
                OffsetFetchResponse(groups: [group.refusal($0)])
            } operation: { machine, caller, _ in
                machine.fetchOffsets(
                    group, requireStable: request.requireStable, version: version, caller)
            }
        }
        gather(context, parts) { parts in
            let found = parts.flatMap { ($0 as? OffsetFetchResponse)?.groups ?? [] }
            guard version < 8, let only = found.first else {
                return OffsetFetchResponse(groups: found)
            }
            return request.answer(of: only, version: version)
        }
    }

    func offsetDelete(_ request: OffsetDeleteRequest, _ context: RequestContext) {
        guard !request.groupID.isEmpty else {
            return answer(
                OffsetDeleteResponse(errorCode: KafkaError.invalidGroupID.rawValue), to: context)
        }
        coordinate(view.groupShard(of: request.groupID), context) {
            OffsetDeleteResponse(errorCode: $0.rawValue)
        } _: { machine, caller, _ in
            machine.deleteOffsets(request, caller)
        }
    }
}

extension OffsetFetchRequest {
    /// The group that a request of before version 8 is about, as if it were a later one.
    fileprivate var onlyGroup: OffsetFetchRequestGroup {
        OffsetFetchRequestGroup(
            groupID: groupID,
            topics: topics?.map {
                .init(name: $0.name, partitionIndexes: $0.partitionIndexes)
            })
    }

    /// The answer for one group as before version 8; version 1 tells errors by partition only.
    fileprivate func answer(
        of group: OffsetFetchResponse.OffsetFetchResponseGroup, version: Int16
    ) -> OffsetFetchResponse {
        if version < 2, group.errorCode != 0 {
            return OffsetFetchResponse(
                topics: (topics ?? []).map { topic in
                    .init(
                        name: topic.name,
                        partitions: topic.partitionIndexes.map {
                            .init(
                                partitionIndex: $0, committedOffset: -1,
                                errorCode: group.errorCode)
                        })
                })
        }
        return OffsetFetchResponse(
            topics: group.topics.map { topic in
                .init(
                    name: topic.name,
                    partitions: topic.partitions.map {
                        .init(
                            partitionIndex: $0.partitionIndex,
                            committedOffset: $0.committedOffset,
                            committedLeaderEpoch: $0.committedLeaderEpoch, metadata: $0.metadata,
                            errorCode: $0.errorCode)
                    })
            }, errorCode: group.errorCode)
    }
}
