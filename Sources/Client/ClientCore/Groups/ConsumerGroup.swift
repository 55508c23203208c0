import KafkaProtocol
public import KafkaWire

extension ConsumerCore {
    // MARK: What the user does

    /// Makes the consumer a member of its group; what was assigned before is given up.
    ///
    /// - Throws: `invalidState` without a `group.id`.
    public mutating func subscribe(
        _ subscription: Subscription, now: ClientInstant
    ) throws(ClientError) {
        guard group != nil else { throw .invalidState("subscribing needs a group.id") }
        group?.subscription = subscription
        group?.needsRejoin = true
        followSubscription()
    }

    /// Commits offsets, or the positions of all assigned partitions; `committed` tells.
    ///
    /// - Throws: `invalidState` without a `group.id`; for a member of a group, also for a partition
    ///   that is not its own (any more): another member may have got further.
    public mutating func commit(
        _ offsets: [TopicPartition: CommittedOffset]?, waiter: UInt64?, now: ClientInstant
    ) throws(ClientError) {
        guard let group else { throw .invalidState("committing needs a group.id") }
        let offsets = offsets ?? positions
        if group.subscription != nil,
            let foreign = offsets.keys.filter({ partitions[$0] == nil }).min()
        {
            throw .invalidState("\(foreign) is not assigned to this member")
        }
        guard !offsets.isEmpty else {
            if let waiter { outputs.append(.committed(waiter, nil)) }
            return
        }
        commits.append(
            PendingCommit(waiter: waiter, offsets: offsets, deadline: now + settings.apiTimeout))
    }

    /// Looks up what the group has committed; `fetched` tells.
    public mutating func fetchCommitted(
        _ ids: [TopicPartition], waiter: UInt64, now: ClientInstant
    ) throws(ClientError) {
        guard group != nil else { throw .invalidState("committed offsets need a group.id") }
        for id in ids { network.refresh.add(id.topic) }
        offsetFetches.append(
            PendingOffsetFetch(
                waiter: waiter, partitions: ids.sorted(), deadline: now + settings.apiTimeout))
    }

    /// The user has handled the revocation with this ticket.
    public mutating func finishRebalance(_ ticket: UInt64, now: ClientInstant) {
        guard let group, group.ticket == ticket else { return }
        if group.settings.commitsAutomatically { commitPositions(now) }
        self.group?.ticket = nil
        let revoked = group.revoking
        self.group?.revoking = []
        replaceAssignment(order.filter { !revoked.contains($0) })
    }

    /// Commits if that is automatic, gives up all partitions, and leaves the group; the shell ends
    /// the connections when `hasLeft`.
    public mutating func leave(now: ClientInstant) {
        guard var group, !group.isLeaving else { return }
        group.isLeaving = true
        if group.settings.commitsAutomatically { commitPositions(now) }
        self.group = group
    }

    /// Whether nothing is left to say to the group.
    public var hasLeft: Bool {
        guard let group, group.subscription != nil || !commits.isEmpty else { return true }
        guard commits.isEmpty else { return false }
        return group.phase == .left || group.phase == .failed || !group.isMember
    }

    /// Positions of the assigned partitions, to be committed.
    public var positions: [TopicPartition: CommittedOffset] {
        var positions: [TopicPartition: CommittedOffset] = [:]
        for id in order {
            guard let partition = partitions[id], let position = partition.position else {
                continue
            }
            positions[id] = CommittedOffset(position, leaderEpoch: partition.positionEpoch)
        }
        return positions
    }

    /// Whether offsets of partitions that were given up are still to be committed: others must not
    /// get those before.
    var hasCommitsOfRevoked: Bool {
        commits.contains { commit in commit.offsets.keys.contains { partitions[$0] == nil } }
    }

    /// Commits positions that have changed since the last time, for nobody in particular.
    mutating func commitPositions(_ now: ClientInstant) {
        let changed = positions.filter { partitions[$0.key]?.committed != $0.value.offset }
        guard !changed.isEmpty else { return }
        commits.append(
            PendingCommit(waiter: nil, offsets: changed, deadline: now + .seconds(5)))
    }

    // MARK: The clock

    mutating func advanceGroup(_ now: ClientInstant) {
        guard let settings = group?.settings else { return }
        followSubscription()
        advanceCommits(now)
        if group?.subscription != nil, settings.commitsAutomatically, group?.phase == .stable {
            if let next = group?.nextCommit, next <= now { commitPositions(now) }
            if group?.nextCommit.map({ $0 <= now }) ?? true {
                group?.nextCommit = now + settings.commitInterval
            }
        }
        guard group?.subscription != nil, group?.phase != .failed, group?.phase != .left else {
            return
        }
        if group?.isLeaving == true { return leaveGroup(now) }
        switch settings.groupProtocol {
        case .classic: advanceClassic(now)
        case .consumer: advanceConsumerProtocol(now)
        }
    }

