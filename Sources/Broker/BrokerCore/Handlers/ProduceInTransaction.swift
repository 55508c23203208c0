import Coordinators
import KafkaProtocol
import KafkaRecords
import KafkaWire
import LogStorage

/// Transactional records: before the first of a transaction are appended to a partition, the
/// transaction's coordinator adds the partition (version 12 and later, KIP-890) or confirms that
/// the client has added it (before that).
///
/// The request waits for that without holding up its loop; only then is its frame copied. Later
/// transactional requests of the connection stand in line behind it, so that batches keep their
/// order.
extension BrokerLoop {
    func produceInTransaction(
        _ request: ProduceRequest, _ frame: inout MutableRawSpan, bodyStart: Int,
        _ context: RequestContext
    ) {
        if let line = produceLines[context.connection] {
            return line.waiting.append(store(request, frame.bytes, bodyStart, context))
        }
        var plan = ProducePlan(raisesEpochs: context.apiVersion >= 12)
        switch plan.read(request, frame.bytes, bodyStart: bodyStart, view, context) {
        case .refuse(let error): refuse(request, error, context)
        case .append:
            produceNow(request, &frame, bodyStart: bodyStart, context, plan.admission)
        case .ask(let addition):
            let stored = store(request, frame.bytes, bodyStart, context)
            produceLines[context.connection] = ProduceLine()
            joinAnywhere(addition, verifyOnly: !plan.raisesEpochs, now: context.now) {
                [self, plan] errors, now in
                resume(stored, plan, errors, now: now)
            }
        }
    }

    /// The coordinator has answered: appends what it lets pass, and takes up the next in line.
    private func resume(
        _ stored: StoredProduce, _ plan: ProducePlan, _ errors: [TopicPartition: KafkaError],
        now: ClockReading
    ) {
        var plan = plan
        plan.take(errors, version: stored.context.apiVersion)
        release(stored)
        stored.withFrame { frame in
            produceNow(
                stored.request, &frame, bodyStart: stored.bodyStart, stored.context.at(now),
                plan.admission)
        }
        let line = produceLines.removeValue(forKey: stored.context.connection)
        for next in line?.waiting ?? [] {
            release(next)
            next.withFrame { frame in
                produceInTransaction(
                    next.request, &frame, bodyStart: next.bodyStart, next.context.at(now))
            }
        }
    }

    /// Keeps a request; its frame counts as memory that the connection holds.
    private func store(
        _ request: ProduceRequest, _ frame: RawSpan, _ bodyStart: Int, _ context: RequestContext
    ) -> StoredProduce {
        hold(frame.byteCount, of: context.connection)
        return StoredProduce(request, frame, bodyStart: bodyStart, context)
    }

    private func release(_ stored: StoredProduce) {
        let connection = stored.context.connection
        let wasLoaded = isLoaded(connection)
        hold(-stored.byteCount, of: connection)
        if wasLoaded && !isLoaded(connection) { emit(.resumeReading(connection)) }
    }

    private func refuse(
        _ request: ProduceRequest, _ error: KafkaError, _ context: RequestContext
    ) {
        var answers = ProduceAnswers(request)
        for (topic, data) in request.topicData.enumerated() {
            for partition in data.partitionData.indices {
                answers.fail(topic, partition, error, nil)
            }
        }
        finishProduce(answers, acks: request.acks, context)
    }
}

/// Where a partition's batches stand in a produce request.
struct ProducePlace: Hashable {
    var topic: Int
    var partition: Int
}

/// What is known of a produce request's transaction when its batches are appended.
struct ProduceAdmission {
    /// Partitions whose batches are not taken.
    var refusals: [ProducePlace: (error: KafkaError, message: String?)] = [:]
    /// Of partitions whose first records of the transaction these are.
    var guards: [ProducePlace: VerificationGuard] = [:]
    /// Whether transactional records have to show anything.
    var isChecked = true

    func check(_ place: ProducePlace) -> TransactionCheck {
        isChecked ? .needs(guards[place]) : .none
    }
}

/// What has to be asked before a transactional produce request can be appended.
private struct ProducePlan {
    enum Step {
        case append
        case ask(PartitionAddition)
        case refuse(KafkaError)
    }
    /// The client lets each of its transactions have an epoch, and the broker add partitions.
    let raisesEpochs: Bool
    private(set) var admission = ProduceAdmission()
    private var asked: [(place: ProducePlace, partition: TopicPartition)] = []

    init(raisesEpochs: Bool) { self.raisesEpochs = raisesEpochs }

