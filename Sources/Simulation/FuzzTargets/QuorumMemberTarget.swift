import ClusterController
import KafkaProtocol
import KafkaRecords
import KafkaWire
import LogStorage
import MetadataQuorum

/// A voter of three among others that send and answer whatever the input says, restarts included.
///
/// Each step begins with a byte that chooses it. Whatever comes, the member's epoch and high
/// watermark do not go back, it votes once in an epoch, and what is committed is one unbroken row.
let quorumMemberTargets = [FuzzTarget("quorum-member", fuzzMember)]

private func fuzzMember(_ bytes: RawSpan) {
    var input = FuzzInput(bytes)
    guard var run = MemberRun() else { return require(false, "an empty directory does not open") }
    for _ in 0..<48 where !input.isAtEnd {
        run.step(&input)
        guard run.isAlive else { return }
    }
}

/// The member, and what it has done.
private struct MemberRun {
    private var disk = MemoryFileSystem()
    private var member: QuorumReplica
    private var now = QuorumTime(monotonic: 1000, wall: 1_700_000_000_000)
    private var pending: [QuorumRequest] = []
    private var tickets: UInt64 = 0
    private var epoch = LeaderEpoch(0)
    private var highWatermark = Offset.zero
    /// Who got the vote, by epoch; and what votes are asked for, by ticket.
    private var votes: [Int32: Int32] = [:]
    private var asked: [QuorumTicket: VoteRequest.PartitionData] = [:]
    private var committedEnd = Offset.zero

    private static let directoryID = KafkaUUID(high: 7, low: 1)
    private static let clusterID = "c"

    init?() {
        do {
            try disk.createDirectory("/d")
            try disk.syncDirectory("/")
            member = try Self.open(disk, now)
            try member.start(now: now)
        } catch {
            return nil
        }
    }

    var isAlive: Bool { member.failure == nil }

    private static func open(
        _ disk: MemoryFileSystem, _ now: QuorumTime
    ) throws(QuorumError) -> QuorumReplica {
        let voters = (Int32(1)...3).map { id in
            Voter(
                key: MemberKey(BrokerID(id)),
                listeners: [.init(name: "C", endpoint: .init(host: "n\(id)", port: 9))])
        }
        let settings = QuorumSettings(
            staticVoters: VoterSet(voters), listeners: voters[0].listeners, listenerName: "C",
            mayVote: true)
        return try QuorumReplica(
            logDirectory: "/d", nodeID: BrokerID(1), directoryID: directoryID,
            clusterID: clusterID, settings: settings, fileSystem: disk,
            random: SplitMix64(seed: 1), now: now)
    }

    // MARK: Steps

    mutating func step(_ input: inout FuzzInput) {
        switch input.byte() % 8 {
        case 0: pass(ms: Int64(input.short()))
        case 1, 2: receive(&input)
        case 3, 4: answer(&input)
        case 5: write()
        case 6: restart(seed: UInt64(input.byte()))
        default: grant()
        }
        look()
    }

    private mutating func pass(ms: Int64) {
        now.monotonic += ms
        now.wall += ms
        member.tick(now: now)
    }

    /// Both others agree to whatever is asked for.
    private mutating func grant() {
        let asked = pending
        pending = []
        for request in asked {
            guard let vote = request.message as? VoteRequest,
                let partition = vote.topics.first?.partitions.first
            else { continue }
            let response = VoteResponse(
                topics: [
                    .init(
                        topicName: "__cluster_metadata",
                        partitions: [
                            .init(
                                leaderID: -1, leaderEpoch: partition.replicaEpoch,
                                voteGranted: true)
                        ])
                ])
            give(response, to: request)
        }
    }

    private mutating func write() {
        let record = MetadataRecord.topicRecord(
            .init(name: "t", topicID: KafkaUUID(high: 1, low: 2)))
        // Whoever does not lead says so.
        _ = try? member.append([record], now: now) { _ in 0 }
    }

