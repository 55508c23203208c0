public import KafkaWire

/// A transaction that an abort marker ended: readers of committed data skip the producer's records
/// from `firstOffset` up to the marker.
public struct AbortedTransaction: Equatable, Sendable {
    public var producerID: ProducerID
    public var firstOffset: Offset
    /// The offset of the marker.
    public var lastOffset: Offset
    /// The last stable offset right after the marker.
    public var lastStableOffset: Offset

    public init(
        producerID: ProducerID, firstOffset: Offset, lastOffset: Offset, lastStableOffset: Offset
    ) {
        self.producerID = producerID
        self.firstOffset = firstOffset
        self.lastOffset = lastOffset
        self.lastStableOffset = lastStableOffset
    }
}

/// A transaction that a marker has ended.
struct CompletedTransaction: Equatable {
    var producerID: ProducerID
    var firstOffset: Offset
    var lastOffset: Offset
    var isAbort: Bool
}

/// The producers of one log, the transactions that are open in it, and those that have ended but
/// whose marker may not be replicated yet.
struct ProducerTable {
    struct OpenTransaction: Equatable {
        var producerID: ProducerID
        var firstOffset: Offset
    }
    struct EndedTransaction: Equatable {
        var firstOffset: Offset
        var lastOffset: Offset
    }
    private(set) var producers: [ProducerID: ProducerState] = [:]
    /// By first offset.
    private(set) var open: [OpenTransaction] = []
    /// By first offset.
    private(set) var ended: [EndedTransaction] = []
    /// Producers whose transactions are being verified.
    var verifications = Verifications()
    /// Everything below has been taken in.
    var endOffset: Offset

    init(endOffset: Offset) { self.endOffset = endOffset }

    /// All states, by producer id.
    var sorted: [ProducerState] {
        producers.values.sorted { $0.producerID < $1.producerID }
    }

    subscript(id: ProducerID) -> ProducerState? { producers[id] }

    /// Takes on a state that was loaded or staged.
    mutating func store(_ state: ProducerState) {
        producers[state.producerID] = state
        if let first = state.currentTxnFirstOffset { begin(state.producerID, first) }
    }

    private mutating func begin(_ id: ProducerID, _ first: Offset) {
        let index = open.firstIndex { $0.firstOffset >= first } ?? open.count
        if index < open.count, open[index].firstOffset == first { return }
        open.insert(OpenTransaction(producerID: id, firstOffset: first), at: index)
    }

    /// What the last stable offset is right after `completed`: the begin of the earliest
    /// transaction of another producer that is still open, or the offset after the marker. What
    /// began behind the marker does not count.
    func lastStableOffset(after completed: CompletedTransaction) -> Offset {
        let other = open.first { $0.producerID != completed.producerID }
        return min(other?.firstOffset ?? Offset(.max), completed.lastOffset + 1)
    }

    mutating func complete(_ completed: CompletedTransaction) {
        open.removeAll { $0.firstOffset == completed.firstOffset }
        let index = ended.firstIndex { $0.firstOffset > completed.firstOffset } ?? ended.count
        ended.insert(
            EndedTransaction(
                firstOffset: completed.firstOffset, lastOffset: completed.lastOffset), at: index)
    }

    /// Forgets ended transactions whose marker lies below `highWatermark`.
    mutating func forgetEnded(below highWatermark: Offset) {
        guard !ended.isEmpty else { return }
        ended.removeAll { $0.lastOffset < highWatermark }
    }

    /// Where the earliest transaction begins whose end is not known to be replicated.
    func firstUnstableOffset(highWatermark: Offset) -> Offset? {
        let first = ended.first { $0.lastOffset >= highWatermark }?.firstOffset
        guard let first else { return open.first?.firstOffset }
        return open.first.map { min($0.firstOffset, first) } ?? first
    }

    mutating func expire(now: Int64, after expirationMs: Int64) {
        verifications.expire(now: now, after: expirationMs)
        guard !producers.isEmpty else { return }
        producers = producers.filter { !$0.value.isExpired(now: now, after: expirationMs) }
    }

    mutating func removeAll(endOffset: Offset) { self = ProducerTable(endOffset: endOffset) }
}
