import KafkaProtocol
import KafkaWire
import LogStorage
import Replication

/// Fetch (key 1): records from the asked offsets up to the high watermark, or up to the last stable
/// offset for `read_committed`, or for a follower up to the log's end; waits for `minBytes` up to
/// `maxWaitMs`.
extension BrokerLoop {
    func fetch(_ request: FetchRequest, _ context: RequestContext) {
        endPoll(of: request.sessionID, now: context.now)
        let opened = openSession(request, context)
        guard case .success(let session) = opened else {
            if case .failure(let error) = opened {
                answer(FetchResponse(errorCode: error.rawValue), to: context)
            }
            return
        }
        let state = PendingFetch(
            session: session.session, isIncremental: session.isIncremental,
            keepsSession: session.keeps, request: request,
            reader: FetchReader(request, version: context.apiVersion))
        attempt(state, context, newTicket())
    }

    /// Answers if there is enough to give, or waits for more.
    private func attempt(_ state: PendingFetch, _ context: RequestContext, _ ticket: WaitTicket) {
        let request = state.request
        let found = readAll(state, context)
        guard found.cold.isEmpty else { return warm(found.cold, state, context, ticket) }
        let minBytes = leastBytes(of: request)
        if found.isEnough(minBytes) || request.maxWaitMs <= 0 {
            return answer(state, found, context)
        }
        let again = readAll(state, context, awaiting: ticket)
        guard again.cold.isEmpty else { return warm(again.cold, state, context, ticket) }
        if again.isEnough(minBytes) {
            state.cancel(ticket)
            return answer(state, again, context)
        }
        if state.keepsSession {
            sessionPolls[state.session.id] = ticket.request
        }
        delay(
            PendingRequest(context: context, kind: .fetch(state)), ticket: ticket,
            deadline: context.now.deadline(afterMs: Int64(request.maxWaitMs)))
    }

    func retryFetch(
        _ state: PendingFetch, _ context: RequestContext, ticket: WaitTicket, expired: Bool
    ) {
        guard !state.isWarming else { return }
        let found = readAll(state, context, awaiting: expired ? nil : ticket)
        guard found.cold.isEmpty else { return warm(found.cold, state, context, ticket) }
        guard expired || found.isEnough(leastBytes(of: state.request)) else { return }
        state.cancel(ticket)
        pending[ticket.request] = nil
        if sessionPolls[state.session.id] == ticket.request {
            sessionPolls[state.session.id] = nil
        }
        answer(state, found, context)
    }

    // MARK: Data that is not in memory

    /// Has the records brought into memory off the loop, which must not wait for the disk.
    private func warm(
        _ cold: [FileSlice], _ state: PendingFetch, _ context: RequestContext, _ ticket: WaitTicket
    ) {
        state.cancel(ticket)
        state.isWarming = true
        state.warmings += 1
        delay(PendingRequest(context: context, kind: .fetch(state)), ticket: ticket, deadline: nil)
        emit(.warm(cold, ticket))
    }

    /// What a fetch has asked for is in memory now, or cannot be read, which the next try shows.
    public func warmed(_ ticket: WaitTicket) {
        guard let request = pending[ticket.request], case .fetch(let state) = request.kind,
            state.isWarming
        else { return }
        state.isWarming = false
        pending[ticket.request] = nil
        attempt(state, request.context, ticket)
    }

    // MARK: Sessions (KIP-227)

    private typealias Opened = (session: FetchSession, isIncremental: Bool, keeps: Bool)

    private func openSession(
        _ request: FetchRequest, _ context: RequestContext
    ) -> Result<Opened, KafkaError> {
        let added = interests(of: request, version: context.apiVersion)
        let usesIDs = context.apiVersion >= 13
        let now = context.now.monotonicNs / 1_000_000
        switch (request.sessionID, request.sessionEpoch) {
        case (let id, -1):
            if id != 0 { sessions.remove(id: id) }
            return .success((FetchSession.sessionless(added, usesTopicIDs: usesIDs), false, false))
        case (let id, 0):
            if id != 0 { sessions.remove(id: id) }
            guard !added.isEmpty, let session = newSession(usesIDs, now) else {
                let session = FetchSession.sessionless(added, usesTopicIDs: usesIDs)
                return .success((session, false, false))
            }
            session.update(with: added, forgetting: [])
            return .success((session, false, true))
        case (let id, let epoch):
            return sessions.resume(id: id, epoch: epoch, usesTopicIDs: usesIDs, now: now).map {
                session in
                session.update(with: added, forgetting: forgotten(by: request))
                guard !session.isEmpty else {
                    // Nothing is left to follow: the session ends with this answer.
                    sessions.remove(id: id)
                    return (.sessionless([], usesTopicIDs: usesIDs), false, false)
                }
                return (session, true, true)
            }
        }
    }

    private func newSession(_ usesTopicIDs: Bool, _ now: Int64) -> FetchSession? {
        sessions.create(usesTopicIDs: usesTopicIDs, now: now, using: &random)
    }

    private func interests(of request: FetchRequest, version: Int16) -> [FetchInterest] {
        request.topics.flatMap { topic in
            topic.partitions.map {
                FetchInterest(
                    topicID: topic.topicID, topic: topic.topic, partition: $0.partition,
                    fetchOffset: Offset($0.fetchOffset), maxBytes: $0.partitionMaxBytes,
                    currentLeaderEpoch: LeaderEpoch($0.currentLeaderEpoch),
                    lastFetchedEpoch: LeaderEpoch($0.lastFetchedEpoch),
                    logStartOffset: Offset($0.logStartOffset))
            }
        }
    }

