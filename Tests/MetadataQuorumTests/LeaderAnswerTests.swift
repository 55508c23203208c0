import KafkaProtocol
import KafkaWire
import LogStorage
import Testing

@testable import MetadataQuorum

/// One member of a quorum of three; the test answers for the others.
private final class LoneMember {
    static let directory = "/meta"
    static let logPath = "/meta/__cluster_metadata-0"
    /// The epoch that node 1 leads.
    static let epoch = LeaderEpoch(3)

    let disk = MemoryFileSystem()
    let member: QuorumReplica
    private(set) var now = QuorumTime(monotonic: 0, wall: 5)
    private(set) var reports: [String] = []
    private(set) var failure: String?
    private(set) var installed: [SnapshotID] = []
    private var sent: [QuorumRequest] = []

    static func key(_ id: Int32) -> MemberKey {
        MemberKey(BrokerID(id), KafkaUUID(high: 7, low: UInt64(id)))
    }
    static func endpoint(_ id: Int32) -> QuorumEndpoint {
        QuorumEndpoint(host: "n\(id)", port: 9093)
    }
    static func listeners(_ id: Int32) -> [QuorumListener] {
        [QuorumListener(name: "CONTROLLER", endpoint: endpoint(id))]
    }
    static let voters = VoterSet(
        (Int32(1)...3).map { Voter(key: key($0), listeners: listeners($0)) })

    /// Starts member 2, which knows no leader.
    init() throws {
        try disk.createDirectory(Self.logPath)
        let first = SnapshotContents(
            kraftVersion: KRaftVersionRecord(kRaftVersion: 1), voters: Self.voters.record)
        let name = SnapshotID(endOffset: .zero, epoch: LeaderEpoch(0)).fileName
        try disk.replaceFile(
            "\(Self.logPath)/\(name)",
            with: try first.encoded(epoch: LeaderEpoch(0), now: 0) { _ in 0 })
        member = try QuorumReplica(
            logDirectory: Self.directory, nodeID: BrokerID(2),
            directoryID: Self.key(2).directoryID, clusterID: "c",
            settings: QuorumSettings(
                bootstrap: [1, 3].map(Self.endpoint), listeners: Self.listeners(2),
                listenerName: "CONTROLLER", mayVote: true),
            fileSystem: disk, random: SplitMix64(seed: 1), now: now)
        try member.start(now: now)
        drain()
    }

    /// Makes it a follower of node 1.
    func follow() {
        sent = []
        let partition = BeginQuorumEpochRequest.PartitionData(
            partitionIndex: 0, voterDirectoryID: Self.key(2).directoryID, leaderID: 1,
            leaderEpoch: Self.epoch.rawValue)
        let request = BeginQuorumEpochRequest(
            clusterID: "c", voterID: 2,
            topics: [.init(topicName: "__cluster_metadata", partitions: [partition])],
            leaderEndpoints: [.init(name: "CONTROLLER", host: "n1", port: 9093)])
        member.receive(
            .beginQuorumEpoch(request), version: 1, ticket: QuorumTicket(1), now: now)
        drain()
    }

    private func drain() {
        for effect in member.takeEffects() {
            switch effect {
            case .send(let request): sent.append(request)
            case .report(let text): reports.append(text)
            case .failed(let reason): failure = reason
            case .installed(let id, _): installed.append(id)
            default: break
            }
        }
    }

    /// The next request of that kind; time passes until it is sent. Others than node 1, which are
    /// asked for the log while that one has a pause, are not there.
    func next(_ key: APIKey) throws -> QuorumRequest {
        for _ in 0..<100 {
            while let index = sent.firstIndex(where: {
                $0.lane == .fetch && $0.endpoint != Self.endpoint(1)
            }) { answer(sent.remove(at: index), .failed("refused")) }
            if let index = sent.firstIndex(where: { $0.apiKey == key }) {
                return sent.remove(at: index)
            }
            let due = member.nextDeadline ?? now.monotonic + 20
            now.monotonic = max(now.monotonic + 1, due)
            member.tick(now: now)
            drain()
        }
        struct NothingSent: Error { var state: String }
        throw NothingSent(
            state: "\(member.role) at \(now.monotonic) with \(sent.map(\.apiKey)): \(reports)")
    }

    func answer(_ request: QuorumRequest, _ outcome: QuorumOutcome) {
        member.answered(request.id, outcome, now: now)
        drain()
    }

