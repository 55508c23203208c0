import KafkaProtocol
import KafkaWire

/// A broker that new replicas may be placed on.
public struct UsableBroker: Equatable, Sendable {
    public var id: Int32
    /// Where it is; replicas of a partition are spread over racks.
    public var rack: String?
    /// Whether it may not lead now.
    public var isFenced: Bool

    public init(id: Int32, rack: String?, isFenced: Bool) {
        self.id = id
        self.rack = rack
        self.isFenced = isFenced
    }
}

/// Places replicas of new partitions as Kafka does: striped over racks, then over the brokers of a
/// rack, unfenced brokers first, the leader never on a fenced one.
///
/// Each partition starts one rack and, within a rack, one broker further than the one before. Once
/// every unfenced broker has had its turn at the start, racks and brokers are shuffled, so that
/// large topics do not repeat the same few sets of replicas.
public struct ReplicaPlacer {
    /// Brokers in a ring that is entered one further in each round.
    private struct Ring {
        var brokers: [Int32] = []
        private var taken = 0
        private var start = 0
        private var round = 0

        mutating func randomizeStart(using generator: inout some RandomNumberGenerator) {
            brokers.sort()
            if !brokers.isEmpty {
                start = Int.random(in: 0..<brokers.count, using: &generator)
            }
        }

        /// The next broker of this round, `nil` once all were taken.
        mutating func next(round: Int) -> Int32? {
            guard !brokers.isEmpty else { return nil }
            if self.round != round {
                self.round = round
                taken = 0
                start = (start + 1) % brokers.count
            }
            guard taken < brokers.count else { return nil }
            defer { taken += 1 }
            return brokers[(taken + start) % brokers.count]
        }
    }

    private struct Rack {
        var name: String?
        var fenced = Ring()
        var unfenced = Ring()

        mutating func next(round: Int) -> Int32? {
            unfenced.next(round: round) ?? fenced.next(round: round)
        }
    }

    private var racks: [Rack] = []
    private let brokerCount: Int
    private let unfencedCount: Int
    /// Counts partitions, so that each ring is entered anew for each of them.
    private var round = 0
    private var placedSinceShuffle = 0
    private var firstRack = 0

    /// Prepares placement on `brokers`, with starting points drawn from `generator`.
    public init(_ brokers: [UsableBroker], using generator: inout some RandomNumberGenerator) {
        brokerCount = brokers.count
        unfencedCount = brokers.count { !$0.isFenced }
        for broker in brokers {
            let known = racks.firstIndex { $0.name == broker.rack }
            if known == nil { racks.append(Rack(name: broker.rack)) }
            let rack = known ?? racks.count - 1
            if broker.isFenced {
                racks[rack].fenced.brokers.append(broker.id)
            } else {
                racks[rack].unfenced.brokers.append(broker.id)
            }
        }
        racks.sort { a, b in
            guard let x = a.name else { return b.name != nil }
            return b.name.map { x < $0 } ?? false
        }
        for rack in racks.indices {
            racks[rack].fenced.randomizeStart(using: &generator)
            racks[rack].unfenced.randomizeStart(using: &generator)
        }
        if !racks.isEmpty { firstRack = Int.random(in: 0..<racks.count, using: &generator) }
    }

    /// Places `partitions` partitions of `replicas` replicas each.
    ///
    /// - Returns: the brokers of each partition, its leader first.
    /// - Throws: INVALID_REPLICATION_FACTOR when there are too few brokers, or none is unfenced.
    public mutating func place(
        partitions: Int, replicas: Int, using generator: inout some RandomNumberGenerator
    ) throws(DecisionFailure) -> [[Int32]] {
        if replicas <= 0 {
            throw .init(
                .invalidReplicationFactor,
                "Invalid replication factor \(replicas): the replication factor must be positive.")
        }
        if unfencedCount == 0 {
            throw .init(
                .invalidReplicationFactor,
                "All brokers are currently fenced, or have all their log directories cordoned.")
        }
        if replicas > brokerCount {
            throw .init(
                .invalidReplicationFactor,
                "The target replication factor of \(replicas) cannot be reached because only "
                    + "\(brokerCount) broker(s) are registered or some brokers have all their log "
                    + "directories cordoned.")
        }
        return (0..<partitions).map { _ in placeOne(replicas: replicas, using: &generator) }
    }

    private mutating func placeOne(
        replicas: Int, using generator: inout some RandomNumberGenerator
    ) -> [Int32] {
        // There is nothing to shuffle with a single unfenced broker.
        if placedSinceShuffle == unfencedCount, unfencedCount > 1 {
            shuffle(using: &generator)
            placedSinceShuffle = 0
        }
        if firstRack == racks.count { firstRack = 0 }
        let (leader, leaderRack) = nextLeader()
        // The leader's rack has had its turn in the first pass over the racks.
        var skip: Int? = leaderRack
        var chosen = [leader]
        var rack = firstRack
        while chosen.count < replicas {
            if rack == skip {
                skip = nil
            } else if let broker = racks[rack].next(round: round) {
                chosen.append(broker)
            }
            rack = (rack + 1) % racks.count
        }
        round += 1
        placedSinceShuffle += 1
        firstRack += 1
        return chosen
    }

    /// The next unfenced broker, from the first rack on that has one, with that rack.
    private mutating func nextLeader() -> (broker: Int32, rack: Int) {
        var rack = firstRack
        while true {
            if let broker = racks[rack].unfenced.next(round: round) { return (broker, rack) }
            rack = (rack + 1) % racks.count
        }
    }

    private mutating func shuffle(using generator: inout some RandomNumberGenerator) {
        racks.shuffle(using: &generator)
        for rack in racks.indices {
            racks[rack].fenced.brokers.shuffle(using: &generator)
            racks[rack].unfenced.brokers.shuffle(using: &generator)
        }
    }
}

extension MetadataImage {
    /// The brokers that new replicas may go to, sorted by id: not shutting down, with a directory
    /// that is not cordoned.
    var usableBrokers: [UsableBroker] {
        sortedBrokers.filter { !$0.inControlledShutdown && $0.hasUncordonedDirs }.map {
            UsableBroker(id: $0.id, rack: $0.rack, isFenced: $0.isFenced)
        }
    }

    /// The directory that a new replica on `broker` is recorded with.
    func defaultDirectory(of broker: Int32) -> KafkaUUID {
        brokers[broker]?.defaultDirectory ?? DirectoryID.unassigned
    }

    /// Whether `broker` is registered, not fenced and not shutting down.
    func isActive(_ broker: Int32) -> Bool { brokers[broker]?.isActive ?? false }
}
