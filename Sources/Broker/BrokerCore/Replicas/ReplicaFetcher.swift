import ClusterController
import KafkaProtocol
import KafkaRecords
import KafkaWire
import LogStorage
import Replication

/// Follows one leader on behalf of some of this node's partitions: asks it for records, appends
/// them, and cuts off what the leader does not have.
///
/// States of the fetcher: *asking* (a request is out), *syncing* (what came with the last answer
/// is not on disk, in `flushed` mode), *resting* until an instant after a failure of the
/// connection, or idle. States of a partition: see `FetchedPartition.Phase`.
///
/// A request may wait at the leader for long. Partitions that can be fetched only since then are
/// asked for with a second one, at which the leader answers the first (a leader that does not goes
/// on with it once the first is answered).
///
/// The offset that it asks from is what the leader counts as held, so in `flushed` mode it asks
/// only once all that it appended is synced. Used on its event loop alone.
final class ReplicaFetcher: Resumable {
    let id: FetcherID
    /// The version of the plan that it follows.
    private(set) var version: UInt64 = 0
    private var partitions: [ReplicaKey: FetchedPartition] = [:]
    private var session = FetcherSession()
    /// What the next request has to say something about.
    private var changed = ReplicaKeyList()
    /// Requests that are out.
    private var outstanding = 0
    /// How many there have been.
    private var requests = 0
    /// Partitions whose records are not on disk, and the ticket that is woken when they are.
    private var unsynced = ReplicaKeyList()
    private var syncTicket: WaitTicket?
    /// Partitions that are left alone until an instant, and the first of these (monotonic ns).
    private var resting: [ReplicaKey: Int64] = [:]
    private var restsEnd = Int64.max
    /// When to go on after a failure of the connection (monotonic ns).
    private var restUntil: Int64?
    private var failures = 0
    private var connectionReports = FetcherReports()
    private var partitionReports = FetcherReports()

    /// Versions of Fetch that it speaks: with topic ids and the broker's epoch.
    private static let versions: ClosedRange<Int16> = 15...FetchRequest.validVersions.upperBound
    /// The first pause after an error, in ms; doubled with each more.
    private static let firstPauseMs: Int64 = 50

    init(_ id: FetcherID) { self.id = id }

    // MARK: What to follow

    /// Takes up the partitions that are new, or of a new epoch; drops those that are gone.
    func adopt(_ plan: FetcherPlan, on loop: BrokerLoop) {
        version = plan.version
        let gone = partitions.filter { plan.partitions[$0.key] == nil }
        for key in Self.sorted(gone) { drop(key) }
        var new: [ReplicaKey: FetchedPartition] = [:]
        for (key, wanted) in plan.partitions {
            let known = partitions[key]
            guard known?.cell !== wanted.cell || known?.epoch != wanted.epoch else { continue }
            new[key] = FetchedPartition(cell: wanted.cell, epoch: wanted.epoch)
        }
        for key in Self.sorted(new) {
            partitions[key] = new[key]
            begin(key, on: loop)
        }
        step(on: loop)
    }

    /// The leader may have an address now.
    func viewChanged(on loop: BrokerLoop) { step(on: loop) }

    private func drop(_ key: ReplicaKey) {
        partitions[key] = nil
        changed.append(key)
    }

    /// Finds out where a partition goes on. A log with records but without epochs is of an old
    /// format: what is not known to be committed goes (KIP-101).
    private func begin(_ key: ReplicaKey, on loop: BrokerLoop) {
        guard let partition = partitions[key] else { return }
        let uncommitted: Offset? = partition.cell.locked { replica in
            let log = replica.log
            guard replica.follows(id.leader, in: partition.epoch), log.latestEpoch == .none,
                log.logEndOffset > replica.highWatermark
            else { return nil }
            return replica.highWatermark
        }
        if let uncommitted {
            truncate(key, .init(kind: .end, offset: uncommitted), on: loop)
        } else {
            locate(key, on: loop)
        }
    }

    /// Takes the partition's position from its log, once that is on disk.
    private func locate(_ key: ReplicaKey, on loop: BrokerLoop) {
        guard var partition = partitions[key] else { return }
        let ticket = syncTicket ?? loop.newTicket()
        let replica = partition.cell.enter()
        guard replica.follows(id.leader, in: partition.epoch) else {
            partition.cell.leave()
            return drop(key)
        }
        partition.askedBy = nil
        let position = replica.fetchPosition(
            durability: loop.view.settings.durability, ticket: ticket)
        if let position {
            partition.phase = .ready(position)
        } else {
            partition.phase = .syncing
            loop.requestFlush(replica, partition.cell)
            unsynced.append(key)
            syncTicket = ticket
            loop.resumptions[ticket.request] = self
        }
        partition.cell.leave()
        partitions[key] = partition
        changed.append(key)
    }