    /// The power is cut, and comes back.
    private mutating func restart(seed: UInt64) {
        disk = disk.afterPowerCut(seed: seed)
        pending = []
        do throws(QuorumError) {
            member = try Self.open(disk, now)
            try member.start(now: now)
        } catch {
            require(false, "a member does not start after a power cut: \(error)")
        }
        // It learns anew from a leader what is committed.
        highWatermark = member.highWatermark
        committedEnd = .zero
    }

    private mutating func receive(_ input: inout FuzzInput) {
        guard let (message, version) = Self.message(&input, epoch, member.endOffset) else { return }
        tickets += 1
        let ticket = QuorumTicket(tickets)
        if case .vote(let request) = message {
            asked[ticket] = request.topics.first?.partitions.first
        }
        member.receive(message, version: version, ticket: ticket, now: now)
    }

    private mutating func answer(_ input: inout FuzzInput) {
        guard !pending.isEmpty else { return }
        let request = pending.remove(at: Int(input.byte()) % pending.count)
        let version = request.versions.upperBound
        switch input.byte() % 6 {
        case 0: member.answered(request.id, .failed("x"), now: now)
        case 1: member.answered(request.id, .disconnected("x"), now: now)
        case 2: member.answered(request.id, .unsupportedVersion, now: now)
        case 3:
            member.answered(request.id, .answered(version: version, body: input.piece()), now: now)
        default:
            if request.message is FetchRequest { give(fetched(&input), to: request) }
        }
    }

    private mutating func give(_ response: some KafkaResponse, to request: QuorumRequest) {
        let version = request.versions.upperBound
        guard let body = try? response.encoded(version: version) else { return }
        member.answered(request.id, .answered(version: version, body: body), now: now)
    }

    /// What a leader might say: records, a snapshot, another log.
    private func fetched(_ input: inout FuzzInput) -> FetchResponse {
        var partition = FetchResponse.PartitionData()
        partition.currentLeader = .init(
            leaderID: Int32(input.byte() % 4), leaderEpoch: epoch.rawValue + Int32(input.byte() % 3)
        )
        partition.highWatermark = member.endOffset.rawValue + input.number() % 8
        switch input.byte() % 4 {
        case 0:
            partition.divergingEpoch = .init(
                epoch: Int32(truncatingIfNeeded: input.number()), endOffset: input.number())
        case 1:
            partition.snapshotID = .init(
                endOffset: input.number(), epoch: Int32(truncatingIfNeeded: input.number()))
        case 2: partition.records = .bytes(input.piece())
        default:
            var builder = RecordBatchBuilder(
                .init(
                    baseOffset: member.endOffset + input.number() % 3,
                    partitionLeaderEpoch: LeaderEpoch(epoch.rawValue - Int32(input.byte() % 2))))
            builder.append(timestamp: now.wall, key: nil, value: [1, 2, 0, 2, 0x74])
            partition.records = .bytes((try? builder.finish()) ?? [])
        }
        var response = FetchResponse()
        response.responses = [
            .init(
                topic: "__cluster_metadata", topicID: .metadataTopic, partitions: [partition])
        ]
        return response
    }

    // MARK: What must hold

    private mutating func look() {
        for effect in member.takeEffects() {
            switch effect {
            case .send(let request): pending.append(request)
            case .answer(let ticket, let response): noteVote(response, asked[ticket])
            case .committed(let batches):
                for batch in batches {
                    require(batch.baseOffset >= committedEnd, "committed twice: \(batch)")
                    committedEnd = batch.lastOffset + 1
                }
            case .installed(let id, _): committedEnd = max(committedEnd, id.endOffset)
            case .leadership, .report, .failed: break
            }
        }
        require(member.epoch >= epoch, "the epoch goes back from \(epoch) to \(member.epoch)")
        epoch = member.epoch
        require(member.highWatermark >= highWatermark, "the high watermark goes back")
        highWatermark = member.highWatermark
        require(highWatermark <= member.endOffset, "more is committed than there is")
        require(committedEnd <= member.endOffset, "more is given out than there is")
    }

