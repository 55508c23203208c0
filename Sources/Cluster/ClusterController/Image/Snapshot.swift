import KafkaProtocol
import KafkaWire

extension MetadataImage {
    /// The records that give this image again when replayed on an empty one, in the order in which
    /// Kafka writes its snapshots: features with `metadata.version` first, brokers, controllers,
    /// topics, configs, quotas, producer ids, ACLs, SCRAM, delegation tokens.
    ///
    /// What an older `version` cannot hold is left out, as for a downgrade. Records of an open
    /// transaction are not among them.
    public func snapshotRecords(at version: MetadataVersion? = nil) -> [MetadataRecord] {
        let image = committed
        let version = version ?? image.metadataVersion
        let options = RecordOptions(
            version: version, eligibleLeaderReplicas: image.features.keepsEligibleLeaders)
        return image.featureRecords(at: version) + image.nodeRecords(at: version)
            + image.topicRecords(options) + image.configs.records.map { .configRecord($0) }
            + image.quotas.records.map { .clientQuotaRecord($0) } + image.producerIDRecords
            + image.securityRecords(at: version)
    }

    private func featureRecords(at version: MetadataVersion) -> [MetadataRecord] {
        // First of all, as it tells the reader how to read what follows.
        var records = [
            MetadataRecord.featureLevelRecord(
                FeatureLevelRecord(
                    name: MetadataVersion.featureName, featureLevel: version.rawValue))
        ]
        for (name, level) in features.levels.sorted(by: { $0.key < $1.key }) {
            records.append(.featureLevelRecord(FeatureLevelRecord(name: name, featureLevel: level)))
        }
        return records
    }

    private func nodeRecords(at version: MetadataVersion) -> [MetadataRecord] {
        var records = sortedBrokers.map {
            MetadataRecord.registerBrokerRecord($0.record(at: version))
        }
        if version.supportsControllerRegistration {
            records += sortedControllers.map { .registerControllerRecord($0.record) }
        }
        return records
    }

    private func topicRecords(_ options: RecordOptions) -> [MetadataRecord] {
        var records: [MetadataRecord] = []
        records.reserveCapacity(topics.count + topics.partitionCount)
        for topic in topics.sorted {
            records.append(.topicRecord(TopicRecord(name: topic.name, topicID: topic.id)))
            for partition in topic.partitions {
                records.append(.partitionRecord(partition.record(of: topic.id, options: options)))
            }
        }
        return records
    }

    private var producerIDRecords: [MetadataRecord] {
        guard nextProducerID >= 0 else { return [] }
        return [
            .producerIDsRecord(
                ProducerIDsRecord(
                    brokerID: -1, brokerEpoch: -1, nextProducerID: nextProducerID))
        ]
    }

    private func securityRecords(at version: MetadataVersion) -> [MetadataRecord] {
        var records = security.acls.sortedKeys.compactMap { id in
            security.acls[id].map { MetadataRecord.accessControlEntryRecord($0) }
        }
        if version.supportsScram {
            records += security.scram.sortedKeys.compactMap { key in
                security.scram[key].map { .userScramCredentialRecord($0) }
            }
        }
        if version.supportsDelegationTokens {
            records += security.delegationTokens.sortedKeys.compactMap { id in
                security.delegationTokens[id].map { .delegationTokenRecord($0) }
            }
        }
        return records
    }
}
