import KafkaProtocol
import KafkaWire
import LogStorage
import Replication

/// ListOffsets (key 2): the offset of a timestamp, or of a special one.
///
/// -1 latest, -2 earliest, -3 record of the largest timestamp (KIP-734), -4 earliest local,
/// -5 last tiered (KIP-1005), -6 earliest pending upload (KIP-1023). Without tiered storage -4 is
/// the earliest and -5 and -6 know no offset. Looking a timestamp up reads the log, so that runs
/// off the loop.
extension BrokerLoop {
    func listOffsets(_ request: ListOffsetsRequest, _ context: RequestContext) {
        let lookups = request.topics.map { topic in
            OffsetLookup(
                topic: topic, view: view, readCommitted: request.isolationLevel == 1,
                isReplica: request.replicaID >= 0, version: context.apiVersion)
        }
        if request.topics.allSatisfy({
            $0.partitions.allSatisfy { $0.timestamp == -1 || $0.timestamp == -2 }
        }) {
            return listKnownOffsets(lookups, context)
        }
        inBackground(context) {
            BackgroundResult(message: ListOffsetsResponse(topics: lookups.map { $0.answer() }))
        }
    }

    /// Answers with the latest and earliest offsets.
    ///
    /// What a client wrote with `acks=1` before it asks for the latest offset counts, as it does
    /// with Apache Kafka: the answer waits for the sync of it.
    private func listKnownOffsets(_ lookups: [OffsetLookup], _ context: RequestContext) {
        let ticket = newTicket()
        let state = PendingOffsets(
            waits: lookups.flatMap { lookup in lookup.latest.map { ($0, .zero) } }, lookups)
        guard state.settle(ticket, register: requestFlush) else {
            return answer(state.response, to: context)
        }
        delay(
            PendingRequest(context: context, kind: .offsets(state)), ticket: ticket,
            deadline: context.now.deadline(afterMs: PendingOffsets.mostMs))
    }

    func retryOffsets(
        _ state: PendingOffsets, _ context: RequestContext, ticket: WaitTicket, expired: Bool
    ) {
        guard expired || !state.settle(ticket, register: nil) else { return }
        state.cancel(ticket)
        pending[ticket.request] = nil
        answer(state.response, to: context)
    }

    /// Runs `work` on the I/O threads on behalf of this loop; `then` gets its message.
    func inBackground(
        _ work: @escaping @Sendable () -> BackgroundResult,
        then: @escaping (any KafkaMessage, ClockReading) -> Void
    ) {
        let ticket = newTicket()
        continuations[ticket.request] = then
        emit(.background(BackgroundJob(ticket: ticket, run: work)))
    }

    /// Runs `work` on the I/O threads and answers with what it gives.
    func inBackground(
        _ context: RequestContext, _ work: @escaping @Sendable () -> BackgroundResult
    ) {
        let ticket = newTicket()
        delay(
            PendingRequest(context: context, kind: .elsewhere), ticket: ticket, deadline: nil)
        emit(.background(BackgroundJob(ticket: ticket, run: work)))
    }
}

/// A request for latest offsets while some of the records before them are not on disk.
final class PendingOffsets {
    /// Longest wait in ms.
    static let mostMs: Int64 = 1000
    private var waits: [(cell: PartitionCell, required: Offset)]
    private let lookups: [OffsetLookup]

    fileprivate init(waits: [(cell: PartitionCell, required: Offset)], _ lookups: [OffsetLookup]) {
        self.waits = waits
        self.lookups = lookups
    }

    var response: ListOffsetsResponse {
        ListOffsetsResponse(topics: lookups.map { $0.answer() })
    }

    /// Crosses off the partitions whose records count; whether any is left.
    ///
    /// - Parameter register: the first time: what to do, the cell entered, with each that is left.
    func settle(
        _ ticket: WaitTicket, register: ((PartitionReplica, PartitionCell) -> Void)?
    ) -> Bool {
        waits = waits.compactMap { cell, required in
            cell.locked { replica in
                guard let register else {
                    let isDone = replica.highWatermark >= required || replica.leaderEpoch == nil
                    return isDone ? nil : (cell, required)
                }
                let log = replica.log
                guard replica.leaderEpoch != nil, replica.replicas.count <= 1,
                    log.flushedOffset < log.logEndOffset,
                    replica.highWatermark < log.logEndOffset
                else { return nil }
                replica.awaitHighWatermark(log.logEndOffset, ticket: ticket)
                register(replica, cell)
                return (cell, log.logEndOffset)
            }
        }
        return !waits.isEmpty
    }

