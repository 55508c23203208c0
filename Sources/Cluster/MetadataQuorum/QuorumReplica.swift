import KafkaProtocol
import KafkaRecords
import KafkaWire
import LogStorage

/// One member of the metadata quorum: voter or observer of `__cluster_metadata` (KIP-595, KIP-630,
/// KIP-853, KIP-996).
///
/// A state machine: requests, outcomes and the time go in, `QuorumEffect`s come out. Only the file
/// system is called directly, and synchronously. Files are Kafka's: the log, `quorum-state` and
/// snapshots beside it.
///
/// Invariants: `quorum-state` is on disk before an answer or request that rests on it; a record is
/// on disk before it counts, here or in a fetch offset; at most one vote in an epoch; what is
/// committed is never cut off; the high watermark passes only once a majority of the voters has a
/// record of the leader's own epoch.
public final class QuorumReplica {
    public let nodeID: BrokerID
    /// The id of the directory that holds the log.
    public let directoryID: KafkaUUID
    public let clusterID: String
    let settings: QuorumSettings
    let log: MetadataLog
    var random: any RandomNumberGenerator
    /// What `quorum-state` says. Changed by `persist` only.
    private(set) var state: QuorumState
    var role: QuorumRole
    /// Where the epoch's leader can be reached, once that is known.
    var leaderEndpoint: QuorumEndpoint?
    var controls: ControlHistory
    /// What is in the log beyond the high watermark, decoded.
    private var uncommitted: [MetadataBatch] = []
    /// One past the last record that is known to be committed; never goes back.
    public private(set) var highWatermark: Offset = .zero
    var requests = OutgoingRequests()
    /// The time of the current call.
    var now: QuorumTime
    /// Counts role changes.
    private(set) var transitions = 0
    private(set) var effects: [QuorumEffect] = []
    private var told: (leader: BrokerID?, epoch: LeaderEpoch)
    /// Why this member does nothing any more.
    public private(set) var failure: String?
    /// Bytes of log since the newest snapshot, of committed records.
    public internal(set) var bytesSinceSnapshot = 0
    private(set) var lastCommittedTimestamp: Int64 = 0

    /// The log's topic and partition.
    public static let topicPartition = TopicPartition(topic: "__cluster_metadata", partition: 0)

    /// Opens the log below `logDirectory` (`metadata.log.dir`), making it when there is none, and
    /// reads all of it. The newest snapshot, if any, is the first effect.
    ///
    /// - Throws: `QuorumError` naming the file that cannot be read or understood.
    public init(
        logDirectory: String, nodeID: BrokerID, directoryID: KafkaUUID, clusterID: String,
        settings: QuorumSettings, fileSystem: any FileSystem,
        random: any RandomNumberGenerator, now: QuorumTime
    ) throws(QuorumError) {
        self.nodeID = nodeID
        self.directoryID = directoryID
        self.clusterID = clusterID
        self.settings = settings
        self.random = random
        self.now = now
        controls = ControlHistory(staticVoters: settings.staticVoters)
        log = try MetadataLog(
            logDirectory: logDirectory, settings: settings, fileSystem: fileSystem, now: now.wall)
        state = try QuorumState(in: log.directory, fileSystem)
        role = .unattached(UnattachedRole(electionDeadline: .max))
        told = (nil, LeaderEpoch(state.leaderEpoch))
        try load(logDirectory)
    }

    // MARK: What it knows

    /// The directory of the metadata log.
    public var directory: String { log.directory }
    /// One past the last record.
    public var endOffset: Offset { log.endOffset }
    /// The newest snapshot.
    public var latestSnapshot: SnapshotID? { log.snapshots.last }
    public var epoch: LeaderEpoch { LeaderEpoch(state.leaderEpoch) }
    /// The leader of the epoch, where it is known. A leader that has resigned is none.
    public var leaderAndEpoch: (leader: BrokerID?, epoch: LeaderEpoch) {
        if case .resigned = role { return (nil, epoch) }
        return (state.leader, epoch)
    }
    /// Whether this member leads, and the first record of its epoch is committed.
    public var isActiveLeader: Bool { role.leader?.highWatermark != nil }
    /// The voters as the log has them, committed or not.
    public var voters: VoterSet { controls.voters }
    public var kraftVersion: Int16 { controls.kraftVersion }
    /// The level of `kraft.version` that no failover takes back.
    public var committedKRaftVersion: Int16 { controls.kraftVersion(before: highWatermark) ?? 0 }
    var isVoter: Bool { settings.mayVote && voters.contains(key) }
    /// Whether this member may ask for votes: also one whose removal it does not know to be
    /// committed. It may be the only one that has the record, without which no other is elected
    /// (Ongaro's thesis, section 4.2.2). It does not count itself.
    var mayStand: Bool {
        if isVoter { return true }
        guard settings.mayVote, let offset = controls.votersOffset, offset >= highWatermark else {
            return false
        }
        return controls.voters(before: offset)?.contains(key) ?? false
    }
    var key: MemberKey { MemberKey(nodeID, directoryID) }
    /// This member as it would stand among the voters.
    var ownVoter: Voter { Voter(key: key, listeners: settings.listeners) }

