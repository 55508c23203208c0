public import ClientCore
import KafkaProtocol
public import KafkaWire

/// A directory of a broker and what is in it.
public struct LogDirDescription: Sendable, Hashable {
    public struct Replica: Sendable, Hashable {
        /// Bytes.
        public var size: Int64
        /// Records that it lags behind the partition, or behind the replica that it will replace.
        public var offsetLag: Int64
        /// Whether it is a copy that is to replace the present one.
        public var isFuture: Bool
    }
    /// Why the directory cannot be used.
    public var error: KafkaError?
    public var replicas: [TopicPartition: Replica]
    /// Bytes; `nil` for brokers before 3.3.
    public var totalBytes: Int64?
    public var usableBytes: Int64?
    /// Takes no new replicas (KIP-1066).
    public var isCordoned: Bool
}

/// A partition on its way to other brokers.
public struct OngoingReassignment: Sendable, Hashable {
    public var replicas: [BrokerID]
    public var adding: [BrokerID]
    public var removing: [BrokerID]
}

/// How leaders are elected.
public enum ElectionKind: Int8, Sendable, CaseIterable {
    /// The first replica, if it is in sync.
    case preferred = 0
    /// Any replica that lives, where none is in sync: records may be lost.
    case unclean = 1
}

extension Admin {
    /// The directories of brokers, by path.
    ///
    /// - Parameter partitions: the replicas that are asked for; `nil` for all.
    public func describeLogDirs(
        of brokers: [BrokerID], _ partitions: [TopicPartition]? = nil
    ) async throws(ClientError) -> [BrokerID: Result<[String: LogDirDescription], ClientError>] {
        let request = DescribeLogDirsRequest(
            topics: partitions.map { $0.grouped.map { .init(topic: $0, partitions: $1) } })
        return await each(brokers) { broker throws(ClientError) in
            try await self.call(.broker(broker), request) {
                answer throws(ClientError) in
                try ClientError.check(code: answer.errorCode)
                return Dictionary(
                    answer.results.map { ($0.logDir, Self.directory($0)) },
                    uniquingKeysWith: { $1 })
            }
        }
    }

    private static func directory(
        _ result: DescribeLogDirsResponse.DescribeLogDirsResult
    ) -> LogDirDescription {
        LogDirDescription(
            error: result.errorCode == 0 ? nil : KafkaError(code: result.errorCode),
            replicas: byPartition(result.topics, \.name, \.partitions, \.partitionIndex) {
                .init(size: $0.partitionSize, offsetLag: $0.offsetLag, isFuture: $0.isFutureKey)
            },
            totalBytes: result.totalBytes < 0 ? nil : result.totalBytes,
            usableBytes: result.usableBytes < 0 ? nil : result.usableBytes,
            isCordoned: result.isCordoned)
    }

    /// Moves replicas of one broker to other directories of it, given by path.
    public func alterReplicaLogDirs(
        _ moves: [TopicPartition: String], on broker: BrokerID
    ) async throws(ClientError) -> [TopicPartition: Result<Void, ClientError>] {
        let byPath = Dictionary(grouping: moves.keys) { moves[$0] ?? "" }
        let request = AlterReplicaLogDirsRequest(
            dirs: byPath.sorted { $0.key < $1.key }.map { path, ids in
                .init(
                    path: path,
                    topics: ids.grouped.map { .init(name: $0, partitions: $1) })
            })
        return try await call(.broker(broker), request) { answer in
            byPartition(answer.results, \.topicName, \.partitions, \.partitionIndex) {
                outcome($0.errorCode, nil, ())
            }
        }
    }

    // MARK: Reassignments

    /// Begins to move partitions to other brokers, or, with `nil`, ends a move under way
    /// (KIP-455).
    ///
    /// - Parameter allowsFactorChange: whether a partition may get more or fewer replicas than it
    ///   has (KIP-860).
    public func alterPartitionReassignments(
        _ targets: [TopicPartition: [BrokerID]?], allowsFactorChange: Bool = true
    ) async throws(ClientError) -> [TopicPartition: Result<Void, ClientError>] {
        var request = AlterPartitionReassignmentsRequest(timeoutMs: timeoutMs)
        request.allowReplicationFactorChange = allowsFactorChange
        for (topic, numbers) in Array(targets.keys).grouped {
            var moved = AlterPartitionReassignmentsRequest.ReassignableTopic(name: topic)
            for number in numbers {
                let replicas = targets[TopicPartition(topic: topic, partition: number)] ?? nil
                moved.partitions.append(
                    .init(partitionIndex: number, replicas: replicas?.map(\.rawValue)))
            }
            request.topics.append(moved)
        }
        return try await call(.controller, request) { answer throws(ClientError) in
            try ClientError.check(code: answer.errorCode, answer.errorMessage)
            return byPartition(answer.responses, \.name, \.partitions, \.partitionIndex) {
                outcome($0.errorCode, $0.errorMessage, ())
            }
        }
    }

    /// Moves that are under way; of all partitions without a list.
    public func listPartitionReassignments(
        _ partitions: [TopicPartition]? = nil
    ) async throws(ClientError) -> [TopicPartition: OngoingReassignment] {
        let request = ListPartitionReassignmentsRequest(
            timeoutMs: timeoutMs,
            topics: partitions.map { $0.grouped.map { .init(name: $0, partitionIndexes: $1) } })
        return try await call(.controller, request) { answer throws(ClientError) in
            try ClientError.check(code: answer.errorCode, answer.errorMessage)
            func ids(_ numbers: [Int32]) -> [BrokerID] { numbers.map { BrokerID($0) } }
            return byPartition(answer.topics, \.name, \.partitions, \.partitionIndex) {
                OngoingReassignment(
                    replicas: ids($0.replicas), adding: ids($0.addingReplicas),
                    removing: ids($0.removingReplicas))
            }
        }
    }

    /// Elects leaders of partitions; of all of them without a list.
    ///
    /// - Returns: a result for each partition that was asked about, or needed an election;
    ///   `electionNotNeeded` for one whose leader is the right one.
    public func electLeaders(
        _ kind: ElectionKind, _ partitions: [TopicPartition]? = nil
    ) async throws(ClientError) -> [TopicPartition: Result<Void, ClientError>] {
        let timeout = timeoutMs
        return try await call(
            .controller,
            { version in
                var request = ElectLeadersRequest(
                    topicPartitions: partitions.map {
                        $0.grouped.map { .init(topic: $0, partitions: $1) }
                    }, timeoutMs: timeout)
                if version >= 1 { request.electionType = kind.rawValue }
                return request
            }
        ) { answer, _ throws(ClientError) in
            try ClientError.check(code: answer.errorCode)
            return byPartition(
                answer.replicaElectionResults, \.topic, \.partitionResult, \.partitionID
            ) { outcome($0.errorCode, $0.errorMessage, ()) }
        }
    }
}
