public import KafkaProtocol
public import KafkaWire

/// A record of `__transaction_state`: a transactional id and its state, `nil` once forgotten.
public struct TransactionRecord: CoordinatorRecord, Equatable {
    public var key: TransactionLogKey
    public var value: TransactionLogValue?
    /// The version of the value: 1 (flexible, KIP-890) from transaction version 1 on, else 0.
    public var valueVersion: Int16

    public init(_ key: TransactionLogKey, _ value: TransactionLogValue?, valueVersion: Int16) {
        self.key = key
        self.value = value
        self.valueVersion = valueVersion
    }

    public func encodedKey() throws(WireError) -> [UInt8] { try key.coordinatorKey() }

    public func encodedValue() throws(WireError) -> [UInt8]? {
        guard let value else { return nil }
        return try value.coordinatorValue(version: valueVersion)
    }

    public static func decode(
        key: RawSpan, value: RawSpan?
    ) throws(WireError) -> TransactionRecord? {
        var reader = WireReader(key)
        guard try reader.readInt16() == TransactionLogKey.recordType else { return nil }
        let key = try TransactionLogKey(from: &reader, version: 0)
        guard let value else { return TransactionRecord(key, nil, valueVersion: 0) }
        var valueReader = WireReader(value)
        let version = try valueReader.readInt16()
        let decoded = try TransactionLogValue(from: &valueReader, version: version)
        guard TransactionState(rawValue: decoded.transactionStatus)?.isLogged == true else {
            throw .badValue("a transaction's status is \(decoded.transactionStatus)")
        }
        return TransactionRecord(key, decoded, valueVersion: version)
    }
}

extension TransactionRecord {
    /// The record of `transaction`, or the tombstone of its id.
    ///
    /// - Parameter level: `transaction.version` of the cluster; at 0 the value is of version 0,
    ///   which knows of no other producer id and no client version.
    init(_ id: String, _ transaction: Transaction?, level: Int16) {
        key = TransactionLogKey(transactionalID: id)
        valueVersion = level >= 1 ? 1 : 0
        value = transaction.map { TransactionLogValue($0, version: level >= 1 ? 1 : 0) }
    }
}

extension TransactionLogValue {
    fileprivate init(_ transaction: Transaction, version: Int16) {
        self.init(
            producerID: transaction.producer.id.rawValue,
            producerEpoch: transaction.producer.epoch,
            transactionTimeoutMs: transaction.timeoutMs,
            transactionStatus: transaction.state.rawValue,
            transactionPartitions: nil,
            transactionLastUpdateTimestampMs: transaction.lastUpdateMs,
            transactionStartTimestampMs: transaction.startMs)
        if transaction.state != .empty {
            transactionPartitions = transaction.partitions.byTopic.map {
                PartitionsSchema(topic: $0.topic, partitionIDs: $0.partitions)
            }
        }
        guard version >= 1 else { return }
        previousProducerID = transaction.previousID.rawValue
        nextProducerID = transaction.nextID.rawValue
        clientTransactionVersion = transaction.version
    }
}

extension Transaction {
    /// What a record of the log says.
    ///
    /// - Precondition: its status is one that `TransactionRecord.decode` lets through.
    init(_ value: TransactionLogValue) {
        self.init(
            id: ProducerID(value.producerID), timeoutMs: value.transactionTimeoutMs,
            now: value.transactionLastUpdateTimestampMs)
        guard let state = TransactionState(rawValue: value.transactionStatus) else {
            preconditionFailure("a transaction's status is \(value.transactionStatus)")
        }
        self.state = state
        producer.epoch = value.producerEpoch
        previousID = ProducerID(value.previousProducerID)
        nextID = ProducerID(value.nextProducerID)
        startMs = value.transactionStartTimestampMs
        version = value.clientTransactionVersion
        guard state != .empty else { return }
        for topic in value.transactionPartitions ?? [] {
            for partition in topic.partitionIDs {
                partitions.insert(TopicPartition(topic: topic.topic, partition: partition))
            }
        }
    }
}

extension Collection where Element == TopicPartition {
    /// The partitions by topic, both in order.
    public var byTopic: [(topic: String, partitions: [Int32])] {
        var topics: [(topic: String, partitions: [Int32])] = []
        for partition in sorted() {
            if topics.last?.topic == partition.topic {
                topics[topics.count - 1].partitions.append(partition.partition)
            } else {
                topics.append((partition.topic, [partition.partition]))
            }
        }
        return topics
    }
}