    func answer(_ request: QuorumRequest, _ response: any KafkaResponse) throws {
        let version = request.versions.upperBound
        answer(request, .answered(version: version, body: try response.encoded(version: version)))
    }

    /// Answers the next fetch.
    func answerFetch(_ change: (inout FetchResponse.PartitionData) -> Void) throws {
        var data = FetchResponse.PartitionData()
        data.currentLeader = .init(leaderID: 1, leaderEpoch: Self.epoch.rawValue)
        data.records = .bytes([])
        change(&data)
        var response = FetchResponse()
        response.responses = [.init(topicID: .metadataTopic, partitions: [data])]
        try answer(try next(.fetch), response)
    }

    /// Answers the next request for a piece of a snapshot.
    func answerSnapshot(
        _ id: SnapshotID, _ change: (inout FetchSnapshotResponse.PartitionSnapshot) -> Void
    ) throws {
        var piece = FetchSnapshotResponse.PartitionSnapshot()
        piece.currentLeader = .init(leaderID: 1, leaderEpoch: Self.epoch.rawValue)
        piece.snapshotID = .init(endOffset: id.endOffset.rawValue, epoch: id.epoch.rawValue)
        piece.unalignedRecords = .bytes([])
        change(&piece)
        let response = FetchSnapshotResponse(
            topics: [.init(name: "__cluster_metadata", partitions: [piece])])
        try answer(try next(.fetchSnapshot), response)
    }

    /// A batch with one topic.
    static func batch(at offset: Int64, epoch: LeaderEpoch = epoch) throws -> [UInt8] {
        let record = MetadataRecord.topicRecord(
            TopicRecord(name: "t\(offset)", topicID: KafkaUUID(high: 9, low: 9)))
        return try MetadataBatch.data([record], at: Offset(offset), epoch: epoch, now: 5) { _ in 0 }
    }

    var parts: [String] {
        get throws { try disk.list(Self.logPath).filter { $0.hasSuffix(".part") } }
    }
}

/// A leader may be of another make, or mad: what it sends that cannot be right is not taken.
@Suite struct LeaderAnswerTests {
    private let member: LoneMember

    init() throws {
        member = try LoneMember()
        member.follow()
        let first = try LoneMember.batch(at: 0)
        try member.answerFetch {
            $0.records = .bytes(first)
            $0.highWatermark = 1
        }
        try #require(member.member.highWatermark == Offset(1))
    }

    private func takesTheNextBatch() throws -> Bool {
        let end = member.member.endOffset
        let next = try LoneMember.batch(at: end.rawValue)
        try member.answerFetch { $0.records = .bytes(next) }
        return member.member.endOffset == end + 1 && member.failure == nil
    }

    @Test func recordsThatAreDamagedOrOfAnotherPlaceAreNotAppended() throws {
        var damaged = try LoneMember.batch(at: 1)
        damaged[damaged.count - 1] ^= 1
        let wrong = [
            (damaged, "records from the leader"),
            (try LoneMember.batch(at: 5), "do not continue the log"),
            (try LoneMember.batch(at: 0), "do not continue the log"),
            (try LoneMember.batch(at: 1, epoch: LeaderEpoch(2)), "do not continue the log"),
            (try LoneMember.batch(at: 1, epoch: LeaderEpoch(4)), "do not continue the log"),
        ]
        for (records, report) in wrong {
            try member.answerFetch { $0.records = .bytes(records) }
            #expect(member.reports.last?.contains(report) == true)
            #expect(member.member.endOffset == Offset(1))
        }
        #expect(member.reports.count == wrong.count)
        #expect(try takesTheNextBatch())
    }

    @Test func errorsAndSnapshotsOfThePastChangeNothing() throws {
        let answers: [(inout FetchResponse.PartitionData) -> Void] = [
            { $0.errorCode = KafkaError.kafkaStorageError.rawValue },
            { $0.errorCode = KafkaError.invalidRequest.rawValue },
            { $0.snapshotID = .init(endOffset: 1, epoch: 3) },
            { $0.snapshotID = .init(endOffset: 7, epoch: -1) },
            { $0.divergingEpoch = .init(epoch: 3, endOffset: 9) },
        ]
        for change in answers {
            try member.answerFetch(change)
            #expect(member.member.endOffset == Offset(1) && member.failure == nil)
        }
        #expect(member.reports == ["another member calls a request of this one invalid"])
        let request = try member.next(.fetch)
        let version = request.versions.upperBound
        member.answer(request, .answered(version: version, body: [1, 2, 3]))
        #expect(member.reports.last?.hasPrefix("node 1 sent an answer that is none: ") == true)
        #expect(try member.parts.isEmpty)
        #expect(try takesTheNextBatch())
    }

