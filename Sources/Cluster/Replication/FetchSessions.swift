import KafkaProtocol
import KafkaWire

/// What a fetcher wants of one partition, as its session remembers it (KIP-227).
public struct FetchInterest: Equatable, Sendable {
    public var topicID: KafkaUUID
    /// The topic's name as the client sent it (versions before 13), empty otherwise.
    public var topic: String
    public var partition: Int32
    public var fetchOffset: Offset
    /// Most bytes of this partition.
    public var maxBytes: Int32
    /// The leader epoch that the client knows, -1 when it knows none.
    public var currentLeaderEpoch: LeaderEpoch
    /// The epoch of the last record that the client has, -1 when it did not say.
    public var lastFetchedEpoch: LeaderEpoch
    /// Where a follower's log begins, -1 from consumers.
    public var logStartOffset: Offset
    /// What was last told to the client, so that an incremental answer may leave the partition out.
    public var toldHighWatermark: Offset = Offset(-1)
    public var toldLogStartOffset: Offset = Offset(-1)
    /// The last answer for this partition was an error: the next one is sent whatever it says.
    public var toldError = false

    public init(
        topicID: KafkaUUID, topic: String, partition: Int32, fetchOffset: Offset, maxBytes: Int32,
        currentLeaderEpoch: LeaderEpoch, lastFetchedEpoch: LeaderEpoch,
        logStartOffset: Offset = Offset(-1)
    ) {
        self.topicID = topicID
        self.topic = topic
        self.partition = partition
        self.fetchOffset = fetchOffset
        self.maxBytes = maxBytes
        self.currentLeaderEpoch = currentLeaderEpoch
        self.lastFetchedEpoch = lastFetchedEpoch
        self.logStartOffset = logStartOffset
    }

    /// Identity within a session.
    public struct Key: Hashable, Sendable {
        public var topicID: KafkaUUID
        public var topic: String
        public var partition: Int32
        public init(topicID: KafkaUUID, topic: String, partition: Int32) {
            self.topicID = topicID
            self.topic = topic
            self.partition = partition
        }
    }
    public var key: Key { Key(topicID: topicID, topic: topic, partition: partition) }
}

/// One incremental fetch session: the partitions a client follows, in the order of service.
public struct FetchSession {
    public let id: Int32
    /// The epoch that the next request must carry.
    public var nextEpoch: Int32
    public var lastUsed: Int64
    /// Whether the client names topics by id (version 13 on); a session never mixes.
    public let usesTopicIDs: Bool
    public private(set) var interests: [FetchInterest] = []
    private var positions: [FetchInterest.Key: Int] = [:]

    init(id: Int32, usesTopicIDs: Bool, now: Int64) {
        self.id = id
        self.nextEpoch = 1
        self.usesTopicIDs = usesTopicIDs
        self.lastUsed = now
    }

    /// The partitions of one request that asks for no session.
    public static func sessionless(
        _ interests: [FetchInterest], usesTopicIDs: Bool
    ) -> FetchSession {
        var session = FetchSession(id: 0, usesTopicIDs: usesTopicIDs, now: 0)
        session.update(with: interests, forgetting: [])
        return session
    }

    /// Adds or updates the partitions that a request names; drops those that it forgets.
    ///
    /// Whoever names a partition again is told all of it again: an answer may have come when it was
    /// of no use any more, as to a follower of an older epoch.
    public mutating func update(with added: [FetchInterest], forgetting: [FetchInterest.Key]) {
        for interest in added {
            if let position = positions[interest.key] {
                interests[position] = interest
            } else {
                positions[interest.key] = interests.count
                interests.append(interest)
            }
        }
        guard !forgetting.isEmpty else { return }
        let forgotten = Set(forgetting)
        interests.removeAll { forgotten.contains($0.key) }
        reindex()
    }

    /// Remembers what the client was told of the partition at `index`.
    public mutating func told(
        _ index: Int, highWatermark: Offset, logStartOffset: Offset, error: Bool
    ) {
        interests[index].toldHighWatermark = highWatermark
        interests[index].toldLogStartOffset = logStartOffset
        interests[index].toldError = error
    }

    /// Moves the partitions at `served` behind the others, so that every one gets its turn
    /// (KIP-227).
    public mutating func moveToBack(_ served: [Int]) {
        guard !served.isEmpty, served.count < interests.count else { return }
        let servedSet = Set(served)
        interests =
            interests.indices.filter { !servedSet.contains($0) }.map { interests[$0] }
            + served.map { interests[$0] }
        reindex()
    }

    private mutating func reindex() {
        positions.removeAll(keepingCapacity: true)
        for (index, interest) in interests.enumerated() { positions[interest.key] = index }
    }
}

/// The fetch sessions of one event loop (KIP-227), bounded in number; the idle ones make room.
public struct FetchSessionCache {
    /// Most sessions (`max.incremental.fetch.session.cache.slots`, default 1000 a broker).
    public let slots: Int
    /// How long a session must have been idle before another may take its place, in ms.
    public static let evictionMs: Int64 = 120_000
    private var sessions: [Int32: FetchSession] = [:]

    public init(slots: Int) { self.slots = slots }

    /// Sessions held now.
    public var count: Int { sessions.count }

    /// A new session, or `nil` when every slot is in recent use.
    public mutating func create<G: RandomNumberGenerator>(
        usesTopicIDs: Bool, now: Int64, using generator: inout G
    ) -> FetchSession? {
        if sessions.count >= slots {
            let idlest = sessions.values.min { ($0.lastUsed, $0.id) < ($1.lastUsed, $1.id) }
            guard let idlest, now - idlest.lastUsed > Self.evictionMs else { return nil }
            sessions[idlest.id] = nil
        }
        while true {
            let id = Int32.random(in: 1...Int32.max, using: &generator)
            guard sessions[id] == nil else { continue }
            let session = FetchSession(id: id, usesTopicIDs: usesTopicIDs, now: now)
            sessions[id] = session
            return session
        }
    }

    /// The session `id` if `epoch` is the one it expects; its epoch then moves on.
    public mutating func resume(
        id: Int32, epoch: Int32, usesTopicIDs: Bool, now: Int64
    ) -> Result<FetchSession, KafkaError> {
        guard var session = sessions[id] else { return .failure(.fetchSessionIDNotFound) }
        guard session.nextEpoch == epoch else { return .failure(.invalidFetchSessionEpoch) }
        guard session.usesTopicIDs == usesTopicIDs else {
            return .failure(.fetchSessionTopicIDError)
        }
        session.nextEpoch = epoch == Int32.max ? 1 : epoch + 1
        session.lastUsed = now
        return .success(session)
    }

    /// Puts back a session that was resumed or created.
    public mutating func store(_ session: FetchSession) { sessions[session.id] = session }

    /// Puts back a session unless it has ended, or gone on, meanwhile.
    public mutating func storeIfPresent(_ session: FetchSession) {
        guard sessions[session.id]?.nextEpoch == session.nextEpoch else { return }
        sessions[session.id] = session
    }

    /// Ends a session.
    public mutating func remove(id: Int32) { sessions[id] = nil }
}
