import KafkaProtocol
import KafkaRecords
import KafkaWire
import LogStorage
import Replication

/// Produce (key 0): appends each partition's batches, in place, and answers as `acks` asks.
///
/// `acks=0` has no answer, `acks=1` answers after the write, `acks=-1` once the high watermark has
/// passed the batches: in `flushed` mode, once they are on disk.
extension BrokerLoop {
    func produce(
        _ request: ProduceRequest, _ frame: inout MutableRawSpan, bodyStart: Int,
        _ context: RequestContext
    ) {
        if request.isTransactional(frame.bytes, bodyStart: bodyStart) {
            produceInTransaction(request, &frame, bodyStart: bodyStart, context)
        } else {
            produceNow(request, &frame, bodyStart: bodyStart, context, ProduceAdmission())
        }
    }

    /// Appends what `admission` lets pass.
    func produceNow(
        _ request: ProduceRequest, _ frame: inout MutableRawSpan, bodyStart: Int,
        _ context: RequestContext, _ admission: ProduceAdmission
    ) {
        var answers = ProduceAnswers(request)
        let ticket = newTicket()
        var waits: [ProduceWait] = []
        for (topicIndex, topic) in request.topicData.enumerated() {
            let cells = view.topic(id: topic.topicID, name: topic.name, version: context.apiVersion)
            for (partitionIndex, data) in topic.partitionData.enumerated() {
                let place = ProducePlace(topic: topicIndex, partition: partitionIndex)
                if let refusal = admission.refusals[place] {
                    answers.fail(topicIndex, partitionIndex, refusal.error, refusal.message)
                    continue
                }
                let outcome = produce(
                    data, of: topic, acks: request.acks, into: cells?[data.index], &frame,
                    bodyStart: bodyStart, context, admission.check(place))
                answers.set(topicIndex, partitionIndex, outcome)
                guard request.acks == -1, let wait = outcome.wait else { continue }
                waits.append(
                    ProduceWait(
                        topic: topicIndex, partition: partitionIndex, cell: wait.cell,
                        required: wait.required))
            }
        }
        if request.acks == 0 { return finishProduce(answers, acks: 0, context) }
        let state = PendingProduce(answers: answers, waits: waits)
        state.settle(ticket: ticket, expired: false, register: requestFlush)
        guard !state.waits.isEmpty else { return answer(answers: state.answers, context) }
        delay(
            PendingRequest(context: context, kind: .produce(state)), ticket: ticket,
            deadline: context.now.deadline(afterMs: Int64(request.timeoutMs)))
    }

    /// Appends the batches of one partition.
    private func produce(
        _ data: ProduceRequest.PartitionProduceData, of topic: ProduceRequest.TopicProduceData,
        acks: Int16, into cell: PartitionCell?, _ frame: inout MutableRawSpan, bodyStart: Int,
        _ context: RequestContext, _ check: TransactionCheck
    ) -> ProduceOutcome {
        guard let cell else {
            return .failed(
                view.refusal(
                    id: topic.topicID, name: topic.name, version: context.apiVersion, data.index))
        }
        guard (-1...1).contains(acks) else { return .failed(.invalidRequiredAcks) }
        // Kafka's own admin client may, to mend a coordinator's log.
        guard !cell.isInternal || context.clientID == "__admin_client" else {
            return .failed(
                .invalidTopicException,
                "records cannot be produced to the internal topic \(cell.topicPartition.topic)")
        }
        guard case .inFrame(let range) = data.records, !range.isEmpty else {
            return .failed(.invalidRecord, "the request has no records for this partition")
        }
        var batches = frame._mutatingExtracting(
            bodyStart + range.lowerBound..<bodyStart + range.upperBound)
        if let flaw = ProduceOutcome.flaw(of: batches.bytes, version: context.apiVersion) {
            return flaw
        }
        let replica = cell.enter()
        defer { cell.leave() }
        guard let epoch = replica.leaderEpoch else { return .failed(replica.refusal) }
        if acks == -1, replica.lacksReplicas {
            sometimes(.produceLacksReplicas)
            return .failed(
                .notEnoughReplicas,
                "\(replica.inSyncCount) replicas of \(cell.topicPartition) are in sync, "
                    + "\(replica.leastInSync) are asked for")
        }
        do {
            let info = try replica.log.append(
                &batches, origin: .client, leaderEpoch: epoch, now: context.now.wallMs,
                check: check)
            let wakes = replica.appended(durability: view.settings.durability)
            if !wakes.isEmpty { emit(.wake(wakes)) }
            if acks != -1 { requestFlush(replica, cell) }
            return .appended(info, logStartOffset: replica.log.logStartOffset, cell: cell)
        } catch {
            return failure(error, cell)
        }
    }

