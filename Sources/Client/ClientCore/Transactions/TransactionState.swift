import KafkaProtocol
import KafkaWire

/// Where a transactional producer stands.
///
/// `unprepared` (no id, or one of an epoch that is spent) → `ready` → `open` → `ending` → `ready`.
/// What goes wrong makes an open transaction `doomed`: it can only be aborted. After an abort that
/// leaves sequences in doubt, an older cluster (transaction version 1) has the producer
/// `unprepared` again, for a new epoch; a newer one raises the epoch with each end (KIP-890).
/// One request to the coordinators is under way at a time.
final class TransactionState {
    enum Phase {
        case unprepared
        case ready
        case open
        case doomed(ClientError)
        case ending(commits: Bool)
    }

    /// Who waits for the transaction to come to some point.
    struct Wait {
        var waiter: UInt64
        var deadline: ClientInstant
        /// Whether a transaction is to be opened then.
        var opens = false
        /// Refusals that the client had seen before.
        var refusals = 0
    }

    /// Offsets that are to be committed with the transaction.
    struct Offsets {
        var waiter: UInt64
        var deadline: ClientInstant
        var group: ConsumerGroupMetadata
        var offsets: [TopicPartition: CommittedOffset]
        var coordinator: CoordinatorLookup
    }

    let id: String
    var phase = Phase.unprepared
    var coordinator: CoordinatorLookup
    /// How this transaction is made known to the coordinator and ended (`ClusterFeatures`).
    var raisesEpochs = false
    var participants: [PartitionQueue] = []
    var offsets: [Offsets] = []
    /// Groups that the coordinator has been told of.
    var groups: Set<String> = []
    /// Whether the coordinator may know of the transaction.
    var hasBegun = false
    /// Whether sequences are in doubt: nothing more can be written in this epoch.
    var needsNewEpoch = false
    /// The id and epoch to go on from, when the producer is to be given another epoch.
    var previous: (id: ProducerID, epoch: Int16)?
    /// Whether a request to a coordinator is under way.
    var isBusy = false
    private(set) var notBefore: ClientInstant?
    private var failures = 0
    /// For `ready`, in order.
    var beginnings: [Wait] = []
    /// For the end; `nil` when nobody waits for it any more.
    var ending: Wait?

    init(id: String) {
        self.id = id
        coordinator = CoordinatorLookup(id, .transaction)
    }

    /// Whether records can be written.
    var isSound: Bool {
        switch phase {
        case .open, .ending(commits: true): true
        default: false
        }
    }
    var isCommitting: Bool { if case .ending(commits: true) = phase { true } else { false } }
    /// Whether what has not been sent will not be.
    var isLost: Bool {
        switch phase {
        case .doomed, .ending(commits: false): true
        default: false
        }
    }
    var isOpen: Bool {
        switch phase {
        case .open, .doomed: true
        default: false
        }
    }

    /// Why a record cannot be taken now.
    var refusal: ClientError? {
        switch phase {
        case .open: nil
        case .doomed(let error): error
        default: .invalidState("\(id) has no open transaction")
        }
    }

    func enlist(_ queue: PartitionQueue) {
        guard queue.enlistment == .none else { return }
        // The broker that gets the records tells the coordinator by itself (KIP-890).
        queue.enlistment = raisesEpochs ? .done : .wanted
        participants.append(queue)
    }

    func maySend(_ queue: PartitionQueue) -> Bool { isSound && queue.enlistment == .done }

    /// Something of the transaction has failed.
    func doom(_ error: ClientError) { if isSound { phase = .doomed(error) } }

    func isDue(_ now: ClientInstant) -> Bool {
        !isBusy && (notBefore.map { $0 <= now } ?? true)
    }
    /// The coordinator has not done it yet: once more after `pause` of the failures in a row.
    func delay(_ now: ClientInstant, _ pause: (Int) -> Duration) {
        failures += 1
        notBefore = now + pause(failures)
    }
    func stepDone() {
        failures = 0
        notBefore = nil
    }

    /// Forgets the transaction, which has ended.
    func clear() {
        for queue in participants {
            queue.enlistment = .none
            queue.forgetGap()
        }
        participants = []
        offsets = []
        groups = []
        hasBegun = false
    }

    /// When there is something to do that no answer brings.
    func nextWake(_ now: ClientInstant) -> ClientInstant? {
        var moments = [notBefore, coordinator.notBefore, ending?.deadline]
        moments += beginnings.map(\.deadline)
        for part in offsets { moments += [part.deadline, part.coordinator.notBefore] }
        return moments.compactMap { $0 }.filter { $0 > now }.min()
    }
}