    func cancel(_ ticket: WaitTicket) {
        for (cell, _) in waits { cell.locked { $0.cancelAwaitHighWatermark(ticket: ticket) } }
    }
}

/// The asked offsets of one topic.
private struct OffsetLookup: Sendable {
    let topic: ListOffsetsRequest.ListOffsetsTopic
    let view: BrokerView
    let readCommitted: Bool
    /// Asked by a follower, which reads to the log's end.
    let isReplica: Bool
    let version: Int16

    /// The partitions that are asked for their latest offset.
    var latest: [PartitionCell] {
        if isReplica { return [] }
        return topic.partitions.compactMap {
            $0.timestamp == -1 ? view.topic(named: topic.name)?[$0.partitionIndex] : nil
        }
    }

    /// The first version that knows each special timestamp.
    private static let firstVersions: [Int64: Int16] = [
        -1: 1, -2: 1, -3: 7, -4: 8, -5: 9, -6: 11,
    ]

    func answer() -> ListOffsetsResponse.ListOffsetsTopicResponse {
        var uses: [Int32: Int] = [:]
        for partition in topic.partitions { uses[partition.partitionIndex, default: 0] += 1 }
        var answered: Set<Int32> = []
        // A partition that is asked for twice is refused once.
        let distinct = topic.partitions.filter { answered.insert($0.partitionIndex).inserted }
        return .init(
            name: topic.name,
            partitions: distinct.map { answer($0, isRepeated: (uses[$0.partitionIndex] ?? 0) > 1) })
    }

    private func answer(
        _ asked: ListOffsetsRequest.ListOffsetsPartition, isRepeated: Bool
    ) -> ListOffsetsResponse.ListOffsetsPartitionResponse {
        var response = ListOffsetsResponse.ListOffsetsPartitionResponse(
            partitionIndex: asked.partitionIndex)
        response.timestamp = -1
        response.offset = -1
        response.leaderEpoch = -1
        guard !isRepeated else {
            response.errorCode = KafkaError.invalidRequest.rawValue
            return response
        }
        guard asked.timestamp >= 0 || version >= Self.firstVersions[asked.timestamp] ?? .max else {
            response.errorCode = KafkaError.unsupportedVersion.rawValue
            return response
        }
        guard let cell = view.topic(named: topic.name)?[asked.partitionIndex] else {
            response.errorCode = view.refusal(named: topic.name, asked.partitionIndex).rawValue
            return response
        }
        let replica = cell.enter()
        defer { cell.leave() }
        switch lookUp(asked, replica) {
        case .success(let found?):
            response.timestamp = found.timestamp
            response.offset = found.offset.rawValue
            if version >= 4 { response.leaderEpoch = found.leaderEpoch.rawValue }
        case .success(nil): break
        case .failure(let error): response.errorCode = error.rawValue
        }
        return response
    }

    private func lookUp(
        _ asked: ListOffsetsRequest.ListOffsetsPartition, _ replica: PartitionReplica
    ) -> Result<TimestampedOffset?, KafkaError> {
        guard let epoch = replica.leaderEpoch else { return .failure(replica.refusal) }
        let known = LeaderEpoch(asked.currentLeaderEpoch)
        if known != .none && known < epoch { return .failure(.fencedLeaderEpoch) }
        if known != .none && known > epoch { return .failure(.unknownLeaderEpoch) }
        let log = replica.log
        let end =
            isReplica ? log.logEndOffset : replica.visibleEnd(readCommitted: readCommitted)
        let isEndUnknown = replica.isEndUnknown && !isReplica
        do {
            switch asked.timestamp {
            case -1 where isEndUnknown: return .failure(unknownEnd)
            case -1: return .success(at(end, epoch))
            case -2, -4: return .success(at(log.logStartOffset, log.epoch(of: log.logStartOffset)))
            case -3:
                let found = try log.maxTimestampOffset()
                return .success(found.flatMap { $0.offset < end ? $0 : nil })
            case -5, -6: return .success(at(Offset(-1), .none))
            default:
                let found = try log.offset(forTimestamp: asked.timestamp, upTo: end)
                return found == nil && isEndUnknown ? .failure(unknownEnd) : .success(found)
            }
        } catch {
            return .failure(error.kafkaError)
        }
    }

    /// What a client of this version is told while the end is not known (KIP-207).
    private var unknownEnd: KafkaError {
        version >= 5 ? .offsetNotAvailable : .leaderNotAvailable
    }

    private func at(_ offset: Offset, _ epoch: LeaderEpoch) -> TimestampedOffset {
        TimestampedOffset(timestamp: -1, offset: offset, leaderEpoch: epoch)
    }
}
