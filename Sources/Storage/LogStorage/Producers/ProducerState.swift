public import KafkaWire

/// One batch that an idempotent producer wrote.
public struct ProducerBatch: Equatable, Sendable {
    public var lastSequence: Int32
    public var lastOffset: Offset
    /// The last offset less the first.
    public var offsetDelta: Int32
    /// The largest timestamp in the batch, in milliseconds since the epoch.
    public var timestamp: Int64

    /// Sequences wrap from `Int32.max` to 0.
    public var firstSequence: Int32 {
        Int32(truncatingIfNeeded: (Int64(lastSequence) - Int64(offsetDelta)) & 0x7FFF_FFFF)
    }
    public var firstOffset: Offset { lastOffset + -Int64(offsetDelta) }
}

/// What a log remembers of one idempotent or transactional producer (KIP-98).
public struct ProducerState: Equatable, Sendable {
    /// Batches remembered of one producer: as many as it may have in flight.
    public static let rememberedBatches = 5

    public var producerID: ProducerID
    /// -1 when nothing is known.
    public var producerEpoch: Int16 = -1
    public var coordinatorEpoch: Int32 = -1
    /// Of the last batch or marker, in milliseconds since the epoch.
    public var lastTimestamp: Int64 = -1
    /// Where the producer's open transaction began; `nil` when none is open.
    public var currentTxnFirstOffset: Offset?
    // Kept inside of the struct: an array would be allocated anew with every append.
    private var recent: InlineArray<5, ProducerBatch> = .init(
        repeating: ProducerBatch(
            lastSequence: -1, lastOffset: Offset(-1), offsetDelta: 0, timestamp: -1))
    private var recentCount = 0

    public init(producerID: ProducerID) { self.producerID = producerID }

    public static func == (a: ProducerState, b: ProducerState) -> Bool {
        a.producerID == b.producerID && a.producerEpoch == b.producerEpoch
            && a.coordinatorEpoch == b.coordinatorEpoch && a.lastTimestamp == b.lastTimestamp
            && a.currentTxnFirstOffset == b.currentTxnFirstOffset && a.batches == b.batches
    }

    /// The last batches of the current epoch, oldest first.
    public var batches: [ProducerBatch] { (0..<recentCount).map { recent[$0] } }
    var isEmpty: Bool { recentCount == 0 }
    /// The last batch of the current epoch.
    public var lastBatch: ProducerBatch? { recentCount == 0 ? nil : recent[recentCount - 1] }
    /// -1 when no batch of the current epoch is known.
    public var lastSequence: Int32 { recentCount == 0 ? -1 : recent[recentCount - 1].lastSequence }

    /// The remembered batch with exactly these sequences.
    func duplicate(epoch: Int16, first: Int32, last: Int32) -> ProducerBatch? {
        guard epoch == producerEpoch else { return nil }
        for index in 0..<recentCount
        where recent[index].lastSequence == last && recent[index].firstSequence == first {
            return recent[index]
        }
        return nil
    }

    /// Whether a transaction of this epoch is open.
    func isInTransaction(epoch: Int16) -> Bool {
        currentTxnFirstOffset != nil && producerEpoch == epoch
    }

    /// Takes on an epoch; batches of another one are forgotten.
    mutating func adopt(epoch: Int16) {
        guard epoch != producerEpoch else { return }
        producerEpoch = epoch
        recentCount = 0
    }

    mutating func add(_ batch: ProducerBatch, epoch: Int16) {
        adopt(epoch: epoch)
        if recentCount == Self.rememberedBatches {
            for index in 1..<recentCount { recent[index - 1] = recent[index] }
            recentCount -= 1
        }
        recent[recentCount] = batch
        recentCount += 1
        lastTimestamp = batch.timestamp
    }

    /// This state with the batches of `earlier`, of the same epoch, before its own.
    func following(_ earlier: ProducerState) -> ProducerState {
        guard earlier.producerEpoch == producerEpoch, !isEmpty else { return self }
        var merged = earlier
        for batch in batches { merged.add(batch, epoch: producerEpoch) }
        merged.coordinatorEpoch = coordinatorEpoch
        merged.currentTxnFirstOffset = currentTxnFirstOffset
        merged.lastTimestamp = lastTimestamp
        return merged
    }

    /// Whether the producer can be forgotten.
    func isExpired(now: Int64, after expirationMs: Int64) -> Bool {
        currentTxnFirstOffset == nil && now.saturatingDifference(lastTimestamp) >= expirationMs
    }
}
