import KafkaProtocol
import KafkaWire

/// How far a replica is, as its fetches show.
struct ReplicaProgress {
    var key: MemberKey
    /// What it has on disk, which is what it fetches next; `nil` until it has fetched.
    var endOffset: Offset?
    var lastFetch: QuorumInstant?
    var lastCaughtUp: QuorumInstant?
    /// Where the leader's log ended at the fetch before.
    private var leaderEndAtLastFetch: Offset?

    init(_ key: MemberKey) { self.key = key }

    mutating func fetched(_ offset: Offset, leaderEnd: Offset, now: QuorumInstant) {
        if offset >= leaderEnd {
            lastCaughtUp = now
        } else if let before = leaderEndAtLastFetch, offset >= before {
            lastCaughtUp = max(lastCaughtUp ?? 0, lastFetch ?? now)
        }
        leaderEndAtLastFetch = leaderEnd
        lastFetch = now
        endOffset = offset
    }
}

/// The leader of an epoch: where the voters and observers are, and who waits for what.
final class LeaderRole {
    private let own: MemberKey
    /// Where its epoch begins in the log.
    let epochStart: Offset
    /// What a majority has; `nil` until that includes a record of its own epoch.
    fileprivate(set) var highWatermark: Offset?
    private(set) var voters: [BrokerID: ReplicaProgress] = [:]
    private(set) var observers: [MemberKey: ReplicaProgress] = [:]
    /// Voters that have fetched since the last time that a majority had.
    private var fetched: Set<BrokerID> = []
    var quorumDeadline: QuorumInstant
    var announcementDue: QuorumInstant
    var parked: [ParkedFetch] = []
    var change: VoterChange?
    /// Voters as they describe themselves, where the log cannot say so (kraft.version 0).
    var describedVoters: VoterSet
    /// It is not a voter any more, and the rest of them know.
    fileprivate(set) var mustResign = false

    /// Observers beyond this many are served but not remembered.
    static let observerLimit = 4096
    /// After this long an observer is forgotten.
    static let observerSessionMs: Int64 = 300_000
    /// An observer that has fetched within this time may become a voter.
    static let joinWindowMs: Int64 = 3_600_000

    init(
        own: MemberKey, voters: VoterSet, epochStart: Offset, quorumDeadline: QuorumInstant,
        now: QuorumInstant
    ) {
        self.own = own
        self.epochStart = epochStart
        self.quorumDeadline = quorumDeadline
        announcementDue = now
        describedVoters = voters
        adopt(voters)
    }

    var isOnlyVoter: Bool { voters.count == 1 && voters[own.id]?.key.matches(own) == true }

    /// Makes `next` the voters; what is known of a replica stays known.
    func adopt(_ next: VoterSet) {
        var old = voters
        voters = [:]
        for voter in next.voters {
            let id = voter.key.id
            if var known = old[id], known.key.matches(voter.key) {
                known.key = voter.key
                voters[id] = known
                old[id] = nil
            } else {
                voters[id] = observers.removeValue(forKey: voter.key) ?? ReplicaProgress(voter.key)
            }
        }
        for progress in old.values { observers[progress.key] = progress }
        fetched = fetched.filter { voters[$0] != nil }
    }

    func progress(of key: MemberKey) -> ReplicaProgress? {
        if let voter = voters[key.id], voter.key.matches(key) { return voter }
        return observers[key]
    }

    /// Notes what this member itself has on disk.
    func noteOwn(_ end: Offset) {
        if voters[own.id]?.key.matches(own) == true { voters[own.id]?.endOffset = end }
    }

    func noteFetch(_ key: MemberKey, _ offset: Offset, leaderEnd: Offset, now: QuorumInstant) {
        if voters[key.id]?.key.matches(key) == true {
            voters[key.id]?.fetched(offset, leaderEnd: leaderEnd, now: now)
            return
        }
        guard observers[key] != nil || observers.count < Self.observerLimit else { return }
        observers[key, default: ReplicaProgress(key)].fetched(
            offset, leaderEnd: leaderEnd, now: now)
    }

