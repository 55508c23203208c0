import KafkaWire

/// Who waits for a replica.
struct Waiters {
    typealias Wakes = PartitionReplica.Wakes

    /// Who waits for the high watermark to reach an offset, in order of offset.
    private var produces: [(offset: Offset, ticket: WaitTicket)] = []
    /// Consumers' fetches that wait for the high watermark to move.
    var consumers: Set<WaitTicket> = []
    /// Followers' fetches that wait for an append.
    var replicas: Set<WaitTicket> = []
    /// Fetchers of this node that wait for what they appended to be on disk.
    private var syncs: [(offset: Offset, ticket: WaitTicket)] = []

    /// Whether somebody waits for records.
    var hasFetches: Bool { !consumers.isEmpty }

    /// The highest offset that somebody waits for to be committed or on disk.
    var lastAwaitedOffset: Offset? {
        guard let synced = syncs.map(\.offset).max() else { return produces.last?.offset }
        return max(synced, produces.last?.offset ?? synced)
    }

    mutating func awaitHighWatermark(_ offset: Offset, _ ticket: WaitTicket) {
        let position = produces.lastIndex { $0.offset <= offset }.map { $0 + 1 } ?? 0
        produces.insert((offset, ticket), at: position)
    }

    mutating func cancelHighWatermark(_ ticket: WaitTicket) {
        produces.removeAll { $0.ticket == ticket }
    }

    mutating func awaitSync(_ offset: Offset, _ ticket: WaitTicket) {
        syncs.append((offset, ticket))
    }

    // MARK: Waking

    mutating func takeAll() -> Wakes {
        let wakes = produces.map(\.ticket) + takeFetches() + syncs.map(\.ticket)
        produces.removeAll()
        syncs.removeAll()
        return wakes
    }

    /// All fetches, of consumers and of followers.
    mutating func takeFetches() -> Wakes { takeConsumers() + takeReplicas() }

    mutating func takeConsumers() -> Wakes { Self.take(&consumers) }

    mutating func takeReplicas() -> Wakes { Self.take(&replicas) }

    /// Those whose offset the high watermark has reached, and all consumers.
    mutating func takeSatisfied(_ highWatermark: Offset) -> Wakes {
        var wakes: Wakes = []
        var count = 0
        while count < produces.count, produces[count].offset <= highWatermark {
            wakes.append(produces[count].ticket)
            count += 1
        }
        produces.removeFirst(count)
        if !consumers.isEmpty { wakes += takeConsumers() }
        return wakes
    }

    /// Those that waited for `flushed` to be on disk.
    mutating func takeSynced(_ flushed: Offset) -> Wakes {
        guard !syncs.isEmpty else { return [] }
        let wakes = syncs.filter { $0.offset <= flushed }.map(\.ticket)
        syncs.removeAll { $0.offset <= flushed }
        return wakes
    }

    private static func take(_ tickets: inout Set<WaitTicket>) -> Wakes {
        guard !tickets.isEmpty else { return [] }
        let wakes = tickets.sorted { ($0.loop, $0.request) < ($1.loop, $1.request) }
        tickets.removeAll(keepingCapacity: true)
        return wakes
    }
}
