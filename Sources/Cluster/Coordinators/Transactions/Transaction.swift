import KafkaProtocol
public import KafkaWire

/// A producer as one of its incarnations: the id, and the epoch that fences those before it.
public struct ProducerIdentity: Hashable, Sendable {
    public var id: ProducerID
    public var epoch: Int16

    public init(id: ProducerID, epoch: Int16) {
        self.id = id
        self.epoch = epoch
    }

    /// Nobody.
    public static let none = ProducerIdentity(id: .none, epoch: -1)

    /// Whether a producer may not get a higher epoch: the highest of all, `Int16.max`, is kept for
    /// the coordinator, so that it can always fence.
    var isExhausted: Bool { epoch >= Int16.max - 1 }
}

/// What the coordinator knows of one transactional id: the record of its log, and who was there
/// before.
public struct Transaction: Equatable, Sendable {
    public internal(set) var producer: ProducerIdentity
    /// The producer id before this state.
    var previousID = ProducerID.none
    /// The id that the producer goes on with once this transaction is complete, where the epochs of
    /// the present one are used up.
    var nextID = ProducerID.none
    /// The epoch before this one, when a retry of the request that raised it may still come. Not in
    /// the log.
    var lastEpoch: Int16 = -1
    /// Milliseconds after which the coordinator aborts; `Int32.max` for never.
    public internal(set) var timeoutMs: Int32
    public internal(set) var state = TransactionState.empty
    public internal(set) var partitions: Set<TopicPartition> = []
    /// When it began, in milliseconds since 1970; -1 when there is none.
    public internal(set) var startMs: Int64 = -1
    var lastUpdateMs: Int64
    /// `transaction.version` of the client: from 2 on, each transaction has an epoch (KIP-890).
    var version: Int16 = 0

    /// One that nobody has used yet.
    init(id: ProducerID, timeoutMs: Int32, now: Int64) {
        producer = ProducerIdentity(id: id, epoch: -1)
        self.timeoutMs = timeoutMs
        lastUpdateMs = now
    }

    var raisesEpochs: Bool { version >= 2 }
    /// Who goes on once the markers are written.
    var successor: ProducerIdentity {
        raisesEpochs && nextID != .none ? ProducerIdentity(id: nextID, epoch: 0) : producer
    }
    /// Whether the transaction is over its time.
    func isTimedOut(_ now: Int64) -> Bool {
        state == .ongoing && timeoutMs != .max
            && now.saturatingDifference(startMs) > Int64(timeoutMs)
    }

    // MARK: Steps

    private func next(_ state: TransactionState, _ now: Int64) -> Transaction {
        var next = self
        next.state = state
        next.previousID = producer.id
        next.lastUpdateMs = now
        return next
    }

    /// A producer (re)begins, with `producer` from now on; `last` as `lastEpoch`.
    func initialized(
        as producer: ProducerIdentity, last: Int16, timeoutMs: Int32, now: Int64
    ) -> Transaction {
        var next = next(.empty, now)
        next.producer = producer
        next.lastEpoch = last
        next.timeoutMs = timeoutMs
        next.partitions = []
        next.startMs = -1
        return next
    }

    /// Partitions join the transaction, which begins with the first of them.
    func adding(
        _ added: some Sequence<TopicPartition>, version: Int16, now: Int64
    ) -> Transaction {
        var next = next(.ongoing, now)
        next.partitions.formUnion(added)
        if state != .ongoing { next.startMs = now }
        next.version = version
        return next
    }

    /// The outcome is decided. From version 2 on that raises the epoch, and `nextID` is set when
    /// there is no epoch left after it.
    func prepared(commits: Bool, version: Int16, nextID: ProducerID, now: Int64) -> Transaction {
        var next = next(commits ? .prepareCommit : .prepareAbort, now)
        if version >= 2 {
            next.lastEpoch = producer.epoch
            if producer.epoch < .max { next.producer.epoch += 1 }
        }
        if state != .ongoing { next.startMs = now }
        next.nextID = nextID
        next.version = version
        return next
    }

    /// All markers are written.
    func completed(now: Int64) -> Transaction {
        var next = next(state == .prepareCommit ? .completeCommit : .completeAbort, now)
        next.producer = successor
        next.nextID = .none
        next.partitions = []
        return next
    }
}
