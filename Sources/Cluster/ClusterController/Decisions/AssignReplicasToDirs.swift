import KafkaProtocol
import KafkaWire

extension Controller {
    /// Decides over where a broker keeps its replicas: it says in which log directory each lies
    /// (KIP-858). A replica in a directory that is offline leaves the ISR.
    ///
    /// Refusals: UNSUPPORTED_VERSION or STALE_BROKER_EPOCH for the request; per partition
    /// UNKNOWN_TOPIC_ID, UNKNOWN_TOPIC_OR_PARTITION, NOT_LEADER_OR_FOLLOWER.
    ///
    /// - Parameter failed: directories that have failed since the broker's process began. A replica
    ///   that lay in one does not begin anew elsewhere: it has been moved, and is told of late.
    public func assignReplicasToDirs(
        _ request: AssignReplicasToDirsRequest, failed: [KafkaUUID] = []
    ) -> Decision<AssignReplicasToDirsResponse> {
        var decision = Decision(AssignReplicasToDirsResponse(), isAtomic: false)
        guard image.metadataVersion.supportsDirectories else {
            decision.response.errorCode = KafkaError.unsupportedVersion.rawValue
            return decision
        }
        guard let broker = image.brokers[request.brokerID], broker.epoch == request.brokerEpoch
        else {
            decision.response.errorCode = KafkaError.staleBrokerEpoch.rawValue
            return decision
        }
        for directory in request.directories {
            var results = AssignReplicasToDirsResponse.DirectoryData()
            results.id = directory.id
            for topic in directory.topics {
                var answered = AssignReplicasToDirsResponse.TopicData()
                answered.topicID = topic.topicID
                for index in topic.partitions.map(\.partitionIndex) {
                    var result = AssignReplicasToDirsResponse.PartitionData()
                    result.partitionIndex = index
                    do throws(DecisionFailure) {
                        let record = try assign(
                            topic.topicID, index, to: directory.id, of: broker, failed)
                        if let record { decision.records.append(.partitionChangeRecord(record)) }
                    } catch {
                        result.errorCode = error.error.rawValue
                    }
                    answered.partitions.append(result)
                }
                results.topics.append(answered)
            }
            decision.response.directories.append(results)
        }
        return decision
    }

    private func assign(
        _ topicID: KafkaUUID, _ index: Int32, to directory: KafkaUUID,
        of broker: BrokerRegistration, _ failed: [KafkaUUID]
    ) throws(DecisionFailure) -> PartitionChangeRecord? {
        guard let topic = image.topics[topicID] else { throw .init(.unknownTopicID) }
        guard let partition = topic[index] else { throw .init(.unknownTopicOrPartition) }
        guard partition.replicas.contains(broker.id) else {
            throw .init(.notLeaderOrFollower)
        }
        if broker.isOnline(directory) {
            var change = ElectionRules(self).changes(in: topic)(partition)
            sometimes(.replicaDirectoryTold)
            change.election = .online
            change.directories[broker.id] = directory
            if let old = partition.directory(of: broker.id), !DirectoryID.isReserved(old),
                !broker.isOnline(old), !failed.contains(old)
            {
                change.bareReplica = broker.id
            }
            return change.record()
        }
        let image = image
        let rules = ElectionRules(self, mayLead: { $0 != broker.id && image.isActive($0) })
        var change = rules.changes(in: topic)(partition)
        change.directories[broker.id] = directory
        change.isr.removeAll { $0 == broker.id }
        return change.record()
    }
}
