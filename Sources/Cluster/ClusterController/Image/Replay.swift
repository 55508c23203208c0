import KafkaProtocol
import KafkaWire

extension MetadataImage {
    /// Applies one record of the metadata log: the only way in which the image changes.
    ///
    /// - Parameter delta: grows by what the record changed. An abort of a metadata transaction
    ///   takes it back to what it was at the transaction's beginning.
    /// - Throws: when the record contradicts the image, which is then left as it was.
    public mutating func replay(
        _ record: MetadataRecord, noting delta: inout MetadataDelta
    ) throws(ReplayError) {
        switch record {
        case .topicRecord, .partitionRecord, .partitionChangeRecord, .removeTopicRecord,
            .clearElrRecord:
            try replayTopic(record, noting: &delta)
        case .registerBrokerRecord, .unregisterBrokerRecord, .fenceBrokerRecord,
            .unfenceBrokerRecord,
            .brokerRegistrationChangeRecord, .registerControllerRecord, .unregisterControllerRecord:
            try replayNode(record, noting: &delta)
        case .accessControlEntryRecord, .removeAccessControlEntryRecord, .userScramCredentialRecord,
            .removeUserScramCredentialRecord, .delegationTokenRecord, .removeDelegationTokenRecord:
            try replaySecurity(record, noting: &delta)
        case .beginTransactionRecord, .endTransactionRecord, .abortTransactionRecord:
            try replayTransaction(record, noting: &delta)
        case .configRecord(let record):
            configs.apply(record)
            delta.configs.insert(
                ConfigResource(
                    ConfigResourceType(rawValue: record.resourceType), record.resourceName))
        case .clientQuotaRecord(let record):
            quotas.apply(record)
            delta.quotas = true
        case .producerIDsRecord(let record):
            try replay(record)
            delta.producerIDs = true
        case .featureLevelRecord(let record):
            try features.apply(record)
            delta.features = true
        case .noOpRecord, .zkMigrationStateRecord:
            // Neither holds state: Kafka 4 reads and drops the marks of migrations from ZooKeeper.
            break
        }
    }

    /// Applies records for which nobody needs to know what they changed.
    public mutating func replay(_ records: [MetadataRecord]) throws(ReplayError) {
        var delta = MetadataDelta()
        for record in records { try replay(record, noting: &delta) }
    }

    private mutating func replay(_ record: ProducerIDsRecord) throws(ReplayError) {
        guard record.nextProducerID >= nextProducerID else {
            throw .inconsistent(
                "next producer id \(record.nextProducerID) is behind \(nextProducerID)")
        }
        nextProducerID = record.nextProducerID
    }
}

extension MetadataImage {
    private mutating func replayTopic(
        _ record: MetadataRecord, noting delta: inout MetadataDelta
    ) throws(ReplayError) {
        switch record {
        case .topicRecord(let record):
            try topics.add(record)
            delta.createdTopics.insert(record.topicID)
        case .partitionRecord(let record):
            try topics.put(record)
            delta.noteChange(of: record.partitionID, topicID: record.topicID)
        case .partitionChangeRecord(let record):
            try topics.apply(record)
            delta.noteChange(of: record.partitionID, topicID: record.topicID)
        case .removeTopicRecord(let record):
            let topic = try topics.remove(record.topicID)
            delta.noteRemoval(of: topic)
            if configs.remove(.topic(topic.name)) { delta.configs.insert(.topic(topic.name)) }
        case .clearElrRecord(let record):
            let cleared = try topics.clearEligibleLeaders(of: record.topicName)
            for (topicID, partitions) in cleared {
                delta.changedPartitions[topicID, default: []].formUnion(partitions)
            }
        default: preconditionFailure("not a record of topics")
        }
    }