    /// Has the metadata of all topics that matter asked for.
    private mutating func followSubscription() {
        guard let group, let subscription = group.subscription else { return }
        switch subscription {
        case .pattern: network.refresh.wantsAll = true
        case .topics(let names):
            network.refresh.wantsAll = false
            let all = Set(names).union(group.members.flatMap(\.topics)).union(order.map(\.topic))
            network.refresh.replace(all)
        }
    }

    /// The next moment at which there is something to do. What is due already waits for the
    /// coordinator, which has moments of its own.
    func groupWake(_ now: ClientInstant) -> ClientInstant? {
        guard let group else { return nil }
        var moments = [group.nextHeartbeat, group.nextCommit, group.notBefore]
        for commit in commits { moments += [commit.deadline, commit.notBefore] }
        for fetch in offsetFetches { moments += [fetch.deadline, fetch.notBefore] }
        return moments.compactMap { $0 }.filter { $0 > now }.min()
    }

    // MARK: Partitions come and go

    /// Takes partitions; they begin where the group has committed.
    mutating func add(_ ids: [TopicPartition], _ now: ClientInstant) {
        guard !ids.isEmpty else { return }
        replaceAssignment(order + ids)
        awaitCommitted(ids, now)
        outputs.append(.rebalance(.assigned(ids.sorted()), ticket: nil))
    }

    /// Has partitions wait for what the group has committed.
    mutating func awaitCommitted(_ ids: [TopicPartition], _ now: ClientInstant) {
        guard !ids.isEmpty else { return }
        for id in ids { partitions[id]?.state = .awaitingCommitted }
        offsetFetches.append(
            PendingOffsetFetch(
                waiter: nil, partitions: ids.sorted(), deadline: now + .seconds(1 << 30)))
    }

    /// Begins to give up partitions: nothing more of them is fetched, and the user is
    /// told. They are gone, and their positions committed, once `finishRebalance` has been called.
    mutating func revoke(_ ids: [TopicPartition], _ now: ClientInstant) {
        guard !ids.isEmpty else { return }
        let ticket = takeGeneration()
        group?.ticket = ticket
        group?.revoking = Set(ids)
        for id in ids { partitions[id]?.isRevoked = true }
        outputs.append(.rebalance(.revoked(ids.sorted()), ticket: ticket))
    }

    /// Partitions are gone without our doing.
    mutating func lose(_ ids: [TopicPartition]) {
        guard !ids.isEmpty else { return }
        let gone = Set(ids)
        replaceAssignment(order.filter { !gone.contains($0) })
        outputs.append(.rebalance(.lost(ids.sorted()), ticket: nil))
    }

    /// The group has put us out: begin anew, with a new member id if that is what it takes.
    mutating func fallOut(forgettingMember: Bool, _ now: ClientInstant) {
        lose(order)
        group?.ticket = nil
        group?.revoking = []
        // The partitions may be others' by now, who have got further.
        dropCommits(.broker(.unknownMemberID, message: "put out of the group"))
        if forgettingMember, group?.settings.groupProtocol == .classic { group?.memberID = "" }
        group?.step()
    }

    /// The membership has come to an end that a retry does not change; nor would one change what
    /// becomes of commits and of questions for offsets. What the user assigned stays; where the
    /// group was to say where a partition begins, a seek has to.
    mutating func failGroup(_ error: ClientError) {
        if group?.subscription != nil {
            lose(order)
        } else {
            for id in order {
                guard case .awaitingCommitted = partitions[id]?.state else { continue }
                partitions[id]?.state = .failed
            }
        }
        group?.step(out: .failed)
        dropCommits(error)
        for fetch in offsetFetches {
            if let waiter = fetch.waiter { outputs.append(.fetched(waiter, .failure(error))) }
        }
        offsetFetches = []
        tell(error)
    }

    /// Gives up commits that are not under way.
    private mutating func dropCommits(_ error: ClientError) {
        for commit in commits where !commit.isInFlight {
            if let waiter = commit.waiter { outputs.append(.committed(waiter, error)) }
        }
        commits.removeAll { !$0.isInFlight }
    }

    /// Waits a little before the coordinator is asked again.
    mutating func delayGroup(_ now: ClientInstant) {
        let failures = (group?.failures ?? 0) + 1
        group?.failures = failures
        group?.notBefore =
            now
            + NetworkSettings.backoff(
                settings.network.retryBackoff, settings.network.retryBackoffMax,
                failures: failures, using: &network.random)
    }
}
