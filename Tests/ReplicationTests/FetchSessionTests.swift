import KafkaProtocol
import KafkaWire
import Testing

@testable import Replication

/// Incremental fetch sessions (KIP-227).
@Suite struct FetchSessionTests {
    private var generator = SystemRandomNumberGenerator()

    private func interest(
        _ partition: Int32, from offset: Int64 = 0, topic: UInt64 = 1
    ) -> FetchInterest {
        FetchInterest(
            topicID: KafkaUUID(high: 0, low: topic), topic: "", partition: partition,
            fetchOffset: Offset(offset), maxBytes: 1000, currentLeaderEpoch: .none,
            lastFetchedEpoch: .none)
    }

    private func makeSession(
        _ cache: inout FetchSessionCache, now: Int64 = 0, usesTopicIDs: Bool = true
    ) throws -> FetchSession {
        var generator = self.generator
        let made = cache.create(usesTopicIDs: usesTopicIDs, now: now, using: &generator)
        return try #require(made)
    }

    @Test func everyRequestCarriesTheNextEpoch() throws {
        var cache = FetchSessionCache(slots: 2)
        let session = try makeSession(&cache)
        #expect(session.nextEpoch == 1)
        var next = try cache.resume(id: session.id, epoch: 1, usesTopicIDs: true, now: 1).get()
        cache.store(next)
        #expect(next.nextEpoch == 2)
        #expect(
            cache.resume(id: session.id, epoch: 1, usesTopicIDs: true, now: 1).failure
                == .invalidFetchSessionEpoch)
        #expect(
            cache.resume(id: session.id &+ 1, epoch: 2, usesTopicIDs: true, now: 1).failure
                == .fetchSessionIDNotFound)
        #expect(
            cache.resume(id: session.id, epoch: 2, usesTopicIDs: false, now: 1).failure
                == .fetchSessionTopicIDError)
        // The epoch wraps past 0, which would begin a session anew.
        next.nextEpoch = Int32.max
        cache.store(next)
        let last = try cache.resume(
            id: session.id, epoch: Int32.max, usesTopicIDs: true, now: 1
        ).get()
        #expect(last.nextEpoch == 1)
    }

    @Test func aFullCacheGivesWayOnlyToIdleSessions() throws {
        var cache = FetchSessionCache(slots: 2)
        let old = try makeSession(&cache, now: 0)
        let young = try makeSession(&cache, now: 10)
        var generator = self.generator
        let early = cache.create(
            usesTopicIDs: true, now: FetchSessionCache.evictionMs, using: &generator)
        #expect(early == nil)
        _ = try makeSession(&cache, now: FetchSessionCache.evictionMs + 1)
        #expect(cache.count == 2)
        let now = FetchSessionCache.evictionMs + 1
        let oldIsGone = cache.resume(id: old.id, epoch: 1, usesTopicIDs: true, now: now)
        #expect(oldIsGone.failure == .fetchSessionIDNotFound)
        _ = try cache.resume(id: young.id, epoch: 1, usesTopicIDs: true, now: now).get()
    }

    @Test func aSessionThatEndedMeanwhileIsNotPutBack() throws {
        var cache = FetchSessionCache(slots: 2)
        let session = try makeSession(&cache)
        cache.remove(id: session.id)
        cache.storeIfPresent(session)
        #expect(cache.count == 0)
    }

    @Test func partitionsAreAddedUpdatedAndForgotten() {
        var session = FetchSession.sessionless([interest(0), interest(1)], usesTopicIDs: true)
        session.told(0, highWatermark: Offset(5), logStartOffset: Offset(2), error: true)
        session.update(with: [interest(0, from: 9), interest(2)], forgetting: [interest(1).key])
        #expect(session.interests.map(\.partition) == [0, 2])
        let first = session.interests[0]
        #expect(first.fetchOffset == Offset(9))
        // Who names a partition again is told all of it again.
        #expect(first.toldHighWatermark == Offset(-1) && !first.toldError)
        session.update(with: [], forgetting: [interest(7).key])
        #expect(session.interests.count == 2)
    }

    @Test func thoseThatWereServedWaitForTheOthers() {
        let all = (Int32(0)..<4).map { interest($0) }
        var session = FetchSession.sessionless(all, usesTopicIDs: true)
        session.moveToBack([1])
        #expect(session.interests.map(\.partition) == [0, 2, 3, 1])
        session.moveToBack([0, 2])
        #expect(session.interests.map(\.partition) == [2, 1, 0, 3])
        // Positions follow: an update finds its partition.
        session.update(with: [interest(3, from: 8)], forgetting: [])
        #expect(session.interests[3].fetchOffset == Offset(8))
        session.moveToBack([0, 1, 2, 3])
        #expect(session.interests.map(\.partition) == [2, 1, 0, 3])
    }

    @Test func topicsOfOneNumberAreToldApart() {
        let session = FetchSession.sessionless(
            [interest(0, topic: 1), interest(0, topic: 2)], usesTopicIDs: true)
        #expect(session.interests.count == 2)
    }
}

extension Result {
    fileprivate var failure: Failure? {
        if case .failure(let error) = self { error } else { nil }
    }
}
