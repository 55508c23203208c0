import KafkaProtocol
import KafkaWire

/// What ListOffsets or DeleteRecords said about one partition.
public enum PartitionResult: Sendable, Equatable {
    /// An offset (-1: there is none) and, for ListOffsets, its record's timestamp (-1: none).
    case offset(Offset, timestamp: Int64)
    /// Why there is none.
    case failed(AdminError)

    /// The offset, if there is one.
    public var offset: Offset? {
        if case .offset(let offset, _) = self { return offset }
        return nil
    }
}

/// Times with a meaning of their own in ListOffsets.
public enum OffsetTime {
    /// The end of the log (the high watermark, or the last stable offset).
    public static let latest: Int64 = -1
    /// The first record.
    public static let earliest: Int64 = -2
    /// The record with the highest timestamp (KIP-734).
    public static let maxTimestamp: Int64 = -3
    /// The first record on local disk (KIP-405).
    public static let earliestLocal: Int64 = -4
    /// The last record in remote storage (KIP-1005).
    public static let latestTiered: Int64 = -5
    /// The first record still to be uploaded (KIP-1023).
    public static let earliestPendingUpload: Int64 = -6

    /// The lowest version of ListOffsets that knows this time.
    public static func minimumVersion(_ time: Int64) -> Int16 {
        switch time {
        case maxTimestamp: 7
        case earliestLocal: 8
        case latestTiered: 9
        case earliestPendingUpload: 11
        default: 1
        }
    }
}

extension AdminClient {
    /// The offset at `time` (milliseconds since 1970, or one of `OffsetTime`) of each partition.
    public func offsets(
        at time: Int64, of leaders: [TopicPartition: PartitionLeader], readCommitted: Bool = false
    ) throws(AdminError) -> [TopicPartition: PartitionResult] {
        var results: [TopicPartition: PartitionResult] = [:]
        for (broker, partitions) in Self.byLeader(leaders.keys, leaders) {
            let connection = try connection(to: broker)
            guard
                try connection.version(of: ListOffsetsRequest.self)
                    >= OffsetTime.minimumVersion(time)
            else { throw .unsupported(connection.address, api: "ListOffsets at time \(time)") }
            let request = ListOffsetsRequest(
                replicaID: -1, isolationLevel: readCommitted ? 1 : 0,
                topics: Self.byTopic(partitions).map { topic, partitions in
                    ListOffsetsRequest.ListOffsetsTopic(
                        name: topic,
                        partitions: partitions.map {
                            ListOffsetsRequest.ListOffsetsPartition(
                                partitionIndex: $0.partition, timestamp: time)
                        })
                })
            let response = try connection.call(
                request, milliseconds: settings.requestMilliseconds)
            for topic in response.topics {
                for partition in topic.partitions {
                    let id = TopicPartition(topic: topic.name, partition: partition.partitionIndex)
                    results[id] = Self.result(
                        partition.errorCode, id, partition.offset, partition.timestamp)
                }
            }
        }
        return results
    }

    /// The offsets at `time` of partitions that may not exist or have no leader: each has a result.
    ///
    /// Asks again while leaders move, until the operation's time is over.
    public func offsets(
        at time: Int64, ofExisting partitions: [TopicPartition]
    ) throws(AdminError) -> [TopicPartition: PartitionResult] {
        let deadline = Deadline(milliseconds: settings.operationMilliseconds)
        var results: [TopicPartition: PartitionResult] = [:]
        var pending = Set(partitions)
        while !pending.isEmpty {
            let leaders = try leaders(ofExisting: pending)
            for (partition, leader) in leaders {
                if case .failure(let error) = leader { results[partition] = .failed(error) }
            }
            let known = leaders.compactMapValues { try? $0.get() }
            results.merge(try offsets(at: time, of: known)) { $1 }
            pending = Set(
                known.keys.filter { partition in
                    guard case .failed(let error)? = results[partition] else { return false }
                    return error.kafkaError?.isRetriable == true
                })
            guard !pending.isEmpty, deadline.remaining > 0 else { return results }
            Self.pause(milliseconds: Self.backoffMilliseconds)
        }
        return results
    }

    /// Deletes the records below the given offsets (-1: all); answers with the new low watermarks.
    public func deleteRecords(
        before offsets: [TopicPartition: Offset], leaders: [TopicPartition: PartitionLeader]
    ) throws(AdminError) -> [TopicPartition: PartitionResult] {
        var results: [TopicPartition: PartitionResult] = [:]
        for (broker, partitions) in Self.byLeader(offsets.keys, leaders) {
            let request = DeleteRecordsRequest(
                topics: Self.byTopic(partitions).map { topic, partitions in
                    DeleteRecordsRequest.DeleteRecordsTopic(
                        name: topic,
                        partitions: partitions.map {
                            DeleteRecordsRequest.DeleteRecordsPartition(
                                partitionIndex: $0.partition, offset: offsets[$0]?.rawValue ?? -1)
                        })
                }, timeoutMs: Int32(clamping: settings.requestMilliseconds))
            let response = try call(request, broker: broker)
            for topic in response.topics {
                for partition in topic.partitions {
                    let id = TopicPartition(topic: topic.name, partition: partition.partitionIndex)
                    results[id] = Self.result(
                        partition.errorCode, id, partition.lowWatermark, -1)
                }
            }
        }
        for partition in offsets.keys where results[partition] == nil {
            results[partition] = .failed(
                .broker(.unknownTopicOrPartition, message: nil, context: "\(partition)"))
        }
        return results
    }

    private static func result(
        _ code: Int16, _ id: TopicPartition, _ offset: Int64, _ timestamp: Int64
    ) -> PartitionResult {
        do { try AdminError.check(code, context: "Partition \(id)") } catch {
            return .failed(error)
        }
        return .offset(Offset(offset), timestamp: timestamp)
    }

    /// Splits sorted partitions by topic, keeping the order.
    public static func byTopic(
        _ partitions: [TopicPartition]
    ) -> [(topic: String, partitions: [TopicPartition])] {
        var groups: [(topic: String, partitions: [TopicPartition])] = []
        for partition in partitions {
            if groups.last?.topic == partition.topic {
                groups[groups.count - 1].partitions.append(partition)
            } else {
                groups.append((partition.topic, [partition]))
            }
        }
        return groups
    }
}