    /// Where a voter can be reached; of the leader also when it is not a voter any more.
    public func endpoint(of id: BrokerID) -> QuorumEndpoint? {
        if id == state.leader, let leaderEndpoint { return leaderEndpoint }
        return voters[id]?.endpoint(settings.listenerName)
    }

    // MARK: What happens to it

    /// Begins to take part. A single voter leads on return.
    public func start(now: QuorumTime) throws(QuorumError) {
        perform(now) { () throws(QuorumError) in try self.enterFirstRole() }
        if let failure { throw .corrupt(directory, failure) }
    }

    /// The time has come that `nextDeadline` named, or any other.
    public func tick(now: QuorumTime) { perform(now) {} }

    /// The outcome of a request that was sent.
    public func answered(_ id: UInt64, _ outcome: QuorumOutcome, now: QuorumTime) {
        perform(now) { () throws(QuorumError) in
            guard let ended = self.requests.end(id) else { return }
            try self.take(outcome, of: ended)
        }
    }

    /// Gives up leadership, so that another one can be elected at once.
    public func resign(now: QuorumTime) {
        perform(now) { if let leader = self.role.leader { self.becomeResigned(from: leader) } }
    }

    /// Appends `records` as one batch, all or nothing. On return they are on this member's disk;
    /// they are committed when the high watermark passes them, and then come back as an effect.
    ///
    /// - Returns: the offset of the last record.
    public func append(
        _ records: [MetadataRecord], now: QuorumTime, version: (MetadataRecord) -> Int16
    ) throws(QuorumError) -> Offset {
        precondition(!records.isEmpty, "a metadata batch has records")
        guard failure == nil, role.leader != nil else { throw .notLeader }
        self.now = now
        let bytes = try MetadataBatch.data(
            records, at: endOffset, epoch: epoch, now: now.wall, version: version)
        let batch = MetadataBatch(
            baseOffset: endOffset, lastOffset: endOffset + Int64(records.count - 1), epoch: epoch,
            timestamp: now.wall, byteCount: bytes.count, records: records)
        try appendAsLeader(bytes, [batch])
        perform(now) {}
        return batch.lastOffset
    }

    /// What there is to do since the last call, in order.
    public func takeEffects() -> [QuorumEffect] {
        defer { effects = [] }
        return effects
    }

    /// Closes the log after an orderly stop.
    public func close() throws(LogError) { try log.close() }

    /// Runs one event, then what follows from it.
    func perform(_ now: QuorumTime, _ event: () throws(QuorumError) -> Void) {
        guard failure == nil else { return }
        self.now = now
        do throws(QuorumError) {
            try event()
            try poll()
        } catch {
            fail("\(error)")
        }
    }

    /// Does what is due, again after each change of role.
    private func poll() throws(QuorumError) {
        var before = -1
        while before != transitions, failure == nil {
            before = transitions
            switch role {
            case .unattached(let role): try poll(role)
            case .follower(let role): try poll(role)
            case .prospective(let role): try poll(prospective: role)
            case .candidate(let role): try poll(candidate: role)
            case .leader(let role): try poll(role)
            case .resigned(let role): try poll(role)
            }
        }
        tellLeadership()
    }

    // MARK: What it keeps

    func emit(_ effect: QuorumEffect) { effects.append(effect) }

    func fail(_ reason: String) {
        guard failure == nil else { return }
        failure = reason
        if let leader = role.leader { leave(leader) }
        emit(.failed(reason))
    }

    func enter(_ next: QuorumRole) {
        if let leader = role.leader { leave(leader) }
        if let partial = role.follower?.snapshot {
            // Gone with the next start at the latest.
            try? partial.discard(in: log)
        }
        role = next
        transitions += 1
        requests.forgetAll()
    }