    /// One vote in an epoch, restarts or not.
    private mutating func noteVote(
        _ response: any KafkaResponse, _ asked: VoteRequest.PartitionData?
    ) {
        guard let vote = response as? VoteResponse,
            let partition = vote.topics.first?.partitions.first, partition.voteGranted,
            let asked, !asked.preVote
        else { return }
        let before = votes.updateValue(asked.replicaID, forKey: partition.leaderEpoch)
        require(before == nil || before == asked.replicaID, "two votes in one epoch")
    }
}

extension MemberRun {
    /// A request of another node: its bytes, or fields that are near what the member has.
    private static func message(
        _ input: inout FuzzInput, _ epoch: LeaderEpoch, _ end: Offset
    ) -> (QuorumMessage, Int16)? {
        let kind = input.byte() % 12
        func decoded<Request: KafkaRequest>(
            _: Request.Type, _ make: (Request) -> QuorumMessage
        ) -> (QuorumMessage, Int16)? {
            let versions = Request.apiKey.validVersions
            let version = min(
                versions.lowerBound + Int16(input.byte() % 32), versions.upperBound)
            guard let request = try? Request(decoding: input.piece(), version: version) else {
                return nil
            }
            return (make(request), version)
        }
        switch kind {
        case 0: return decoded(VoteRequest.self) { .vote($0) }
        case 1: return decoded(BeginQuorumEpochRequest.self) { .beginQuorumEpoch($0) }
        case 2: return decoded(EndQuorumEpochRequest.self) { .endQuorumEpoch($0) }
        case 3: return decoded(FetchRequest.self) { .fetch($0) }
        case 4: return decoded(FetchSnapshotRequest.self) { .fetchSnapshot($0) }
        case 5: return decoded(DescribeQuorumRequest.self) { .describeQuorum($0) }
        case 6: return decoded(AddRaftVoterRequest.self) { .addRaftVoter($0) }
        case 7: return decoded(RemoveRaftVoterRequest.self) { .removeRaftVoter($0) }
        case 8: return decoded(UpdateRaftVoterRequest.self) { .updateRaftVoter($0) }
        default: return likely(&input, kind, epoch, end)
        }
    }

    private static func likely(
        _ input: inout FuzzInput, _ kind: UInt8, _ epoch: LeaderEpoch, _ end: Offset
    ) -> (QuorumMessage, Int16)? {
        let node = Int32(input.byte() % 4)
        let asked = epoch.rawValue + Int32(input.byte() % 3)
        let topic = "__cluster_metadata"
        if kind == 9 {
            let partition = VoteRequest.PartitionData(
                replicaEpoch: asked, replicaID: node, lastOffsetEpoch: max(0, asked - 1),
                lastOffset: end.rawValue + Int64(input.byte() % 2), preVote: input.byte() % 4 == 0)
            return (.vote(.init(topics: [.init(topicName: topic, partitions: [partition])])), 2)
        }
        if kind == 10 {
            let partition = BeginQuorumEpochRequest.PartitionData(
                leaderID: node, leaderEpoch: asked)
            let request = BeginQuorumEpochRequest(
                topics: [.init(topicName: topic, partitions: [partition])],
                leaderEndpoints: [.init(name: "C", host: "n\(node)", port: 9)])
            return (.beginQuorumEpoch(request), 1)
        }
        var partition = FetchRequest.FetchPartition()
        partition.currentLeaderEpoch = asked
        partition.fetchOffset = max(0, end.rawValue - Int64(input.byte() % 4))
        partition.lastFetchedEpoch = max(0, asked - Int32(input.byte() % 2))
        var request = FetchRequest()
        request.replicaState.replicaID = node
        request.maxWaitMs = Int32(input.byte())
        request.maxBytes = 1000
        request.topics = [
            .init(topic: topic, topicID: .metadataTopic, partitions: [partition])
        ]
        return (.fetch(request), 17)
    }
}
