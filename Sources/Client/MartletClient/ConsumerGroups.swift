public import ClientCore
public import KafkaWire

/// A consumer as a member of a group.
extension Consumer {
    /// Reads the topics together with the other members of the group: each partition goes to one of
    /// them.
    ///
    /// - Parameter onRebalance: told of partitions that come and go, one event at a time. What is
    ///   revoked is given up once the handler has returned, so it can commit first.
    /// - Throws: `invalidState` without a `group.id`.
    public func subscribe(
        to topics: [String],
        onRebalance: (@Sendable (RebalanceEvent) async -> Void)? = nil
    ) throws(ClientError) {
        try subscribe(.topics(topics), onRebalance)
    }

    /// Reads all topics whose whole name the predicate takes, those to come too.
    ///
    /// - Parameter pattern: the same as an RE2J expression, for the protocol `consumer`, where the
    ///   coordinator does the matching.
    public func subscribe(
        pattern: String, matching predicate: @escaping @Sendable (String) -> Bool,
        onRebalance: (@Sendable (RebalanceEvent) async -> Void)? = nil
    ) throws(ClientError) {
        try subscribe(.pattern(pattern, matches: predicate), onRebalance)
    }

    private func subscribe(
        _ subscription: Subscription, _ handler: (@Sendable (RebalanceEvent) async -> Void)?
    ) throws(ClientError) {
        endings.setHandler(handler)
        try change { core throws(ClientError) in
            try core.subscribe(subscription, now: ClientLoop<ConsumerCore>.now)
        }
    }

    /// Commits the positions of all assigned partitions, or other offsets, and waits for it.
    ///
    /// - Throws: `broker` when the group has moved on without us; `timedOut`; `invalidState`
    ///   without a `group.id`.
    public func commit(
        _ offsets: [TopicPartition: CommittedOffset]? = nil
    ) async throws(ClientError) {
        reader.noteProgress()
        let error: ClientError? = await withCheckedContinuation { continuation in
            let id = endings.add(.commit(continuation))
            let refused = loop.enter { core, now -> (result: ClientError?, wakes: Bool) in
                do throws(ClientError) {
                    try core.commit(offsets, waiter: id, now: now)
                    return (nil, true)
                } catch { return (error, false) }
            }
            if let refused { endings.tell(.committed(id, refused)) }
        }
        if let error { throw error }
    }

    /// What the group has committed; partitions without are left out.
    ///
    /// - Throws: as `commit`.
    public func committed(
        _ partitions: [TopicPartition]
    ) async throws(ClientError) -> [TopicPartition: CommittedOffset] {
        let found = await withCheckedContinuation { continuation in
            let id = endings.add(.committed(continuation))
            let refused = loop.enter { core, now -> (result: ClientError?, wakes: Bool) in
                do throws(ClientError) {
                    try core.fetchCommitted(partitions, waiter: id, now: now)
                    return (nil, true)
                } catch { return (error, false) }
            }
            if let refused { endings.tell(.fetched(id, .failure(refused))) }
        }
        return try found.get()
    }

    /// The consumer as a member of its group, for a transaction that commits its offsets; `nil`
    /// without a `group.id`.
    public var groupMetadata: ConsumerGroupMetadata? {
        loop.enter { core, _ in (core.groupMetadata, false) }
    }

    /// For each assigned partition where reading goes on: past what the reader is done with.
    public var positions: [TopicPartition: CommittedOffset] {
        reader.noteProgress()
        return loop.enter { core, _ in (core.positions, false) }
    }
}