    /// Has the partition synced as soon as what waits for it needs.
    func requestFlush(_ replica: PartitionReplica, _ cell: PartitionCell) {
        let urgency = replica.takeFlushRequest(
            durability: view.settings.durability, mostBytes: limits.flushPace.intervalBytes)
        if let urgency { emit(.flush(cell, urgency)) }
    }

    private func failure(_ error: AppendError, _ cell: PartitionCell) -> ProduceOutcome {
        switch error {
        case .kafka(let code, let message): return .failed(code, message)
        case .invalidRecords(let code, let records):
            return .failed(code, "\(records.count) records of the batch are refused", records)
        case .io(let cause):
            sometimes(.produceMeetsBadDisk)
            emit(.directoryFailed(path: cell.logDirectory, cause))
            return .failed(.kafkaStorageError, "the log directory failed: \(cause.message)")
        }
    }

    /// Answers; with `acks=0` a failure can only be told by closing the connection, as Kafka does.
    func finishProduce(_ answers: ProduceAnswers, acks: Int16, _ context: RequestContext) {
        guard acks == 0 else { return answer(answers: answers, context) }
        if let error = answers.firstError {
            close(context.connection, "produce with acks=0 failed: \(error.name)")
        } else {
            finish(context, with: nil)
        }
    }

    func retryProduce(
        _ state: PendingProduce, _ context: RequestContext, ticket: WaitTicket, expired: Bool
    ) {
        state.settle(ticket: ticket, expired: expired, register: nil)
        guard state.waits.isEmpty else { return }
        pending[ticket.request] = nil
        answer(answers: state.answers, context)
    }

    private func answer(answers: ProduceAnswers, _ context: RequestContext) {
        guard answers.needsHints, context.apiVersion >= 10 else {
            return answer(answers.response, to: context)
        }
        var hints = LeaderHints(view, listener: context.listener)
        answer(answers.response(with: &hints), to: context)
    }
}

extension PartitionReplica {
    /// Why this replica does not serve clients now.
    var refusal: KafkaError {
        if case .offline = role { .kafkaStorageError } else { .notLeaderOrFollower }
    }
}

/// What became of one partition's batches.
enum ProduceOutcome {
    case appended(AppendInfo, logStartOffset: Offset, cell: PartitionCell)
    case failed(KafkaError, String? = nil, [RecordRejection] = [])

    /// What the version of the request does not allow of a batch: more than one for a partition,
    /// and zstd before version 7 (KIP-110). The log checks all else.
    static func flaw(of records: RawSpan, version: Int16) -> ProduceOutcome? {
        guard let header = try? RecordBatchHeader(records, at: 0), header.magic == 2 else {
            return nil
        }
        if version < 7, header.compression == .zstd {
            return .failed(
                .unsupportedCompressionType, "zstd needs version 7 of Produce, not \(version)")
        }
        guard header.sizeInBytes < records.byteCount,
            (try? RecordBatchHeader(records, at: header.sizeInBytes)) != nil
        else { return nil }
        return .failed(.invalidRecord, "a request has one batch for a partition, not several")
    }

    /// What `acks=-1` waits for.
    var wait: (cell: PartitionCell, required: Offset)? {
        guard case .appended(let info, _, let cell) = self else { return nil }
        return (cell, info.lastOffset + 1)
    }
}

/// The response of a produce request while it is being filled in.
struct ProduceAnswers {
    private(set) var response = ProduceResponse()
    private(set) var firstError: KafkaError?
    /// Some partition is led elsewhere.
    private(set) var needsHints = false

