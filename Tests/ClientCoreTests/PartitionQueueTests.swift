import Testing

@testable import ClientCore

@Suite struct PartitionQueueTests {
    private let queue = PartitionQueue(topic: "t", partition: 0)
    private let settings = ProducerSettings(
        network: NetworkSettings(bootstrap: ModelCluster.addresses))
    private let now = ClientInstant(nanoseconds: 0)

    /// Sends the next batch, if that is allowed.
    private func send() -> ProducerBatch? {
        guard
            case .first(let batch) = queue.next(
                now, linger: .zero, hurries: true, most: 5)
        else { return nil }
        queue.begin(batch)
        batch.isInFlight = true
        return batch
    }

    private func succeed(_ batch: ProducerBatch) {
        queue.remove(batch)
        queue.succeeded(batch)
    }

    /// After the leader has moved, the answers of the new one overtake those of the old one, which
    /// may never come. The broker forgets the oldest batch with the fifth after it.
    @Test func batchesThatWereAcknowledgedOutOfOrderCount() throws {
        for number in 0..<12 {
            queue.waiting.append(
                ProducerBatch(queue, number: UInt64(number), settings, now: now))
        }
        succeed(try #require(send()))
        let sent = (0..<5).compactMap { _ in send() }
        #expect(sent.count == 5)
        #expect(send() == nil)
        for batch in sent[1...] { succeed(batch) }
        #expect(queue.unacknowledged.count == 1)
        #expect(send() == nil)
        succeed(sent[0])
        #expect(send() != nil)
    }
}
