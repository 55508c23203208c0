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
                topic: topic, cells: view.topic(named: topic.name),
                readCommitted: request.isolationLevel == 1, version: context.apiVersion)
        }
        if request.topics.allSatisfy({
            $0.partitions.allSatisfy { $0.timestamp == -1 || $0.timestamp == -2 }
        }) {
            return answer(ListOffsetsResponse(topics: lookups.map { $0.answer() }), to: context)
        }
        inBackground(context) {
            BackgroundResult(message: ListOffsetsResponse(topics: lookups.map { $0.answer() }))
        }
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

/// The asked offsets of one topic.
private struct OffsetLookup: Sendable {
    let topic: ListOffsetsRequest.ListOffsetsTopic
    let cells: TopicCells?
    let readCommitted: Bool
    let version: Int16

    func answer() -> ListOffsetsResponse.ListOffsetsTopicResponse {
        .init(name: topic.name, partitions: topic.partitions.map(answer))
    }

    private func answer(
        _ asked: ListOffsetsRequest.ListOffsetsPartition
    ) -> ListOffsetsResponse.ListOffsetsPartitionResponse {
        var response = ListOffsetsResponse.ListOffsetsPartitionResponse(
            partitionIndex: asked.partitionIndex)
        response.timestamp = -1
        response.offset = -1
        response.leaderEpoch = -1
        guard let cell = cells?[asked.partitionIndex] else {
            response.errorCode = KafkaError.unknownTopicOrPartition.rawValue
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
        let end = replica.visibleEnd(readCommitted: readCommitted)
        do {
            switch asked.timestamp {
            case -1: return .success(at(end, epoch))
            case -2, -4: return .success(at(log.logStartOffset, log.epoch(of: log.logStartOffset)))
            case -3:
                let found = try log.maxTimestampOffset()
                return .success(found.flatMap { $0.offset < end ? $0 : nil })
            case -5, -6: return .success(at(Offset(-1), .none))
            case ..<0: return .failure(.unsupportedVersion)
            default:
                return .success(try log.offset(forTimestamp: asked.timestamp, upTo: end))
            }
        } catch {
            return .failure(error.kafkaError)
        }
    }

    private func at(_ offset: Offset, _ epoch: LeaderEpoch) -> TimestampedOffset {
        TimestampedOffset(timestamp: -1, offset: offset, leaderEpoch: epoch)
    }
}
