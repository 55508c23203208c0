import KafkaRecords
import KafkaWire

/// What waits to be written to one partition, in order, and where its sequence stands.
///
/// Batches move from `open` to `waiting` to `unacknowledged`, where they stay, in the order of
/// their sequences, until they are answered for good; those that must be sent again are in it with
/// a `retryAt`. Without idempotence the same holds, but for the sequences.
final class PartitionQueue {
    let topic: String
    let partition: Int32
    /// Where the metadata of `metadataVersion` says that the partition is led.
    var leader: BrokerID?
    var topicID = KafkaUUID.zero
    var metadataVersion = -1
    /// The batch that takes records.
    var open: ProducerBatch?
    /// Room that the next batch gets from the beginning: what the last one took.
    private(set) var expectedBytes = 512
    /// The same, for who waits for its records.
    private(set) var expectedWaiters = 0
    /// Full batches that have not been sent.
    var waiting = BatchLine()
    /// Sent and not ended, oldest first.
    var unacknowledged: [ProducerBatch] = []
    /// How many batches have been sent.
    private var begun = 0
    /// Whether the producer's list of queues with work has it.
    var isListed = false
    /// The producer's id and epoch that the sequences belong to.
    var producerID = ProducerID.none
    var producerEpoch: Int16 = -1
    var nextSequence: Int32 = 0
    /// The producer that has a batch in the partition, which the broker knows from then on.
    private var knownProducer = ProducerID.none
    /// The broker has lost track: the sequence must begin anew in a later epoch, once nothing is
    /// in flight.
    var needsNewEpoch = false
    /// The broker does not know the producer, or the batch, any more, and so cannot tell what it
    /// has written.
    var isForgotten = false
    /// Its place in the open transaction.
    var enlistment = Enlistment.none
    /// The last batch that was given up after it had been sent, while it is not known whether the
    /// broker has it. A later batch that succeeds shows that it has; one that is out of order, that
    /// it has not.
    private(set) var gap: UInt64?

    init(topic: String, partition: Int32) {
        self.topic = topic
        self.partition = partition
    }

    /// Whether the partition takes part in the producer's transaction.
    enum Enlistment {
        case none
        /// The coordinator is to be told before the first batch is sent.
        case wanted
        case done
    }

    var id: TopicPartition { TopicPartition(topic: topic, partition: partition) }
    var isEmpty: Bool { open == nil && waiting.isEmpty && unacknowledged.isEmpty }
    /// Batches that have not been sent.
    var queued: Int { waiting.count + (open == nil ? 0 : 1) }
    var hasInFlight: Bool { unacknowledged.contains(where: \.isInFlight) }

    /// What `next` comes to.
    enum Next {
        case nothing
        /// Not before then.
        case later(ClientInstant)
        case again(ProducerBatch)
        case first(ProducerBatch)
    }

    /// The batch that may be sent now.
    ///
    /// A batch is sent again only when it is the oldest that is not acknowledged, and nothing new
    /// before all that failed has been sent again: so the broker sees each sequence in order. Of a
    /// producer that it does not know it takes any sequence as the first; so nothing is sent behind
    /// a first batch, which it may refuse.
    /// - Parameters:
    ///   - hurries: open batches do not linger (flush, no memory).
    ///   - most: batches that there may be from the oldest unacknowledged one on, also those that
    ///     were acknowledged before it, as when the partition's leader moves.
    func next(_ now: ClientInstant, linger: Duration, hurries: Bool, most: Int) -> Next {
        if isBroken { return .nothing }
        if let failed = unacknowledged.first(where: { !$0.isInFlight }) {
            guard unacknowledged.first === failed else { return .nothing }
            if let retryAt = failed.retryAt, retryAt > now { return .later(retryAt) }
            return .again(failed)
        }
        let isKnown = producerID == knownProducer
        if let oldest = unacknowledged.first {
            guard isKnown, begun - oldest.place < most else { return .nothing }
        }
        if let first = waiting.first { return .first(first) }
        guard let open else { return .nothing }
        let due = open.created + linger
        return hurries || due <= now ? .first(open) : .later(due)
    }

    /// The open batch takes no more records.
    func close(_ batch: ProducerBatch) {
        waiting.append(batch)
        open = nil
        expectedBytes = batch.reserved
        expectedWaiters = batch.waiters.count
    }

    /// Moves `batch`, which is the first that waits, to those in flight.
    func begin(_ batch: ProducerBatch) {
        precondition(waiting.first === batch, "batches are sent in order")
        waiting.removeFirst()
        batch.place = begun
        begun += 1
        unacknowledged.append(batch)
    }

    /// The batch, which is out of the queue, was given up.
    func giveUp(_ batch: ProducerBatch) {
        if batch.sequence != nil { gap = max(gap ?? 0, batch.number) }
    }
    /// The batch, which is out of the queue, was written.
    func succeeded(_ batch: ProducerBatch) {
        knownProducer = producerID
        if let gap, batch.number > gap { self.gap = nil }
    }
    /// Whether the sequence can only go on in another epoch. What was sent before a gap is sent
    /// again as it was, since it may have been written.
    var isBroken: Bool { needsNewEpoch || (gap != nil && unacknowledged.isEmpty) }
    /// The sequence has begun anew, or will with the next batch.
    func forgetGap() {
        gap = nil
        needsNewEpoch = false
        isForgotten = false
    }

    /// Takes out a batch that has ended.
    func remove(_ batch: ProducerBatch) {
        if let place = unacknowledged.firstIndex(where: { $0 === batch }) {
            unacknowledged.remove(at: place)
        } else if open === batch {
            open = nil
        } else {
            waiting.remove(batch)
        }
    }

    /// The oldest whose records have not ended.
    var oldestPending: ProducerBatch? {
        unacknowledged.first { !$0.isDone } ?? waiting.first { !$0.isDone } ?? open
    }
    /// Oldest first.
    var all: [ProducerBatch] { unacknowledged + waiting + (open.map { [$0] } ?? []) }
}