    /// Counts a sign of life of a voter. Whether a majority has given one since the last time.
    func noteAlive(_ key: MemberKey) -> Bool {
        guard key.id != own.id, voters[key.id]?.key.matches(key) == true else { return false }
        fetched.insert(key.id)
        // It counts itself, as long as it is a voter.
        let others = voters.count / 2 + (voters[own.id]?.key.matches(own) == true ? 0 : 1)
        guard fetched.count >= others else { return false }
        fetched = []
        return true
    }

    /// The voters, those that have most of the log first.
    var votersByProgress: [ReplicaProgress] {
        voters.values.sorted {
            ($1.endOffset ?? Offset(-1), $0.key) < ($0.endOffset ?? Offset(-1), $1.key)
        }
    }

    /// Voters to be told that there is a leader: those that do not fetch.
    func silentVoters(since: QuorumInstant) -> [BrokerID] {
        voters.values.filter { $0.key.id != own.id && $0.lastFetch ?? .min < since }
            .map(\.key.id).sorted()
    }

    func forgetObservers(before: QuorumInstant) {
        observers = observers.filter { $0.value.lastFetch ?? .min >= before }
    }

    /// Raises the high watermark to what a majority has. Whether it rose.
    fileprivate func advance() -> Bool {
        let place = PlantedBug.lonelyCommit.isPlanted ? 0 : voters.count / 2
        let majority = votersByProgress[place].endOffset ?? Offset(-1)
        // Records of older epochs commit only under one of its own (Raft, section 5.4.2).
        guard majority > epochStart || PlantedBug.oldEpochCommit.isPlanted,
            majority > highWatermark ?? .zero
        else { return false }
        highWatermark = majority
        return true
    }
}

extension QuorumReplica {
    func becomeLeader(grantedBy voters: Set<BrokerID>) throws(QuorumError) {
        sometimes(.candidateElected)
        try persist(QuorumState(leaderID: nodeID.rawValue, leaderEpoch: epoch.rawValue))
        leaderEndpoint = settings.listeners.first?.endpoint
        let role = LeaderRole(
            own: key, voters: self.voters, epochStart: endOffset,
            quorumDeadline: now.monotonic + checkQuorumMs, now: now.monotonic)
        enter(.leader(role))
        emit(.report("leads epoch \(epoch.rawValue) from offset \(endOffset.rawValue) on"))
        try appendControls(firstControls(grantedBy: voters))
    }

    /// What an epoch begins with.
    private func firstControls(grantedBy granting: Set<BrokerID>) -> [QuorumControlRecord] {
        var controls: [QuorumControlRecord] = [
            .leaderChange(
                LeaderChangeMessage(
                    leaderID: nodeID.rawValue,
                    voters: voters.ids.map { .init(voterID: $0.rawValue) },
                    grantingVoters: granting.sorted().map { .init(voterID: $0.rawValue) }))
        ]
        guard self.controls.isReconfigurable, let offset = self.controls.votersOffset else {
            return controls
        }
        // The first voters are not in the log yet, or others would not find this one.
        var next = voters
        if !settings.listeners.isEmpty, let updated = voters.updating(ownVoter) { next = updated }
        if offset == ControlHistory.formatted || next != voters {
            controls += [
                .kraftVersion(KRaftVersionRecord(kRaftVersion: kraftVersion)),
                .voters(next.record),
            ]
        }
        return controls
    }

    /// The leader resigns when no majority has fetched for this long.
    var checkQuorumMs: Int64 { settings.fetchTimeoutMs * 3 / 2 }
    private var announcementMs: Int64 { settings.fetchTimeoutMs / 2 }

