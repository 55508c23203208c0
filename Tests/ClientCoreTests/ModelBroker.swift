import KafkaProtocol
import KafkaRecords
import KafkaWire

@testable import ClientCore

/// Two brokers in memory, as a producer sees them: leaders, logs that check sequences as Kafka
/// does, and faults on demand.
final class ModelCluster {
    struct Stored: Equatable {
        var producerID: Int64
        var epoch: Int16
        var sequence: Int32
        var values: [String]
        var isTransactional = false
        /// For the marker of a transaction's end: whether it was a commit.
        var commits: Bool?
    }
    struct Fault {
        var error: KafkaError
        /// Whether the batch is written nonetheless.
        var writes = false
    }

    let topic: String
    var leaders: [Int32]
    var leaderEpochs: [Int32]
    var logs: [[Stored]]
    var topicError: KafkaError?
    /// Why there is no metadata at all.
    var metadataError: KafkaError?
    /// What happens to the next produced batches, in order.
    var faults: [Fault?] = []
    /// Requests that came, by API.
    var seen: [APIKey] = []
    var versionLimits: [APIKey: Int16] = [:]
    /// What brokers do not serve.
    var withheld: [Int32: Set<APIKey>] = [:]
    private var nextProducerID: Int64 = 1000
    let topicID = KafkaUUID(high: 7, low: 7)
    let transactions = ModelTransactions()
    /// SASL, for settings that ask for it.
    var sasl = ModelSasl()
    /// Answers about metrics, if the brokers want any.
    var telemetry: ModelTelemetry?
    /// What becomes of an answer on its way; versions are agreed on before.
    var distort: ([UInt8]) -> [UInt8] = { $0 }

    init(topic: String = "t", partitions: Int) {
        self.topic = topic
        leaders = (0..<partitions).map { Int32($0 % 2) }
        leaderEpochs = Array(repeating: 0, count: partitions)
        logs = Array(repeating: [], count: partitions)
        transactions.mark = { [unowned self] partition, id, epoch, commits in
            logs[Int(partition)].append(
                Stored(
                    producerID: id, epoch: epoch, sequence: -1, values: [], commits: commits))
        }
    }

    /// What readers of committed records see of each partition.
    var committed: [[String]] {
        logs.map { log in
            log.indices.flatMap { index -> [String] in
                guard log[index].isTransactional else { return log[index].values }
                let end = log[index...].first {
                    $0.commits != nil && $0.producerID == log[index].producerID
                }
                return end?.commits == true ? log[index].values : []
            }
        }
    }

    static let addresses = [
        BrokerAddress(host: "zero", port: 9092), BrokerAddress(host: "one", port: 9092),
    ]

    var values: [[String]] { logs.map { $0.flatMap(\.values) } }

    func moveLeader(_ partition: Int) {
        leaders[partition] = 1 - leaders[partition]
        leaderEpochs[partition] += 1
    }

    /// The answer to a frame (with its length) that came to `node`; `nil` for none.
    func answer(_ frame: [UInt8], at node: Int32) throws -> [UInt8]? {
        var reader = WireReader(frame.span.bytes)
        _ = try reader.readInt32()
        let key = APIKey(rawValue: try reader.readInt16())
        let version = try reader.readInt16()
        reader = WireReader(frame.span.bytes)
        _ = try reader.readInt32()
        guard let key else { throw WireError.badValue("api key") }
        let header = try RequestHeader(
            from: &reader, version: key.requestHeaderVersion(for: version))
        seen.append(key)
        func response(_ message: some KafkaResponse) throws -> [UInt8] {
            var writer = WireWriter()
            try ResponseHeader(correlationID: header.correlationID).encode(
                to: &writer, version: key.responseHeaderVersion(for: version))
            try message.encode(to: &writer, version: version)
            return key == .apiVersions ? writer.toArray() : distort(writer.toArray())
        }
        switch key {
        case .saslHandshake:
            return try response(
                sasl.answer(SaslHandshakeRequest(from: &reader, version: version), at: node))
        case .saslAuthenticate:
            return try response(
                sasl.answer(SaslAuthenticateRequest(from: &reader, version: version), at: node))
        case .apiVersions: return try response(versions(of: node))
        case .getTelemetrySubscriptions:
            let request = try GetTelemetrySubscriptionsRequest(from: &reader, version: version)
            return try response(telemetry?.answer(request, at: node) ?? .init())
        case .pushTelemetry:
            let request = try PushTelemetryRequest(from: &reader, version: version)
            return try response(telemetry?.answer(request, at: node) ?? .init())
        case .metadata: return try response(metadata())
        case .findCoordinator:
            return try response(
                transactions.find(FindCoordinatorRequest(from: &reader, version: version)))
        case .addPartitionsToTxn:
            let request = try AddPartitionsToTxnRequest(from: &reader, version: version)
            return try response(transactions.add(request, at: node))
        case .addOffsetsToTxn:
            let request = try AddOffsetsToTxnRequest(from: &reader, version: version)
            return try response(transactions.add(request, at: node))
        case .txnOffsetCommit:
            let request = try TxnOffsetCommitRequest(from: &reader, version: version)
            return try response(transactions.commit(request, at: node, version))
        case .endTxn:
            let request = try EndTxnRequest(from: &reader, version: version)
            return try response(transactions.end(request, at: node, version))
        case .initProducerID:
            let request = try InitProducerIDRequest(from: &reader, version: version)
            if request.transactionalID != nil {
                return try response(transactions.initialize(request, at: node))
            }
            nextProducerID += 1
            return try response(
                InitProducerIDResponse(producerID: nextProducerID, producerEpoch: 0))
        case .produce:
            let request = try ProduceRequest(from: &reader, version: version)
            let message = try produce(request, frame, at: node, version)
            return request.acks == 0 ? nil : try response(message)
        default: throw WireError.badValue("\(key) is not served")
        }
    }