    mutating func read(
        _ request: ProduceRequest, _ frame: RawSpan, bodyStart: Int, _ view: BrokerView,
        _ context: RequestContext
    ) -> Step {
        // Who may write as a transactional id is asked of the id, so there must be one.
        guard let id = request.transactionalID, !id.isEmpty else {
            return .refuse(.transactionalIDAuthorizationFailed)
        }
        admission.isChecked = view.transactionSettings.verifiesPartitions
        var producer: ProducerIdentity?
        for (topicIndex, topic) in request.topicData.enumerated() {
            let cells = view.topic(id: topic.topicID, name: topic.name, version: context.apiVersion)
            for (index, data) in topic.partitionData.enumerated() {
                guard let header = data.transactionalHeader(frame, bodyStart: bodyStart) else {
                    continue
                }
                let found = ProducerIdentity(id: header.producerID, epoch: header.producerEpoch)
                guard producer == nil || producer == found else {
                    return .refuse(.invalidProducerIDMapping)
                }
                producer = found
                guard raisesEpochs || admission.isChecked, let cell = cells?[data.index] else {
                    continue
                }
                begin(
                    header, cell, at: ProducePlace(topic: topicIndex, partition: index),
                    context.now)
            }
        }
        guard let producer, !asked.isEmpty else { return .append }
        return .ask(
            PartitionAddition(
                transactionalID: id, producer: producer, partitions: asked.map(\.partition),
                version: raisesEpochs ? 2 : 0, waits: raisesEpochs))
    }

    private mutating func begin(
        _ header: RecordBatchHeader, _ cell: PartitionCell, at place: ProducePlace,
        _ now: ClockReading
    ) {
        let replica = cell.enter()
        defer { cell.leave() }
        // Whoever does not lead says so when it is asked to append.
        guard replica.leaderEpoch != nil else { return }
        do throws(AppendError) {
            let guardian = try replica.log.beginVerification(
                header.producerID, epoch: header.producerEpoch, sequence: header.baseSequence,
                raisesEpochs: raisesEpochs, now: now.wallMs)
            guard let guardian else { return }
            admission.guards[place] = guardian
            asked.append((place, cell.topicPartition))
        } catch {
            if case .kafka(let code, let message) = error {
                admission.refusals[place] = (code, message)
            }
        }
    }

    /// Takes over what the coordinator said.
    mutating func take(_ errors: [TopicPartition: KafkaError], version: Int16) {
        for (place, partition) in asked {
            let error = errors[partition] ?? .unknownServerError
            guard error != .none else { continue }
            admission.refusals[place] = refusal(for: error, version)
        }
    }

    /// What a producer makes sense of: coordinators are none of its business here.
    private func refusal(
        for error: KafkaError, _ version: Int16
    ) -> (error: KafkaError, message: String?) {
        switch error {
        case .producerFenced: return (.invalidProducerEpoch, nil)
        case .invalidTxnState: return (error, "the transaction does not include this partition")
        case .transactionAbortable where version < 11:
            return (.invalidTxnState, "the transaction does not include this partition")
        // Retried by every client, and without a look for new metadata.
        case .networkException, .coordinatorLoadInProgress, .coordinatorNotAvailable,
            .notCoordinator:
            return (.notEnoughReplicas, "the transaction's coordinator says \(error.name)")
        case .concurrentTransactions where !raisesEpochs:
            return (.notEnoughReplicas, "the transaction's coordinator says \(error.name)")
        default: return (error, nil)
        }
    }
}

extension ProduceRequest {
    /// Whether it has transactional records.
    func isTransactional(_ frame: RawSpan, bodyStart: Int) -> Bool {
        for topic in topicData {
            for data in topic.partitionData
            where data.isTransactional(frame, bodyStart: bodyStart) {
                return true
            }
        }
        return false
    }
}

extension ProduceRequest.PartitionProduceData {
    /// The header of the first batch when that is transactional.
    fileprivate func transactionalHeader(
        _ frame: RawSpan, bodyStart: Int
    ) -> RecordBatchHeader? {
        guard isTransactional(frame, bodyStart: bodyStart), case .inFrame(let range) = records
        else { return nil }
        // One that cannot be read is refused when it is appended.
        return try? RecordBatchHeader(frame, at: bodyStart + range.lowerBound)
    }

    /// Whether the first batch says that it is transactional.
    fileprivate func isTransactional(_ frame: RawSpan, bodyStart: Int) -> Bool {
        guard case .inFrame(let range) = records, range.count >= RecordBatchHeader.byteCount else {
            return false
        }
        return RecordBatchHeader.isTransactional(frame, at: bodyStart + range.lowerBound)
    }
}

/// The transactional requests of one connection that stand behind one that asks its coordinator.
final class ProduceLine {
    fileprivate var waiting: [StoredProduce] = []
}

/// A produce request whose frame is kept.
private final class StoredProduce {
    let request: ProduceRequest
    let bodyStart: Int
    let context: RequestContext
    private var frame: [UInt8]
    let byteCount: Int

    init(
        _ request: ProduceRequest, _ frame: RawSpan, bodyStart: Int, _ context: RequestContext
    ) {
        self.request = request
        self.bodyStart = bodyStart
        self.context = context
        byteCount = frame.byteCount
        // The span is read within the call.
        self.frame = unsafe frame.withUnsafeBytes { unsafe Array($0) }
    }

    func withFrame(_ body: (inout MutableRawSpan) -> Void) {
        var frame = self.frame
        self.frame = []
        var span = frame.mutableSpan
        // Bytes have no padding.
        var bytes = unsafe span.mutableBytes
        body(&bytes)
    }
}