    init(_ request: ProduceRequest) {
        response.responses = request.topicData.map { topic in
            ProduceResponse.TopicProduceResponse(
                name: topic.name, topicID: topic.topicID,
                partitionResponses: topic.partitionData.map {
                    ProduceResponse.PartitionProduceResponse(index: $0.index)
                })
        }
    }

    mutating func set(_ topic: Int, _ partition: Int, _ outcome: ProduceOutcome) {
        switch outcome {
        case .appended(let info, let logStartOffset, _):
            fill(topic, partition) {
                $0.baseOffset = info.baseOffset.rawValue
                $0.logAppendTimeMs = info.logAppendTime
                $0.logStartOffset = logStartOffset.rawValue
            }
        case .failed(let error, let message, let records):
            fail(topic, partition, error, message)
            fill(topic, partition) {
                $0.recordErrors = records.map {
                    ProduceResponse.BatchIndexAndErrorMessage(
                        batchIndex: Int32($0.index), batchIndexErrorMessage: $0.description)
                }
            }
        }
    }

    mutating func fail(_ topic: Int, _ partition: Int, _ error: KafkaError, _ message: String?) {
        firstError = firstError ?? error
        if error == .notLeaderOrFollower || error == .fencedLeaderEpoch { needsHints = true }
        fill(topic, partition) {
            $0.errorCode = error.rawValue
            $0.errorMessage = message
            $0.baseOffset = -1
            $0.logAppendTimeMs = -1
            $0.logStartOffset = -1
        }
    }

    /// The response with who leads what is led elsewhere (KIP-951).
    func response(with hints: inout LeaderHints) -> ProduceResponse {
        var response = response
        for (topicIndex, topic) in response.responses.enumerated() {
            for (index, partition) in topic.partitionResponses.enumerated() {
                guard
                    let leader = hints.leader(
                        after: KafkaError(rawValue: partition.errorCode) ?? .none,
                        id: topic.topicID, name: topic.name, partition.index)
                else { continue }
                response.responses[topicIndex].partitionResponses[index].currentLeader = .init(
                    leaderID: leader.id, leaderEpoch: leader.epoch)
            }
        }
        response.nodeEndpoints = hints.nodes.map {
            .init(nodeID: $0.id, host: $0.host, port: $0.port, rack: $0.rack)
        }
        return response
    }

    private mutating func fill(
        _ topic: Int, _ partition: Int,
        _ body: (inout ProduceResponse.PartitionProduceResponse) -> Void
    ) {
        body(&response.responses[topic].partitionResponses[partition])
    }
}

/// One partition whose high watermark has yet to reach `required`.
struct ProduceWait {
    let topic: Int
    let partition: Int
    let cell: PartitionCell
    let required: Offset
}

/// A produce request with `acks=-1` that is not yet held by every in-sync replica.
final class PendingProduce {
    private(set) var answers: ProduceAnswers
    private(set) var waits: [ProduceWait]

    init(answers: ProduceAnswers, waits: [ProduceWait]) {
        self.answers = answers
        self.waits = waits
    }

    /// Crosses off the partitions that are done, that failed, or (`expired`) that took too long.
    ///
    /// - Parameter register: what to do, the cell entered, once this request waits for it.
    func settle(
        ticket: WaitTicket, expired: Bool, register: ((PartitionReplica, PartitionCell) -> Void)?
    ) {
        waits.removeAll { wait in
            let replica = wait.cell.enter()
            defer { wait.cell.leave() }
            if replica.highWatermark >= wait.required {
                if replica.inSyncCount < replica.leastInSync {
                    answers.fail(
                        wait.topic, wait.partition, .notEnoughReplicasAfterAppend, nil)
                }
                return true
            }
            guard replica.leaderEpoch != nil else {
                answers.fail(wait.topic, wait.partition, replica.refusal, nil)
                return true
            }
            if expired {
                replica.cancelAwaitHighWatermark(ticket: ticket)
                answers.fail(wait.topic, wait.partition, .requestTimedOut, nil)
                return true
            }
            if let register {
                replica.awaitHighWatermark(wait.required, ticket: ticket)
                register(replica, wait.cell)
            }
            return false
        }
    }

    func cancel(_ ticket: WaitTicket) {
        for wait in waits {
            wait.cell.locked { $0.cancelAwaitHighWatermark(ticket: ticket) }
        }
    }
}
