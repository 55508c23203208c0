import ClusterController
import KafkaProtocol
import KafkaWire
import LogStorage
import Replication

/// DeleteRecords (key 21): raises a partition's log start, up to its high watermark (KIP-107).
///
/// The new start is on disk (in `log-start-offset-checkpoint`) before the answer leaves, so that a
/// deleted record never comes back; and all followers that live have taken it over, or the time
/// that the request gives has passed.
extension BrokerLoop {
    func deleteRecords(_ request: DeleteRecordsRequest, _ context: RequestContext) {
        let view = self.view
        let ticket = newTicket()
        delay(PendingRequest(context: context, kind: .elsewhere), ticket: ticket, deadline: nil)
        inBackground({
            var touched: [PartitionCell] = []
            var failures: [(directory: String, error: FileError)] = []
            var topics = request.topics.map { topic in
                let cells = view.topic(named: topic.name)
                return DeleteRecordsResponse.DeleteRecordsTopicResult(
                    name: topic.name,
                    partitions: topic.partitions.map {
                        raiseLogStart(
                            $0, topic.name, cells?[$0.partitionIndex], view, &touched)
                    })
            }
            var saved: Set<String> = []
            // A replica may be moved to another directory meanwhile.
            while let directory = touched.map(\.logDirectory).filter({ !saved.contains($0) }).min()
            {
                saved.insert(directory)
                do throws(FileError) {
                    try view.directories.checkpoint(.logStartOffset, of: directory)
                } catch {
                    failures.append((directory, error))
                    failPartitions(&topics, in: directory, view, .kafkaStorageError)
                }
            }
            return BackgroundResult(
                message: DeleteRecordsResponse(topics: topics), failures: failures)
        }) { [unowned self] message, now in
            guard let response = message as? DeleteRecordsResponse else { return }
            DeletedRecords(
                response, ticket: ticket,
                deadline: context.now.deadline(afterMs: Int64(request.timeoutMs))
            ).resume(on: self, now: now)
        }
    }
}

/// Partitions whose followers have yet to take over a new log start, which they do as they fetch.
private final class DeletedRecords: Resumable {
    private var response: DeleteRecordsResponse
    private let ticket: WaitTicket
    private let deadline: Int64
    /// How often the followers are looked at, in ms.
    private static let pauseMs: Int64 = 20

    init(_ response: DeleteRecordsResponse, ticket: WaitTicket, deadline: Int64) {
        self.response = response
        self.ticket = ticket
        self.deadline = deadline
    }

    func resume(on loop: BrokerLoop, now: ClockReading) {
        guard loop.pending[ticket.request] != nil else { return }
        let isLate = now.monotonicNs >= deadline
        var isDone = true
        for topic in response.topics.indices {
            let cells = loop.view.topic(named: response.topics[topic].name)
            for index in response.topics[topic].partitions.indices {
                let isThere = hasArrived(
                    &response.topics[topic].partitions[index], cells, loop.view, isLate: isLate)
                isDone = isDone && isThere
            }
        }
        if isDone { return loop.completed(ticket, message: response, now: now) }
        let next = loop.newTicket()
        loop.resumptions[next.request] = self
        loop.deadlines.add(next.request, at: now.deadline(afterMs: Self.pauseMs))
    }

    private func hasArrived(
        _ result: inout DeleteRecordsResponse.DeleteRecordsPartitionResult, _ cells: TopicCells?,
        _ view: BrokerView, isLate: Bool
    ) -> Bool {
        guard result.errorCode == KafkaError.none.rawValue,
            let cell = cells?[result.partitionIndex]
        else { return true }
        let (low, leads) = cell.locked { replica in
            (
                replica.lowWatermark {
                    view.image.brokers[$0.rawValue]?.isFenced == false
                }, replica.leaderEpoch != nil
            )
        }
        if low.rawValue >= result.lowWatermark { return true }
        guard isLate || !leads else { return false }
        let error: KafkaError = leads ? .requestTimedOut : .notLeaderOrFollower
        result.errorCode = error.rawValue
        result.lowWatermark = -1
        return true
    }
}

private func raiseLogStart(
    _ asked: DeleteRecordsRequest.DeleteRecordsPartition, _ topic: String, _ cell: PartitionCell?,
    _ view: BrokerView, _ touched: inout [PartitionCell]
) -> DeleteRecordsResponse.DeleteRecordsPartitionResult {
    var result = DeleteRecordsResponse.DeleteRecordsPartitionResult(
        partitionIndex: asked.partitionIndex)
    result.lowWatermark = -1
    guard let cell else {
        result.errorCode = view.refusal(named: topic, asked.partitionIndex).rawValue
        return result
    }
    guard !TopicName.isInternal(topic) else {
        result.errorCode = KafkaError.invalidTopicException.rawValue
        return result
    }
    guard view.allowsDeleteRecords(topic: topic) else {
        result.errorCode = KafkaError.policyViolation.rawValue
        return result
    }
    let replica = cell.enter()
    defer { cell.leave() }
    guard replica.leaderEpoch != nil else {
        result.errorCode = replica.refusal.rawValue
        return result
    }
    let offset = asked.offset == -1 ? replica.highWatermark : Offset(asked.offset)
    guard offset >= .zero, offset <= replica.highWatermark else {
        result.errorCode = KafkaError.offsetOutOfRange.rawValue
        return result
    }
    do {
        try replica.log.deleteRecords(before: offset)
        replica.logStartOffsetMoved()
        result.lowWatermark = replica.log.logStartOffset.rawValue
        touched.append(cell)
    } catch {
        // Only an offset beyond the log's end; nothing is written here.
        result.errorCode = error.kafkaError.rawValue
    }
    return result
}

/// The start offsets of `directory` could not be saved: its partitions may not claim success.
private func failPartitions(
    _ topics: inout [DeleteRecordsResponse.DeleteRecordsTopicResult], in directory: String,
    _ view: BrokerView, _ error: KafkaError
) {
    for topic in topics.indices {
        let cells = view.topic(named: topics[topic].name)
        for partition in topics[topic].partitions.indices {
            let number = topics[topic].partitions[partition].partitionIndex
            guard cells?[number]?.logDirectory == directory else { continue }
            topics[topic].partitions[partition].errorCode = error.rawValue
            topics[topic].partitions[partition].lowWatermark = -1
        }
    }
}
