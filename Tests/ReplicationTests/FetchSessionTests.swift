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
        let next = try cache.resume(id: session.id, epoch: 1, usesTopicIDs: true, now: 1).get()
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

    @Test func aSessionThatEndedIsGone() throws {
        var cache = FetchSessionCache(slots: 2)
        let session = try makeSession(&cache)
        cache.remove(id: session.id)
        #expect(cache.count == 0)
        let resumed = cache.resume(id: session.id, epoch: 1, usesTopicIDs: true, now: 1)
        #expect(resumed.failure == .fetchSessionIDNotFound)
    }

    @Test func partitionsAreAddedUpdatedAndForgotten() throws {
        let session = FetchSession.sessionless([interest(0), interest(1)], usesTopicIDs: true)
        let place = try #require(session.inOrder.first { _ in true })
        session.told(place, highWatermark: Offset(5), logStartOffset: Offset(2), error: true)
        #expect(session[place].toldHighWatermark == Offset(5) && session[place].toldError)
        session.update(with: [interest(0, from: 9), interest(2)], forgetting: [interest(1).key])
        #expect(session.interests.map(\.partition) == [0, 2])
        #expect(session[place].fetchOffset == Offset(9))
        // Who names a partition again is told all of it again.
        #expect(session[place].toldHighWatermark == Offset(-1) && !session[place].toldError)
        session.update(with: [], forgetting: [interest(7).key])
        #expect(session.interests.map(\.partition) == [0, 2])
        session.update(with: [], forgetting: [interest(0).key, interest(2).key])
        #expect(session.isEmpty)
        session.update(with: [interest(3), interest(4), interest(5)], forgetting: [])
        #expect(session.interests.map(\.partition) == [3, 4, 5])
    }

    @Test func thoseThatWereServedWaitForTheOthers() {
        let session = FetchSession.sessionless(
            (Int32(0)..<4).map { interest($0) }, usesTopicIDs: true)
        func serve(_ partitions: Int32...) {
            session.moveToBack(
                session.inOrder.filter { partitions.contains(session[$0].partition) })
        }
        serve(1)
        #expect(session.interests.map(\.partition) == [0, 2, 3, 1])
        serve(0, 3)
        #expect(session.interests.map(\.partition) == [2, 1, 0, 3])
        // Places stay: an update finds its partition.
        session.update(with: [interest(3, from: 8)], forgetting: [])
        #expect(session.interests.map(\.fetchOffset) == [0, 0, 0, 8].map { Offset($0) })
        serve(0, 1, 2, 3)
        #expect(session.interests.map(\.partition) == [2, 1, 0, 3])
    }

    /// Sessions go through many requests, and what they hold stays what a plain list would.
    @Test func theOrderIsThatOfAPlainList() {
        var random = SplitMix64(seed: 11)
        let session = FetchSession.sessionless([], usesTopicIDs: true)
        var expected: [Int32] = []
        for _ in 0..<2000 {
            let partition = Int32.random(in: 0..<20, using: &random)
            switch Int.random(in: 0..<3, using: &random) {
            case 0:
                session.update(with: [interest(partition)], forgetting: [])
                if !expected.contains(partition) { expected.append(partition) }
            case 1:
                session.update(with: [], forgetting: [interest(partition).key])
                expected.removeAll { $0 == partition }
            default:
                let served = session.inOrder.filter { session[$0].partition <= partition }
                session.moveToBack(served)
                expected =
                    expected.filter { $0 > partition } + expected.filter { $0 <= partition }
            }
            #expect(session.interests.map(\.partition) == expected)
        }
    }

    @Test func topicsOfOneNumberAreToldApart() {
        let session = FetchSession.sessionless(
            [interest(0, topic: 1), interest(0, topic: 2)], usesTopicIDs: true)
        #expect(Array(session.interests).count == 2)
    }
}

extension Result {
    fileprivate var failure: Failure? {
        if case .failure(let error) = self { error } else { nil }
    }
}