    /// Makes the election state durable, then takes it over.
    func persist(_ next: QuorumState) throws(QuorumError) {
        var next = next
        next.dataVersion = controls.isReconfigurable ? 1 : 0
        if next.dataVersion == 0 { next.votedDirectoryID = .zero }
        next.currentVoters = next.dataVersion == 0 ? voters.ids.map(\.rawValue) : []
        guard next != state else { return }
        if !PlantedBug.unpersistedVote.isPlanted {
            try next.write(in: log.directory, log.fileSystem)
        }
        state = next
    }

    /// Says who leads when that has changed since it was last said.
    func tellLeadership() {
        let (leader, epoch) = leaderAndEpoch
        if leader == nodeID, !isActiveLeader { return tell(nil, epoch) }
        tell(leader, epoch)
    }

    private func tell(_ leader: BrokerID?, _ epoch: LeaderEpoch) {
        guard told != (leader, epoch) else { return }
        told = (leader, epoch)
        emit(.leadership(leader: leader, epoch: epoch, isSelf: leader == nodeID))
    }

    /// A random time between one and two election timeouts from now.
    func electionDeadline() -> QuorumInstant {
        let span = settings.electionTimeoutMs
        let extra = span > 0 ? Int64.random(in: 0..<span, using: &random) : 0
        return now.monotonic + span + extra
    }
}

// MARK: - The log

extension QuorumReplica {
    private func load(_ logDirectory: String) throws(QuorumError) {
        if let id = log.snapshots.last {
            try log.startBehindNewestSnapshot()
            let contents = try log.contents(of: id)
            install(contents, id)
        } else if let (version, voters) = try QuorumFormat.readFirstControls(
            in: logDirectory, log.fileSystem)
        {
            controls.replace(
                with: SnapshotContents(kraftVersion: version, voters: voters),
                at: ControlHistory.formatted)
        }
        guard highWatermark >= log.startOffset else {
            throw .corrupt(
                directory,
                "the log begins at \(log.startOffset), and no snapshot reaches that far")
        }
        var next = highWatermark
        while next < log.endOffset {
            let bytes = try log.read(from: next, maxBytes: MetadataLog.readLimit)
            let batches = try MetadataBatch.all(in: bytes, path: directory)
            guard let last = batches.last else {
                throw .corrupt(directory, "nothing can be read at offset \(next)")
            }
            for batch in batches where batch.lastOffset >= highWatermark { take(batch) }
            next = last.lastOffset + 1
        }
        if log.lastEpoch > epoch {
            // The vote in that epoch is not known: none may be given in it.
            try persist(
                QuorumState(leaderEpoch: log.lastEpoch.rawValue, dataVersion: state.dataVersion))
        }
    }

    /// Takes a snapshot for all that was known.
    func install(_ contents: SnapshotContents, _ id: SnapshotID) {
        controls.replace(with: contents, at: id.endOffset + -1)
        uncommitted = []
        highWatermark = max(highWatermark, id.endOffset)
        bytesSinceSnapshot = 0
        lastCommittedTimestamp = contents.lastTimestamp
        emit(.installed(id, contents))
    }

    private func take(_ batch: MetadataBatch) {
        controls.note(batch)
        uncommitted.append(batch)
    }

    /// Appends and syncs batches, decoded and as bytes.
    func append(_ bytes: [UInt8], _ batches: [MetadataBatch]) throws(QuorumError) {
        try log.append(bytes)
        for batch in batches { take(batch) }
    }

    /// Cuts off what a leader does not have.
    func truncate(to offset: Offset) throws(QuorumError) {
        guard offset >= highWatermark else {
            throw .corrupt(
                directory,
                "the leader has other records from offset \(offset) on, but those below "
                    + "\(highWatermark) are committed")
        }
        try log.truncate(to: offset)
        uncommitted.removeAll { $0.lastOffset >= log.endOffset }
        controls.truncate(to: log.endOffset)
    }

    /// Gives what has become committed.
    func commit(upTo offset: Offset) {
        guard offset > highWatermark else { return }
        highWatermark = offset
        let count = uncommitted.prefix { $0.lastOffset < offset }.count
        guard count > 0 else { return }
        let batches = Array(uncommitted[..<count])
        uncommitted.removeFirst(count)
        for batch in batches {
            bytesSinceSnapshot += batch.byteCount
            lastCommittedTimestamp = max(lastCommittedTimestamp, batch.timestamp)
        }
        emit(.committed(batches))
    }
}