    // MARK: Going on

    func resume(on loop: BrokerLoop, now: ClockReading) {
        if let restUntil, restUntil <= now.monotonicNs { self.restUntil = nil }
        let synced = unsynced.removeAll { key in
            guard let partition = partitions[key], partition.phase == .syncing else { return true }
            return partition.cell.locked { replica in
                !replica.follows(id.leader, in: partition.epoch)
                    || replica.isSynced(durability: loop.view.settings.durability)
            }
        }
        if !synced.isEmpty {
            if unsynced.isEmpty { syncTicket = nil }
            for key in synced where partitions[key]?.phase == .syncing { locate(key, on: loop) }
        }
        if let syncTicket { loop.resumptions[syncTicket.request] = self }
        endPauses(by: now, on: loop)
        step(on: loop)
    }

    private func endPauses(by now: ClockReading, on loop: BrokerLoop) {
        guard restsEnd <= now.monotonicNs else { return }
        let ended = resting.filter { $0.value <= now.monotonicNs }
        for key in ended.keys { resting[key] = nil }
        restsEnd = .max
        if let next = resting.values.min() { endRests(at: next, on: loop) }
        for key in Self.sorted(partitions.filter { ended[$0.key] != nil }) {
            if case .resting = partitions[key]?.phase { locate(key, on: loop) }
        }
    }

    private func endRests(at instant: Int64, on loop: BrokerLoop) {
        guard instant < restsEnd else { return }
        restsEnd = instant
        loop.wake(self, at: instant)
    }

    /// Asks the leader, if there is something to ask for and nothing to wait for.
    private func step(on loop: BrokerLoop) {
        guard unsynced.isEmpty, restUntil == nil, !partitions.isEmpty,
            outstanding == 0 || outstanding == 1 && !session.isFull && hasNews,
            let endpoint = loop.view.endpoint(of: id.leader)
        else { return }
        requests += 1
        var items: [FetcherSession.Item] = []
        var gone: [ReplicaKey] = []
        let named = changed.takeAll()
        for key in session.isFull ? Self.sorted(partitions) : named {
            guard let partition = partitions[key], case .ready(let position) = partition.phase
            else {
                gone.append(key)
                continue
            }
            items.append(.init(key: key, epoch: partition.epoch, position: position))
            partitions[key]?.askedBy = requests
        }
        guard !items.isEmpty || partitions.values.contains(where: \.isAsked) else {
            // Nothing to fetch now; what is gone is told with the next request.
            for key in gone { changed.append(key) }
            return
        }
        outstanding += 1
        let settings = loop.view.settings
        let request = session.request(
            items, gone: gone, node: settings.nodeID, settings.replication)
        let (number, generation) = (requests, session.generation)
        loop.ask(
            id.leader, at: endpoint, lane: .replica(id.number), request, versions: Self.versions,
            timeoutMs: settings.replication.socketTimeoutMs
        ) { [weak self, unowned loop] outcome, now in
            self?.answered(number, outcome, of: generation, now: now, on: loop)
        }
    }

    /// Whether there is a partition to fetch that the request that is out says nothing of.
    private var hasNews: Bool {
        changed.keys.contains { key in
            guard let partition = partitions[key], case .ready = partition.phase else {
                return false
            }
            return !partition.isAsked
        }
    }

    /// In order of topic and partition.
    private static func sorted(_ partitions: [ReplicaKey: FetchedPartition]) -> [ReplicaKey] {
        partitions.sorted { $0.value.cell.topicPartition < $1.value.cell.topicPartition }
            .map(\.key)
    }

    // MARK: Answers

    private func answered(
        _ request: Int, _ outcome: PeerOutcome, of generation: Int, now: ClockReading,
        on loop: BrokerLoop
    ) {
        outstanding -= 1
        guard loop.fetchers[id] === self else { return }
        guard generation == session.generation else { return step(on: loop) }
        let body: [UInt8]
        let response: FetchResponse
        switch outcome.decoded(FetchResponse.self) {
        case .success(let decoded):
            guard case .answered(_, let bytes) = outcome else { return }
            (response, body) = (decoded, bytes)
        case .failure(let failure): return rest(failure.description, now, on: loop)
        }
        guard response.errorCode == KafkaError.none.rawValue else {
            // The session is gone, which costs one full request; anything else waits.
            let error = KafkaError(rawValue: response.errorCode) ?? .unknownServerError
            guard error.isOfFetchSession, !session.isFull else {
                return rest(error.name, now, on: loop)
            }
            sometimes(.fetchSessionLost)
            session.reset()
            return step(on: loop)
        }
        failures = 0
        if connectionReports.ends() {
            loop.emit(.report("fetches from broker \(id.leader.rawValue) again"))
        }
        session.accepted(response.sessionID)
        // Bytes have no padding.
        let bytes = unsafe body.span.bytes
        for topic in response.responses {
            for data in topic.partitions {
                let key = ReplicaKey(topicID: topic.topicID, partition: data.partitionIndex)
                // Since the request its log may have been cut off, and asked for anew.
                guard let asked = partitions[key]?.askedBy, asked <= request else { continue }
                take(data, bytes, for: key, now: now, on: loop)
            }
        }
        step(on: loop)
    }

