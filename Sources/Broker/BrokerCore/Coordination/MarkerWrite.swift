import ClusterController
import Coordinators
import KafkaProtocol
import KafkaWire
import LogStorage
import Replication

extension BrokerLoop {
    /// Writes a marker to partitions that this node leads; `then` gets an error, or `none`, for
    /// each once it is replicated as `acks=all` asks.
    func write(
        _ marker: CoordinatorMarker, to partitions: [TopicPartition], now: ClockReading,
        then: @escaping ([TopicPartition: KafkaError], ClockReading) -> Void
    ) {
        let write = MarkerWrite(
            marker, deadline: now.deadline(afterMs: view.transactionSettings.markerTimeoutMs),
            done: then)
        write.start(partitions, on: self, now: now)
    }
}

/// One transaction's marker on its way into partitions of this node.
///
/// A partition of `__consumer_offsets` takes it through the shard of its groups, which then counts
/// or drops the transaction's offsets; any other by itself.
private final class MarkerWrite: Resumable {
    /// A partition that has the marker and has yet to replicate it.
    private struct Wait {
        let partition: TopicPartition
        let cell: PartitionCell
        let required: Offset
        let ticket: WaitTicket
    }
    private let marker: CoordinatorMarker
    /// When what is not replicated counts as failed (monotonic ns).
    private let deadline: Int64
    private var done: (([TopicPartition: KafkaError], ClockReading) -> Void)?
    private var waits: [Wait] = []
    /// Shards that have not answered, and one while the marker is being handed out.
    private var outstanding = 1
    private var results: [TopicPartition: KafkaError] = [:]
    private var alarm: UInt64?

    init(
        _ marker: CoordinatorMarker, deadline: Int64,
        done: @escaping ([TopicPartition: KafkaError], ClockReading) -> Void
    ) {
        self.marker = marker
        self.deadline = deadline
        self.done = done
    }

    func start(_ partitions: [TopicPartition], on loop: BrokerLoop, now: ClockReading) {
        for partition in partitions {
            guard let cell = loop.view.topic(named: partition.topic)?[partition.partition] else {
                results[partition] = .unknownTopicOrPartition
                continue
            }
            if partition.topic == TopicName.consumerOffsets {
                write(to: partition, throughShardOn: loop, now)
            } else {
                append(to: partition, cell, on: loop, now)
            }
        }
        outstanding -= 1
        if !waits.isEmpty { setAlarm(on: loop) }
        settle(on: loop, now)
    }

    func resume(on loop: BrokerLoop, now: ClockReading) { settle(on: loop, now) }

    // MARK: Writing

    private func append(
        to partition: TopicPartition, _ cell: PartitionCell, on loop: BrokerLoop,
        _ now: ClockReading
    ) {
        var log = CellLog(
            cell, durability: loop.view.settings.durability, now: now.wallMs)
        switch log.append(
            marker.batch(now: now.wallMs), transactionVersion: marker.transactionVersion)
        {
        case .failure(let error): results[partition] = error
        case .success(let offset):
            let ticket = loop.newTicket()
            loop.resumptions[ticket.request] = self
            waits.append(
                Wait(partition: partition, cell: cell, required: offset + 1, ticket: ticket))
            cell.locked { replica in
                guard replica.highWatermark <= offset, replica.leaderEpoch != nil else { return }
                replica.awaitHighWatermark(offset + 1, ticket: ticket)
            }
        }
        loop.follow(log)
    }

    private func write(
        to partition: TopicPartition, throughShardOn loop: BrokerLoop, _ now: ClockReading
    ) {
        outstanding += 1
        let marker = self.marker
        @Sendable func message(_ error: KafkaError) -> any KafkaMessage {
            WriteTxnMarkersResponse(markers: [
                .init(topics: [.init(partitions: [.init(errorCode: error.rawValue)])])
            ])
        }
        loop.consult(
            loop.view.coordinators.groups[partition.partition], now: now, failed: message,
            { machine, caller, _ in
                machine.write(marker)
                machine.outbox.reply(
                    CoordinatorReply(message(.none), to: caller, onLoss: message))
            },
            then: { [self, unowned loop] message, now in
                let code = (message as? WriteTxnMarkersResponse)?.markers.first?.topics.first?
                    .partitions.first?.errorCode
                results[partition] = Self.translated(
                    code.flatMap { KafkaError(rawValue: $0) } ?? .unknownServerError)
                outstanding -= 1
                settle(on: loop, now)
            })
    }

    /// A transaction's coordinator knows partitions and no group coordinators.
    private static func translated(_ error: KafkaError) -> KafkaError {
        switch error {
        case .coordinatorNotAvailable, .coordinatorLoadInProgress, .notCoordinator:
            .notLeaderOrFollower
        default: error
        }
    }

    // MARK: Waiting

    private func setAlarm(on loop: BrokerLoop) {
        let ticket = loop.newTicket()
        alarm = ticket.request
        loop.resumptions[ticket.request] = self
        loop.deadlines.add(ticket.request, at: deadline)
    }

    private func settle(on loop: BrokerLoop, _ now: ClockReading) {
        waits.removeAll { wait in
            guard let result = result(of: wait, now) else { return false }
            results[wait.partition] = result
            loop.resumptions[wait.ticket.request] = nil
            return true
        }
        guard waits.isEmpty, outstanding == 0, let done else { return }
        self.done = nil
        if let alarm { loop.resumptions[alarm] = nil }
        done(results, now)
    }

    private func result(of wait: Wait, _ now: ClockReading) -> KafkaError? {
        wait.cell.locked { replica in
            if replica.highWatermark >= wait.required { return KafkaError.none }
            if replica.leaderEpoch == nil { return replica.refusal }
            guard now.monotonicNs >= deadline else { return nil }
            replica.cancelAwaitHighWatermark(ticket: wait.ticket)
            return .requestTimedOut
        }
    }
}
