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
///
/// A request and its answer cost no more than the partitions that they name: the order is a list
/// through `slots`. Belongs to one event loop.
public final class FetchSession {
    public let id: Int32
    /// The epoch that the next request must carry.
    public var nextEpoch: Int32 = 1
    public fileprivate(set) var lastUsed: Int64
    /// Whether the client names topics by id (version 13 on); a session never mixes.
    public let usesTopicIDs: Bool
    private var slots: [Slot] = []
    private var places: [FetchInterest.Key: Place] = [:]
    /// Slots of partitions that were forgotten.
    private var free: [Place] = []
    private var first: Place?
    private var last: Place?

    private struct Slot {
        var interest: FetchInterest
        var previous: Place?
        var next: Place?
    }

    /// Where the session keeps a partition; good until the client forgets it.
    public struct Place: Equatable, Sendable {
        fileprivate let slot: Int
    }

    init(id: Int32, usesTopicIDs: Bool, now: Int64) {
        self.id = id
        self.usesTopicIDs = usesTopicIDs
        self.lastUsed = now
    }

    /// The partitions of one request that asks for no session.
    public static func sessionless(
        _ interests: [FetchInterest], usesTopicIDs: Bool
    ) -> FetchSession {
        let session = FetchSession(id: 0, usesTopicIDs: usesTopicIDs, now: 0)
        session.update(with: interests, forgetting: [])
        return session
    }

    public var isEmpty: Bool { first == nil }

    /// The partitions in the order of service.
    public var interests: some Sequence<FetchInterest> { inOrder.lazy.map { self[$0] } }

    /// Where the partitions are, in the order of service.
    public var inOrder: some Sequence<Place> {
        sequence(state: first) { place in
            guard let current = place else { return nil as Place? }
            place = self.slots[current.slot].next
            return current
        }
    }

    public subscript(_ place: Place) -> FetchInterest { slots[place.slot].interest }

    /// Adds or updates the partitions that a request names; drops those that it forgets.
    ///
    /// Whoever names a partition again is told all of it again: an answer may have come when it was
    /// of no use any more, as to a follower of an older epoch.
    public func update(with added: [FetchInterest], forgetting: [FetchInterest.Key]) {
        for interest in added {
            if let place = places[interest.key] {
                slots[place.slot].interest = interest
            } else {
                let place = vacantPlace(for: interest)
                places[interest.key] = place
                link(place)
            }
        }
        for key in forgetting {
            guard let place = places.removeValue(forKey: key) else { continue }
            unlink(place)
            free.append(place)
        }
    }

    /// Remembers what the client was told of a partition.
    public func told(
        _ place: Place, highWatermark: Offset, logStartOffset: Offset, error: Bool
    ) {
        slots[place.slot].interest.toldHighWatermark = highWatermark
        slots[place.slot].interest.toldLogStartOffset = logStartOffset
        slots[place.slot].interest.toldError = error
    }

    /// Moves the partitions at `served` behind the others, so that every one gets its turn
    /// (KIP-227).
    public func moveToBack(_ served: [Place]) {
        for place in served {
            unlink(place)
            link(place)
        }
    }

    private func vacantPlace(for interest: FetchInterest) -> Place {
        guard let place = free.popLast() else {
            slots.append(Slot(interest: interest))
            return Place(slot: slots.count - 1)
        }
        slots[place.slot] = Slot(interest: interest)
        return place
    }

    private func link(_ place: Place) {
        slots[place.slot].previous = last
        slots[place.slot].next = nil
        if let last { slots[last.slot].next = place } else { first = place }
        last = place
    }

    private func unlink(_ place: Place) {
        let slot = slots[place.slot]
        if let previous = slot.previous {
            slots[previous.slot].next = slot.next
        } else {
            first = slot.next
        }
        if let next = slot.next {
            slots[next.slot].previous = slot.previous
        } else {
            last = slot.previous
        }
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
        guard let session = sessions[id] else { return .failure(.fetchSessionIDNotFound) }
        guard session.nextEpoch == epoch else { return .failure(.invalidFetchSessionEpoch) }
        guard session.usesTopicIDs == usesTopicIDs else {
            return .failure(.fetchSessionTopicIDError)
        }
        session.nextEpoch = epoch == Int32.max ? 1 : epoch + 1
        session.lastUsed = now
        return .success(session)
    }

    /// Ends a session.
    public mutating func remove(id: Int32) { sessions[id] = nil }
}