    /// It would be another cluster's leader, or one that was elected without a majority.
    @Test func whatIsCommittedIsNeverCut() throws {
        try member.answerFetch { $0.divergingEpoch = .init(epoch: 2, endOffset: 0) }
        #expect(member.failure?.contains("those below 1 are committed") == true)
        #expect(member.member.endOffset == Offset(1))
        #expect(member.member.nextDeadline == nil)
    }

    // MARK: Snapshots

    private let id = SnapshotID(endOffset: Offset(10), epoch: LoneMember.epoch)

    private func begin() throws {
        try member.answerFetch { [id] in
            $0.snapshotID = .init(
                endOffset: id.endOffset.rawValue, epoch: id.epoch.rawValue)
        }
        #expect(try member.parts.count == 1)
    }

    private func contents() throws -> [UInt8] {
        let record = MetadataRecord.topicRecord(
            TopicRecord(name: "t", topicID: KafkaUUID(high: 9, low: 9)))
        return try SnapshotContents(
            kraftVersion: KRaftVersionRecord(kRaftVersion: 1), voters: LoneMember.voters.record,
            records: [record]
        ).encoded(epoch: id.epoch, now: 5) { _ in 0 }
    }

    @Test func aSnapshotThatCannotBeRightIsDropped() throws {
        let bytes = try contents()
        var damaged = bytes
        damaged[bytes.count / 2] ^= 1
        let pieces: [(inout FetchSnapshotResponse.PartitionSnapshot) -> Void] = [
            // The leader has a newer one by now.
            { $0.errorCode = KafkaError.snapshotNotFound.rawValue },
            { $0.errorCode = KafkaError.kafkaStorageError.rawValue },
            {
                ($0.size, $0.position) = (Int64(bytes.count), 4)
                $0.unalignedRecords = .bytes(bytes)
            },
            {
                $0.size = Int64(bytes.count) - 1
                $0.unalignedRecords = .bytes(bytes)
            },
            { $0.size = Int64(bytes.count) },
            {
                $0.size = Int64(bytes.count)
                $0.snapshotID = .init(endOffset: 11, epoch: 3)
                $0.unalignedRecords = .bytes(bytes)
            },
            {
                $0.size = Int64(bytes.count)
                $0.unalignedRecords = .bytes(damaged)
            },
        ]
        for piece in pieces {
            try begin()
            try member.answerSnapshot(id, piece)
            #expect(try member.parts.isEmpty)
            #expect(member.installed.isEmpty && member.member.endOffset == Offset(1))
        }
        #expect(
            member.reports.last?.hasPrefix("the snapshot from the leader is damaged: ") == true)
        try begin()
        try member.answerSnapshot(id) {
            $0.size = Int64(bytes.count)
            $0.unalignedRecords = .bytes(bytes)
        }
        #expect(member.installed == [id])
        #expect(member.member.endOffset == Offset(10) && member.failure == nil)
        #expect(try takesTheNextBatch())
    }
}

/// Who cannot say whether it would vote is asked for its vote (KIP-996).
@Suite struct PreVoteTests {
    @Test func aMemberWithoutPreVotesIsAskedForItsVote() throws {
        let member = try LoneMember()
        let epoch = member.member.epoch
        let asked = try member.next(.vote)
        let first = try #require(asked.message as? VoteRequest).topics[0].partitions[0]
        #expect(first.preVote && first.replicaEpoch == epoch.rawValue)
        #expect(member.member.epoch == epoch)
        member.answer(asked, .unsupportedVersion)
        #expect(member.member.epoch == LeaderEpoch(epoch.rawValue + 1))
        var votes: [VoteRequest] = []
        while votes.count < 2 {
            let request = try #require(try member.next(.vote).message as? VoteRequest)
            if !request.topics[0].partitions[0].preVote { votes.append(request) }
        }
        #expect(votes.allSatisfy { $0.topics[0].partitions[0].replicaEpoch == epoch.rawValue + 1 })
        #expect(Set(votes.map(\.voterID)) == [1, 3])
    }
}
