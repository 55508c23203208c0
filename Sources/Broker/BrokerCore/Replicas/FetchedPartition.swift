import KafkaProtocol
import KafkaWire
import LogStorage
import Replication

/// What a fetcher knows of one of its partitions.
struct FetchedPartition {
    let cell: PartitionCell
    /// The epoch in which it follows.
    let epoch: LeaderEpoch
    var phase = Phase.syncing
    /// The first request that asks the leader for it from the position that it is at; answers to
    /// earlier ones are of another position.
    var askedBy: Int?
    var isAsked: Bool { askedBy != nil }
    /// Errors in a row.
    var failures = 0

    /// Where a partition stands.
    enum Phase: Equatable {
        /// It is fetched from this position.
        case ready(PartitionReplica.FetchPosition)
        /// What it has is not on disk yet.
        case syncing
        /// Its log is being cut off.
        case truncating
        /// The leader is asked where its log begins and ends.
        case comparing
        /// It is left alone after an error (monotonic ns).
        case resting(until: Int64)
    }
}

extension PartitionCell {
    /// Where its follower stands, on disk or not.
    var position: PartitionReplica.FetchPosition {
        locked { $0.position }
    }
}

/// Asks a leader where its log of one partition begins and ends, as a follower does that is out of
/// its range.
final class LeaderOffsets {
    private let partition: FetchedPartition
    private let leader: BrokerID
    private let lane: PeerLane
    private let endpoint: PeerEndpoint
    private var latest: Offset?
    private var earliest: Offset?
    private var outstanding = 2

    init(
        _ partition: FetchedPartition, leader: BrokerID, lane: PeerLane, _ endpoint: PeerEndpoint
    ) {
        self.partition = partition
        self.leader = leader
        self.lane = lane
        self.endpoint = endpoint
    }

    /// - Parameter then: gets both, or `nil` when the leader did not tell.
    func find(
        on loop: BrokerLoop,
        then: @escaping ((earliest: Offset, latest: Offset)?, ClockReading) -> Void
    ) {
        ask(-1, on: loop) {
            self.latest = $0
        } then: {
            self.settle($0, then)
        }
        ask(-2, on: loop) {
            self.earliest = $0
        } then: {
            self.settle($0, then)
        }
    }

    private func settle(
        _ now: ClockReading,
        _ then: ((earliest: Offset, latest: Offset)?, ClockReading) -> Void
    ) {
        outstanding -= 1
        guard outstanding == 0 else { return }
        guard let earliest, let latest else { return then(nil, now) }
        then((earliest, latest), now)
    }

    private func ask(
        _ timestamp: Int64, on loop: BrokerLoop, _ store: @escaping (Offset?) -> Void,
        then: @escaping (ClockReading) -> Void
    ) {
        let name = partition.cell.topicPartition
        let request = ListOffsetsRequest(
            replicaID: loop.view.settings.nodeID.rawValue,
            topics: [
                .init(
                    name: name.topic,
                    partitions: [
                        .init(
                            partitionIndex: name.partition,
                            currentLeaderEpoch: partition.epoch.rawValue, timestamp: timestamp)
                    ])
            ])
        loop.ask(
            leader, at: endpoint, lane: lane, request, versions: 4...9,
            timeoutMs: loop.view.settings.replication.socketTimeoutMs
        ) { outcome, now in
            if case .success(let response) = outcome.decoded(ListOffsetsResponse.self),
                let found = response.topics.first?.partitions.first,
                found.errorCode == KafkaError.none.rawValue, found.offset >= 0
            {
                store(Offset(found.offset))
            }
            then(now)
        }
    }
}