    private func versions(of node: Int32) -> ApiVersionsResponse {
        var served: [APIKey] = [
            .produce, .metadata, .initProducerID, .apiVersions, .findCoordinator,
            .addPartitionsToTxn, .addOffsetsToTxn, .txnOffsetCommit, .endTxn, .saslHandshake,
            .saslAuthenticate,
        ]
        if telemetry != nil { served += [.getTelemetrySubscriptions, .pushTelemetry] }
        served.removeAll { withheld[node]?.contains($0) ?? false }
        return ApiVersionsResponse(
            apiKeys: served.map { key in
                .init(
                    apiKey: key.rawValue, minVersion: key.validVersions.lowerBound,
                    maxVersion: min(key.validVersions.upperBound, versionLimits[key] ?? .max))
            }, finalizedFeaturesEpoch: 1,
            finalizedFeatures: [
                .init(name: "transaction.version", maxVersionLevel: transactions.level)
            ])
    }

    private func metadata() -> MetadataResponse {
        var answer = MetadataResponse()
        answer.errorCode = metadataError?.code ?? 0
        answer.brokers = Self.addresses.enumerated().map {
            .init(nodeID: Int32($0), host: $1.host, port: Int32($1.port))
        }
        let limit = versionLimits[.metadata] ?? .max
        answer.topics = [
            .init(
                errorCode: topicError?.code ?? 0, name: topic,
                topicID: limit < 10 ? .zero : topicID,
                partitions: topicError != nil
                    ? []
                    : leaders.indices.map {
                        .init(
                            partitionIndex: Int32($0), leaderID: leaders[$0],
                            leaderEpoch: limit < 7 ? -1 : leaderEpochs[$0])
                    })
        ]
        return answer
    }

    private func produce(
        _ request: ProduceRequest, _ frame: [UInt8], at node: Int32, _ version: Int16
    ) throws -> ProduceResponse {
        var answer = ProduceResponse()
        for topic in request.topicData {
            var part = ProduceResponse.TopicProduceResponse(
                name: topic.name, topicID: topic.topicID)
            for data in topic.partitionData {
                guard case .inFrame(let range) = data.records else {
                    throw WireError.badValue("records")
                }
                let (error, offset) = try write(
                    Array(frame[range]), to: Int(data.index), at: node, version)
                part.partitionResponses.append(
                    .init(index: data.index, errorCode: error.code, baseOffset: offset))
            }
            answer.responses.append(part)
        }
        return answer
    }

    private func write(
        _ batch: [UInt8], to partition: Int, at node: Int32, _ version: Int16
    ) throws -> (KafkaError, Int64) {
        guard leaders[partition] == node else { return (.notLeaderOrFollower, -1) }
        var fault = faults.isEmpty ? nil : faults.removeFirst()
        let header = try RecordBatchHeader(batch.span.bytes)
        // A broker that has the batch does not refuse it.
        if fault?.error == .messageTooLarge,
            logs[partition].contains(where: {
                $0.producerID == header.producerID.rawValue && $0.epoch == header.producerEpoch
                    && $0.sequence == header.baseSequence
            })
        {
            fault = nil
        }
        if let fault, !fault.writes { return (fault.error, -1) }
        if header.isTransactional,
            let error = transactions.verify(
                header.producerID.rawValue, header.producerEpoch, Int32(partition), version)
        {
            return (error, -1)
        }
        try RecordBatchHeader.verifyCRC(batch.span.bytes, header: header)
        let values = try BatchReader.records(batch.span.bytes, limit: 1 << 20).map {
            String(decoding: $0.value ?? [], as: UTF8.self)
        }
        let stored = Stored(
            producerID: header.producerID.rawValue, epoch: header.producerEpoch,
            sequence: header.baseSequence, values: values,
            isTransactional: header.isTransactional)
        let offset = Int64(logs[partition].reduce(0) { $0 + $1.values.count })
        if stored.producerID >= 0 {
            let mine = logs[partition].filter {
                $0.producerID == stored.producerID && $0.commits == nil
            }
            if let last = mine.last {
                if stored.epoch < last.epoch { return (.invalidProducerEpoch, -1) }
                if mine.suffix(5).contains(where: {
                    $0.epoch == stored.epoch && $0.sequence == stored.sequence
                }) {
                    return (fault?.error ?? .none, offset)
                }
                let next =
                    stored.epoch > last.epoch
                    ? 0 : last.sequence + Int32(last.values.count)
                if stored.sequence != next { return (.outOfOrderSequenceNumber, -1) }
            }
            // Of a producer that it does not know a broker takes any sequence as the first.
        }
        logs[partition].append(stored)
        return (fault?.error ?? .none, offset)
    }
}