    private mutating func replayNode(
        _ record: MetadataRecord, noting delta: inout MetadataDelta
    ) throws(ReplayError) {
        switch record {
        case .registerBrokerRecord(let record):
            brokers[record.brokerID] = BrokerRegistration(
                record, after: brokers[record.brokerID])
            delta.brokers.insert(record.brokerID)
        case .unregisterBrokerRecord(let record):
            _ = try registration(record.brokerID, epoch: record.brokerEpoch)
            brokers[record.brokerID] = nil
            delta.brokers.insert(record.brokerID)
        case .fenceBrokerRecord(let record):
            try change(record.id, epoch: record.epoch, noting: &delta) { $0.isFenced = true }
        case .unfenceBrokerRecord(let record):
            try change(record.id, epoch: record.epoch, noting: &delta) { $0.isFenced = false }
        case .brokerRegistrationChangeRecord(let record):
            try replay(record, noting: &delta)
        case .registerControllerRecord(let record):
            controllers[record.controllerID] = ControllerRegistration(record)
            delta.controllers.insert(record.controllerID)
        case .unregisterControllerRecord(let record):
            guard controllers[record.controllerID] != nil else {
                throw .inconsistent("controller \(record.controllerID) is not registered")
            }
            controllers[record.controllerID] = nil
            delta.controllers.insert(record.controllerID)
        default: preconditionFailure("not a record of nodes")
        }
    }

    private mutating func replay(
        _ record: BrokerRegistrationChangeRecord, noting delta: inout MetadataDelta
    ) throws(ReplayError) {
        guard -1...1 ~= record.fenced, 0...1 ~= record.inControlledShutdown else {
            throw .inconsistent("registration change of broker \(record.brokerID) is malformed")
        }
        try change(record.brokerID, epoch: record.brokerEpoch, noting: &delta) { broker in
            // 1 fences, -1 unfences, 0 leaves as it is.
            if record.fenced != 0 { broker.isFenced = record.fenced == 1 }
            if record.inControlledShutdown == 1 { broker.inControlledShutdown = true }
            if !record.logDirs.isEmpty { broker.logDirs = record.logDirs.sorted() }
            if let cordoned = record.cordonedLogDirs { broker.cordonedLogDirs = cordoned }
        }
    }

    private func registration(
        _ id: Int32, epoch: Int64
    ) throws(ReplayError) -> BrokerRegistration {
        guard let broker = brokers[id] else {
            throw .inconsistent("broker \(id) is not registered")
        }
        guard broker.epoch == epoch else {
            throw .inconsistent("broker \(id) is at epoch \(broker.epoch), not \(epoch)")
        }
        return broker
    }

    private mutating func change(
        _ id: Int32, epoch: Int64, noting delta: inout MetadataDelta,
        _ body: (inout BrokerRegistration) -> Void
    ) throws(ReplayError) {
        var broker = try registration(id, epoch: epoch)
        body(&broker)
        brokers[id] = broker
        delta.brokers.insert(id)
    }

    private mutating func replaySecurity(
        _ record: MetadataRecord, noting delta: inout MetadataDelta
    ) throws(ReplayError) {
        switch record {
        case .accessControlEntryRecord(let record):
            security.apply(record)
            delta.acls = true
        case .removeAccessControlEntryRecord(let record):
            try security.apply(record)
            delta.acls = true
        case .userScramCredentialRecord(let record):
            security.apply(record)
            delta.scram = true
        case .removeUserScramCredentialRecord(let record):
            try security.apply(record)
            delta.scram = true
        case .delegationTokenRecord(let record):
            security.apply(record)
            delta.delegationTokens = true
        case .removeDelegationTokenRecord(let record):
            security.apply(record)
            delta.delegationTokens = true
        default: preconditionFailure("not a record of security")
        }
    }

    private mutating func replayTransaction(
        _ record: MetadataRecord, noting delta: inout MetadataDelta
    ) throws(ReplayError) {
        switch record {
        case .beginTransactionRecord(let record):
            guard transaction == nil else {
                throw .misplacedTransaction("begins while another one is open")
            }
            transaction = MetadataTransaction(name: record.name, image: self, delta: delta)
        case .endTransactionRecord:
            guard transaction != nil else { throw .misplacedTransaction("ends, never begun") }
            transaction = nil
        case .abortTransactionRecord:
            guard let transaction else { throw .misplacedTransaction("aborts, never begun") }
            self = transaction.image
            delta = transaction.delta
        default: preconditionFailure("not a record of transactions")
        }
    }
}
