import KafkaWire
import Replication

/// How far syncs may lag behind appends when no answer waits for them.
public struct FlushPace: Sendable {
    /// `martlet.flush.interval.ms`: most milliseconds that records stay unsynced while nobody
    /// waits.
    public var intervalMs: Int64 = 50
    /// `martlet.flush.interval.bytes`: most unsynced bytes of one partition.
    public var intervalBytes: Int = 8_388_608
    /// Most milliseconds that a waiting consumer's records are held back so that syncs do not take
    /// more than half of the disk's time.
    public var consumerMs: Int64 = 5
    public init() {}
}

/// When which partitions of one log directory are synced.
///
/// States of a partition: absent, or wanted with an urgency that only grows until `takeDue` gives
/// it out. What is `required` is due at once; what is `awaited` after a rest as long as the last
/// round of syncs, of `consumerMs` at most; what is `paced` after the interval.
public struct FlushSchedule {
    private var wanted: [ObjectIdentifier: FlushUrgency] = [:]
    private var required: [PartitionCell] = []
    private var awaited: [PartitionCell] = []
    /// In order of their instants; those that became more urgent are passed over when their turn
    /// comes.
    private var paced: [(cell: PartitionCell, due: Int64)] = []
    private var awaitedDue: Int64 = 0
    private let pace: FlushPace

    public init(pace: FlushPace) { self.pace = pace }

    /// The instant (monotonic, ns) at which the next partition is due; `nil` when none is wanted.
    public var nextDue: Int64? {
        if !required.isEmpty { return 0 }
        let first = paced.first?.due
        return awaited.isEmpty ? first : min(awaitedDue, first ?? .max)
    }

    /// Has `cell` synced when its urgency says so.
    public mutating func want(_ cell: PartitionCell, _ urgency: FlushUrgency, now: Int64) {
        let id = ObjectIdentifier(cell)
        if let known = wanted[id], known >= urgency { return }
        wanted[id] = urgency
        switch urgency {
        case .required: required.append(cell)
        case .awaited: awaited.append(cell)
        case .paced:
            paced.append((cell, now.saturatingSum(pace.intervalMs.saturatingProduct(1_000_000))))
        }
    }

    /// The partitions to sync now, the most urgent first, each once.
    public mutating func takeDue(now: Int64) -> [PartitionCell] {
        var due = required.filter { take($0, .required) }
        required.removeAll(keepingCapacity: true)
        if awaitedDue <= now {
            due += awaited.filter { take($0, .awaited) }
            awaited.removeAll(keepingCapacity: true)
        }
        let ripe = paced.prefix { $0.due <= now }.count
        due += paced.prefix(ripe).map(\.cell).filter { take($0, .paced) }
        paced.removeFirst(ripe)
        return due
    }

    /// Whether `cell` is wanted with just this urgency; it is not wanted any more then.
    private mutating func take(_ cell: PartitionCell, _ urgency: FlushUrgency) -> Bool {
        guard wanted[ObjectIdentifier(cell)] == urgency else { return false }
        wanted[ObjectIdentifier(cell)] = nil
        return true
    }

    /// A round of syncs has taken from `began` to `now`.
    public mutating func finished(began: Int64, now: Int64) {
        awaitedDue = now + min(now - began, pace.consumerMs.saturatingProduct(1_000_000))
    }
}