    func appendControls(_ controls: [QuorumControlRecord]) throws(QuorumError) {
        let bytes = try MetadataBatch.control(
            controls, at: endOffset, epoch: epoch, now: now.wall)
        let batch = MetadataBatch(
            baseOffset: endOffset, lastOffset: endOffset + Int64(controls.count - 1),
            epoch: epoch, timestamp: now.wall, byteCount: bytes.count, controls: controls)
        try appendAsLeader(bytes, [batch])
    }

    func appendAsLeader(_ bytes: [UInt8], _ batches: [MetadataBatch]) throws(QuorumError) {
        guard let role = role.leader else { throw .notLeader }
        do throws(QuorumError) {
            try append(bytes, batches)
        } catch {
            fail("\(error)")
            throw error
        }
        let wasAlone = role.isOnlyVoter
        role.adopt(voters)
        // Until now nobody had to fetch.
        if wasAlone { role.quorumDeadline = now.monotonic + checkQuorumMs }
        role.noteOwn(endOffset)
        try advance(role)
        try serveParked(role)
    }

    /// Commits what a majority has.
    func advance(_ role: LeaderRole) throws(QuorumError) {
        guard role.advance(), let highWatermark = role.highWatermark else { return }
        commit(upTo: highWatermark)
        finishVoterChange(role, highWatermark)
        if let offset = controls.votersOffset, highWatermark > offset, !isVoter {
            sometimes(.removedLeaderResigns)
            role.mustResign = true
        }
        try serveParked(role)
    }

    func poll(_ role: LeaderRole) throws(QuorumError) {
        if role.mustResign { return becomeResigned(from: role) }
        if !role.isOnlyVoter, now.monotonic >= role.quorumDeadline {
            sometimes(.leaderLosesMajority)
            emit(.report("no majority of the voters has fetched for \(checkQuorumMs) ms"))
            return becomeResigned(from: role)
        }
        expireVoterChange(role)
        try serveParked(role)
        guard now.monotonic >= role.announcementDue else { return }
        role.announcementDue = now.monotonic + announcementMs
        for id in role.silentVoters(since: now.monotonic - announcementMs) { announce(to: id) }
    }

    /// Tells a voter who leads.
    private func announce(to id: BrokerID) {
        guard let voter = voters[id], let endpoint = voter.endpoint(settings.listenerName) else {
            return
        }
        sometimes(.leaderAnnouncesItself)
        let partition = BeginQuorumEpochRequest.PartitionData(
            partitionIndex: Self.topicPartition.partition,
            voterDirectoryID: voter.key.directoryID, leaderID: nodeID.rawValue,
            leaderEpoch: epoch.rawValue)
        let request = BeginQuorumEpochRequest(
            clusterID: clusterID, voterID: id.rawValue,
            topics: [.init(topicName: Self.topicPartition.topic, partitions: [partition])],
            leaderEndpoints: settings.listeners.map {
                .init(name: $0.name, host: $0.endpoint.host, port: $0.endpoint.port)
            })
        send(request, to: endpoint, id, for: .beginQuorumEpoch(id))
    }

    func take(_ response: BeginQuorumEpochResponse) throws(QuorumError) -> Bool {
        guard response.errorCode == KafkaError.none.rawValue,
            let answer = response.topics.first?.partitions.first
        else { return false }
        let endpoints = response.nodeEndpoints.map {
            ($0.nodeID, QuorumEndpoint(host: $0.host, port: $0.port))
        }
        let common = try takeCommon(
            answer.errorCode, leader: answer.leaderID, epoch: answer.leaderEpoch, endpoints)
        return common ?? (answer.errorCode == KafkaError.none.rawValue)
    }

    /// Tells everybody who waits on this leader that it leads no more. Called before it is not.
    func leave(_ role: LeaderRole) {
        let parked = role.parked
        role.parked = []
        for fetch in parked {
            emit(.answer(fetch.ticket, fetchAnswer(.notLeaderOrFollower, fetch.version)))
        }
        endVoterChange(role, .notLeaderOrFollower, nil)
    }
}