    private func forgotten(by request: FetchRequest) -> [FetchInterest.Key] {
        request.forgottenTopicsData.flatMap { topic in
            topic.partitions.map {
                FetchInterest.Key(topicID: topic.topicID, topic: topic.topic, partition: $0)
            }
        }
    }

    // MARK: Reading

    /// Most bytes of records that the answer may have.
    private func mostBytes(of request: FetchRequest) -> Int {
        Int(min(request.maxBytes, view.settings.fetchMaxBytes))
    }

    /// Bytes to wait for: never more than the answer may have.
    private func leastBytes(of request: FetchRequest) -> Int {
        min(Int(request.minBytes), mostBytes(of: request))
    }

    /// Reads every partition of the session within the request's byte budget.
    ///
    /// - Parameter ticket: woken by what comes to a partition after it was read.
    private func readAll(
        _ state: PendingFetch, _ context: RequestContext, awaiting ticket: WaitTicket? = nil
    ) -> FetchFindings {
        if ticket != nil { state.waitingOn.removeAll(keepingCapacity: true) }
        var findings = FetchFindings()
        var budget = mostBytes(of: state.request)
        for interest in state.session.interests {
            let bounds = FetchBounds(
                maxBytes: min(budget, Int(interest.maxBytes)),
                atLeastOneBatch: findings.bytes == 0,
                cachedOnly: state.warmings < PendingFetch.mostWarmings)
            let read = read(interest, state, bounds, context, awaiting: ticket)
            budget -= min(budget, read.byteCount)
            findings.add(read, pauses: state.reader.isReplica)
        }
        state.hasReported = true
        return findings
    }

    private func read(
        _ interest: FetchInterest, _ state: PendingFetch, _ bounds: FetchBounds,
        _ context: RequestContext, awaiting ticket: WaitTicket?
    ) -> PartitionFetch {
        let cells = view.topic(
            id: interest.topicID, name: interest.topic, version: context.apiVersion)
        guard let cell = cells?[interest.partition] else {
            return .failed(
                view.refusal(
                    id: interest.topicID, name: interest.topic, version: context.apiVersion,
                    interest.partition))
        }
        let replica = cell.enter()
        defer { cell.leave() }
        if let ticket { wait(for: replica, in: cell, state, ticket) }
        do {
            switch state.reader {
            case .consumer(let readCommitted, let mayReadFollower):
                var fetch = try replica.fetch(
                    interest, readCommitted: readCommitted, mayReadFollower: mayReadFollower,
                    bounds)
                if let nearer = nearerReplica(to: state.request.rackID, replica, interest, fetch) {
                    fetch.slice = nil
                    fetch.cold = nil
                    fetch.preferredReadReplica = nearer
                }
                return fetch
            case .replica(let broker, let brokerEpoch):
                let isThrottled = isThrottled(replica)
                var bounds = bounds
                if isThrottled, mustHoldBack(replica, from: broker, now: context.now) {
                    bounds.maxBytes = 0
                    bounds.atLeastOneBatch = false
                }
                var fetch = try replica.fetch(interest, asFollower: broker, bounds) {
                    guard !state.hasReported else { return }
                    report(
                        FollowerFetch(
                            broker: broker, brokerEpoch: brokerEpoch,
                            offset: interest.fetchOffset,
                            logStartOffset: interest.logStartOffset),
                        to: replica, now: context.now)
                }
                fetch.isThrottled = isThrottled
                return fetch
            }
        } catch {
            if case .io(let cause) = error {
                emit(.directoryFailed(path: cell.logDirectory, cause))
            }
            return .failed(error.kafkaError)
        }
    }

    /// Has `ticket` woken by what comes to a partition, whose cell is entered.
    private func wait(
        for replica: PartitionReplica, in cell: PartitionCell, _ state: PendingFetch,
        _ ticket: WaitTicket
    ) {
        state.waitingOn.append(cell)
        guard !state.reader.isReplica else { return replica.awaitAppend(ticket: ticket) }
        replica.awaitData(ticket: ticket)
        requestFlush(replica, cell)
    }

    // MARK: Answering

    private func answer(
        _ state: PendingFetch, _ findings: FetchFindings, _ context: RequestContext
    ) {
        if state.reader.isReplica { countThrottled(findings, now: context.now) }
        var built = FetchAnswer(
            findings: findings, isIncremental: state.isIncremental,
            sessionID: state.keepsSession ? state.session.id : 0, version: context.apiVersion,
            hints: LeaderHints(view, listener: context.listener))
        let (response, slices, served) = built.build(state.session)
        state.session.moveToBack(served)
        do {
            let encoded = try OutgoingResponse(response, to: context, slices: slices)
            finish(context, with: encoded)
        } catch {
            close(context.connection, "cannot encode Fetch answer: \(error)")
        }
    }
}

/// A fetch that waits for more bytes.
final class PendingFetch {
    let session: FetchSession
    let isIncremental: Bool
    let keepsSession: Bool
    let request: FetchRequest
    let reader: FetchReader
    /// The partitions' leaders have been told where the follower is.
    var hasReported = false
    /// The partitions that wake it.
    fileprivate var waitingOn: [PartitionCell] = []
    /// Waits for the disk; nothing else wakes it.
    var isWarming = false
    /// How often it has waited for the disk.
    var warmings = 0
    /// When memory is so short that data is gone again before it is sent, the loop reads it itself.
    static let mostWarmings = 8

    init(
        session: FetchSession, isIncremental: Bool, keepsSession: Bool, request: FetchRequest,
        reader: FetchReader
    ) {
        self.session = session
        self.isIncremental = isIncremental
        self.keepsSession = keepsSession
        self.request = request
        self.reader = reader
    }

    func cancel(_ ticket: WaitTicket) {
        for cell in waitingOn { cell.locked { $0.cancelAwaitData(ticket: ticket) } }
        waitingOn = []
    }
}