    /// Pauses after a failure of the connection.
    private func rest(_ reason: String, _ now: ClockReading, on loop: BrokerLoop) {
        session.reset()
        sometimes(.fetcherRests)
        let instant = now.deadline(afterMs: pauseMs(failures, on: loop))
        failures += 1
        if connectionReports.speaks(failures: failures, now: now) {
            loop.emit(
                .report(
                    "cannot fetch from broker \(id.leader.rawValue), which leads "
                        + "\(partitions.count) partitions that this broker follows, and goes on "
                        + "trying: \(reason)"))
        }
        restUntil = instant
        loop.wake(self, at: instant)
    }

    private func pauseMs(_ failures: Int, on loop: BrokerLoop) -> Int64 {
        min(Self.firstPauseMs << Int64(min(failures, 10)), loop.view.settings.replication.backoffMs)
    }

    /// Takes in the answer for one partition.
    private func take(
        _ data: FetchResponse.PartitionData, _ body: RawSpan, for key: ReplicaKey,
        now: ClockReading, on loop: BrokerLoop
    ) {
        guard let partition = partitions[key], case .ready(let position) = partition.phase
        else { return }
        switch KafkaError(rawValue: data.errorCode) ?? .unknownServerError {
        case .none: break
        case .offsetOutOfRange: return findLeaderOffsets(key, now: now, on: loop)
        case let error: return pause(key, because: error.name, now: now, on: loop)
        }
        if let target = divergence(data, body, from: position) {
            return truncate(key, target, on: loop)
        }
        guard let reached = append(data, body, to: partition, at: position, on: loop) else {
            return pause(key, now: now, on: loop)
        }
        partitions[key]?.failures = 0
        guard reached != position else { return }
        if let pauseMs = throttle(partition, data, at: reached, now: now, on: loop) {
            rest(key, until: now.deadline(afterMs: pauseMs), on: loop)
        } else {
            locate(key, on: loop)
        }
    }

    /// Where to cut off the log, when it has parted from the leader's.
    ///
    /// A leader whose log begins within a batch does not know the begin of that batch, and sees no
    /// parting there: what it has for a log that ends where its own begins lies before that end.
    private func divergence(
        _ data: FetchResponse.PartitionData, _ body: RawSpan,
        from position: PartitionReplica.FetchPosition
    ) -> FollowerTruncation.Target? {
        if data.divergingEpoch.epoch >= 0 || data.divergingEpoch.endOffset >= 0 {
            return .init(
                kind: .epoch(LeaderEpoch(data.divergingEpoch.epoch)),
                offset: Offset(data.divergingEpoch.endOffset))
        }
        let start = Offset(data.logStartOffset)
        guard position.logStartOffset < position.offset, position.offset <= start,
            case .inFrame(let range) = data.records, !range.isEmpty,
            let first = try? RecordBatchHeader(body, at: range.lowerBound),
            first.baseOffset < position.offset
        else { return nil }
        return .init(kind: .start, offset: start)
    }

    /// How long the partition has to wait for the follower's throttled rate (KIP-73); counts what
    /// came. One that has caught up does not wait.
    private func throttle(
        _ partition: FetchedPartition, _ data: FetchResponse.PartitionData,
        at position: PartitionReplica.FetchPosition, now: ClockReading, on loop: BrokerLoop
    ) -> Int64? {
        let rate = loop.view.settings.replication.followerThrottledRate
        guard rate != nil, let quota = loop.view.quotas?.follower,
            case .inFrame(let range) = data.records
        else { return nil }
        let name = partition.cell.topicPartition
        let isThrottled = partition.cell.locked {
            $0.log.config.followerThrottled.contains(
                partition: name.partition, broker: loop.view.settings.nodeID.rawValue)
        }
        guard isThrottled else { return nil }
        quota.use(range.count, rate: rate, now: now)
        guard position.offset.rawValue < data.highWatermark else { return nil }
        return quota.pauseMs(rate: rate, now: now)
    }

