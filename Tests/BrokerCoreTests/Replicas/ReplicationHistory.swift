import KafkaProtocol
import KafkaRecords
import KafkaWire
import LogStorage
import Replication
import Testing

@testable import BrokerCore

/// What clients of a `ReplicaCluster` were told of one partition, and what must hold of it.
final class ReplicationHistory {
    let cluster: ReplicaCluster
    let topic: String
    let partition: Int32
    /// Values that were acknowledged with `acks=-1`, by offset.
    private(set) var acknowledged: [Int64: String] = [:]
    /// What was below some leader's high watermark, by offset.
    private var committed: [Int64: ReplicaCluster.Batch] = [:]
    private var highWatermarks: [String: Offset] = [:]
    private(set) var errors: [KafkaError: Int] = [:]
    private var nextValue = 0

    init(_ cluster: ReplicaCluster, _ topic: String, _ partition: Int32 = 0) {
        self.cluster = cluster
        self.topic = topic
        self.partition = partition
    }

    /// Produces a new value to whoever leads; what comes of it is noted.
    func produce(acks: Int16 = -1, to broker: Int32? = nil) throws {
        let image = try cluster.partition(topic, partition)
        let target = broker ?? image.leader
        guard cluster.brokers[target] != nil else { return }
        nextValue += 1
        let value = "\(topic)-\(partition)-\(nextValue)"
        let request = TestClient.produceRequest(
            try TestRecords.batch([value], timestamp: cluster.now.wallMs), to: topic,
            partition: partition, acks: acks)
        try cluster.send(request, version: 12, to: target) { [self] body in
            let response = try ProduceResponse(decoding: body, version: 12)
            let result = try #require(response.responses.first?.partitionResponses.first)
            let error = KafkaError(rawValue: result.errorCode) ?? .unknownServerError
            guard error == .none else { return errors[error, default: 0] += 1 }
            guard acks == -1 else { return }
            #expect(acknowledged[result.baseOffset] == nil, "two values at one offset")
            acknowledged[result.baseOffset] = value
        }
    }

    // MARK: Checks

    /// What must hold at each moment: nobody's high watermark goes back within an epoch, and what
    /// was committed stays what it was on every leader.
    func check() throws {
        for id in cluster.brokers.keys.sorted() {
            guard let cell = cluster.brokers[id]?.cell(topic, partition) else { continue }
            let (role, highWatermark) = cell.locked { ($0.role, $0.highWatermark) }
            guard case .leader = role else { continue }
            let key = "\(id) \(role)"
            let before = highWatermarks[key] ?? .zero
            #expect(highWatermark >= before, "\(key): \(highWatermark) after \(before)")
            highWatermarks[key] = highWatermark
            guard highWatermark > before else { continue }
            for batch in try cluster.batches(id, topic, partition) {
                guard batch.offset < highWatermark else { break }
                let known = committed[batch.offset.rawValue] ?? batch
                #expect(
                    known == batch,
                    "\(id) has another record at committed offset \(batch.offset)")
                committed[batch.offset.rawValue] = batch
            }
        }
    }

    /// What must hold once all is well again: every replica has the same bytes, and among them all
    /// that was acknowledged.
    func checkEnd() throws {
        let image = try cluster.partition(topic, partition)
        let leaders = try cluster.batches(image.leader, topic, partition)
        for id in image.replicas {
            #expect(
                try cluster.batches(id, topic, partition) == leaders,
                "the logs of \(id) and \(image.leader) differ")
        }
        var values: [Int64: String] = [:]
        for batch in leaders {
            for record in try TestRecords.decode(batch.bytes) {
                values[record.offset.rawValue] = record.text
            }
        }
        for (offset, value) in acknowledged.sorted(by: { $0.key < $1.key }) {
            #expect(values[offset] == value, "acknowledged at \(offset)")
        }
    }

    /// Whether every replica is in sync, has all, and knows that it is committed.
    func isWhole() throws -> Bool {
        let image = try cluster.partition(topic, partition)
        guard image.leader >= 0, Set(image.isr) == Set(image.replicas),
            let leader = cluster.brokers[image.leader]?.cell(topic, partition)
        else { return false }
        let end = leader.locked { $0.log.logEndOffset }
        return image.replicas.allSatisfy { id in
            cluster.brokers[id]?.cell(topic, partition)?.locked {
                $0.log.logEndOffset == end && $0.highWatermark == end
                    && $0.currentEpoch == LeaderEpoch(image.leaderEpoch)
            } == true
        }
    }
}