    /// Appends the records and takes over the high watermark; where that has led, `nil` when it
    /// went wrong.
    private func append(
        _ data: FetchResponse.PartitionData, _ body: RawSpan, to partition: FetchedPartition,
        at position: PartitionReplica.FetchPosition, on loop: BrokerLoop
    ) -> PartitionReplica.FetchPosition? {
        let replica = partition.cell.enter()
        defer { partition.cell.leave() }
        guard replica.follows(id.leader, in: partition.epoch),
            replica.log.logEndOffset == position.offset
        else {
            sometimes(.answerOfOldRole)
            return nil
        }
        do {
            if case .inFrame(let range) = data.records, !range.isEmpty {
                try replica.appendAsFollower(body.extracting(range), epoch: partition.epoch)
            }
            let wakes = try replica.learn(
                highWatermark: Offset(data.highWatermark),
                logStartOffset: Offset(data.logStartOffset))
            if !wakes.isEmpty { loop.emit(.wake(wakes)) }
            return replica.position
        } catch let error as AppendError {
            if case .io(let cause) = error {
                loop.emit(.directoryFailed(path: partition.cell.logDirectory, cause))
            }
        } catch {
            // The log start that the leader tells is beyond the log's end: nothing is to be done.
        }
        return nil
    }

    /// Leaves a partition out for a while.
    private func pause(
        _ key: ReplicaKey, because reason: String = "its log does not continue the leader's",
        now: ClockReading, on loop: BrokerLoop
    ) {
        guard let partition = partitions[key] else { return }
        let instant = now.deadline(afterMs: pauseMs(partition.failures, on: loop))
        partitions[key]?.failures += 1
        if partitionReports.speaks(failures: partition.failures + 1, now: now) {
            loop.emit(
                .report(
                    "the replica of \(partition.cell.topicPartition) cannot follow broker "
                        + "\(id.leader.rawValue), and goes on trying: \(reason)"))
        }
        rest(key, until: instant, on: loop)
    }

    private func rest(_ key: ReplicaKey, until instant: Int64, on loop: BrokerLoop) {
        partitions[key]?.phase = .resting(until: instant)
        partitions[key]?.askedBy = nil
        changed.append(key)
        resting[key] = instant
        endRests(at: instant, on: loop)
    }

    // MARK: Truncation

    /// Cuts the log off, on an I/O thread; then goes on from where it ends.
    private func truncate(
        _ key: ReplicaKey, _ target: FollowerTruncation.Target, on loop: BrokerLoop
    ) {
        guard let partition = partitions[key] else { return }
        partitions[key]?.phase = .truncating
        partitions[key]?.askedBy = nil
        changed.append(key)
        let truncation = FollowerTruncation(
            cell: partition.cell, leader: id.leader, epoch: partition.epoch, target: target,
            directories: loop.view.directories)
        loop.inBackground({ truncation.run() }) { [weak self, unowned loop] _, now in
            guard let self, let current = self.partitions[key], current.phase == .truncating,
                current.cell === partition.cell, current.epoch == partition.epoch
            else { return }
            // What the leader says next may cut off more; without any progress it would go on for
            // ever.
            if case .ready(let before) = partition.phase, current.cell.position == before {
                self.pause(key, now: now, on: loop)
            } else {
                self.locate(key, on: loop)
            }
            self.step(on: loop)
        }
    }

    /// The leader does not have the offset: finds out what it has.
    private func findLeaderOffsets(_ key: ReplicaKey, now: ClockReading, on loop: BrokerLoop) {
        guard let partition = partitions[key], let endpoint = loop.view.endpoint(of: id.leader)
        else { return pause(key, now: now, on: loop) }
        sometimes(.followerOutOfRange)
        partitions[key]?.phase = .comparing
        partitions[key]?.askedBy = nil
        changed.append(key)
        LeaderOffsets(partition, leader: id.leader, lane: .replica(id.number), endpoint).find(
            on: loop
        ) { [weak self, unowned loop] found, now in
            guard let self, let current = self.partitions[key], current.phase == .comparing,
                current.cell === partition.cell, current.epoch == partition.epoch
            else { return }
            let end = current.cell.locked { $0.log.logEndOffset }
            if let found, found.latest < end {
                self.truncate(key, .init(kind: .end, offset: found.latest), on: loop)
            } else if let found, found.earliest > end {
                self.truncate(key, .init(kind: .start, offset: found.earliest), on: loop)
            } else {
                self.pause(key, now: now, on: loop)
            }
            self.step(on: loop)
        }
    }
}
