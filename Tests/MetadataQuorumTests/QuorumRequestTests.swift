import KafkaProtocol
import KafkaWire
import Testing

@testable import MetadataQuorum

/// Requests that are wrong, stale or meant for others get Kafka's errors, and change nothing.
@Suite struct QuorumRequestTests {
    private let quorum: SimulatedQuorum
    private let leader: SimulatedQuorum.Node
    private let follower: SimulatedQuorum.Node

    init() throws {
        quorum = SimulatedQuorum(seed: 21)
        try quorum.format(try (Int32(1)...3).map { [quorum] in try quorum.add($0) })
        try quorum.startAll()
        try quorum.run(ms: 10_000) { [quorum] in quorum.leader != nil }
        try quorum.run(ms: 1_000)
        leader = try #require(quorum.leader)
        let leading = leader.id
        follower = try #require(quorum.sorted.first { $0.id != leading })
    }

    private var epoch: Int32 { leader.member?.epoch.rawValue ?? -1 }

    private func ask<Response: KafkaResponse>(
        _ message: QuorumMessage, version: Int16, of node: SimulatedQuorum.Node,
        _: Response.Type = Response.self
    ) throws -> Response {
        let ticket = try quorum.ask(message, version: version, of: node)
        return try #require(quorum.clientAnswers[ticket] as? Response)
    }

    // MARK: Vote

    private func vote(
        _ change: (inout VoteRequest) -> Void = { _ in }, of node: SimulatedQuorum.Node
    ) throws -> (code: Int16, isGranted: Bool?) {
        var request = VoteRequest(
            clusterID: SimulatedQuorum.clusterID, voterID: node.id.rawValue,
            topics: [
                .init(
                    topicName: "__cluster_metadata",
                    partitions: [
                        .init(
                            replicaEpoch: epoch + 1, replicaID: 3,
                            replicaDirectoryID: KafkaUUID(high: 7, low: 3),
                            voterDirectoryID: node.directoryID, lastOffsetEpoch: epoch,
                            lastOffset: 1_000)
                    ])
            ])
        change(&request)
        let answer: VoteResponse = try ask(.vote(request), version: 2, of: node)
        let partition = answer.topics.first?.partitions.first
        return (partition?.errorCode ?? answer.errorCode, partition?.voteGranted)
    }

    @Test func votesOfOthersAreRefused() throws {
        let before = follower.member?.state
        func expect(_ error: KafkaError, _ change: (inout VoteRequest) -> Void) throws {
            let (code, isGranted) = try vote(change, of: follower)
            #expect(KafkaError(rawValue: code) == error && isGranted != true)
        }
        try expect(.inconsistentClusterID) { $0.clusterID = "other" }
        try expect(.invalidRequest) { $0.topics = [] }
        try expect(.invalidRequest) { $0.topics[0].partitions = [] }
        try expect(.invalidRequest) { $0.topics[0].topicName = "t" }
        try expect(.invalidRequest) { $0.topics[0].partitions[0].lastOffset = -1 }
        try expect(.invalidRequest) { $0.topics[0].partitions[0].replicaID = -1 }
        try expect(.invalidRequest) { $0.topics[0].partitions[0].lastOffsetEpoch = .max }
        // No epoch could follow that one.
        try expect(.invalidRequest) { $0.topics[0].partitions[0].replicaEpoch = .max }
        try expect(.fencedLeaderEpoch) {
            $0.topics[0].partitions[0].replicaEpoch = 0
            $0.topics[0].partitions[0].lastOffsetEpoch = 0
            $0.topics[0].partitions[0].preVote = true
        }
        #expect(follower.member?.state == before)
        // The epoch counts, the vote does not.
        try expect(.invalidVoterKey) {
            $0.topics[0].partitions[0].voterDirectoryID = KafkaUUID(high: 1, low: 1)
        }
        #expect(follower.member?.state.votedID == -1)
    }

    /// KIP-996: a working leader and its followers do not help anybody to unseat it.
    @Test func preVotesAreRefusedWhileALeaderWorks() throws {
        for node in [leader, follower] {
            let (code, isGranted) = try vote(
                {
                    $0.topics[0].partitions[0].preVote = true
                    $0.topics[0].partitions[0].replicaEpoch -= 1
                }, of: node)
            #expect(code == 0 && isGranted == false)
        }
    }

    @Test func thereIsOneVoteInAnEpoch() throws {
        #expect(try vote(of: follower).isGranted == true)
        let epoch = follower.member?.epoch.rawValue ?? 0
        let (code, isGranted) = try vote(
            {
                $0.topics[0].partitions[0].replicaEpoch = epoch
                $0.topics[0].partitions[0].replicaID = 9
                $0.topics[0].partitions[0].lastOffsetEpoch = epoch - 1
            }, of: follower)
        #expect(code == 0 && isGranted == false)
        quorum.crash(follower, losingPower: true)
        try quorum.start(follower)
        #expect(follower.member?.state.votedID == 3)
    }

    // MARK: Fetch

    private func fetch(
        _ change: (inout FetchRequest) -> Void = { _ in }, of node: SimulatedQuorum.Node
    ) throws -> FetchResponse {
        var request = FetchRequest()
        request.clusterID = SimulatedQuorum.clusterID
        request.replicaState.replicaID = 50
        request.topics = [
            .init(
                topicID: .metadataTopic,
                partitions: [
                    .init(
                        currentLeaderEpoch: epoch, fetchOffset: 0, lastFetchedEpoch: 0,
                        partitionMaxBytes: 1 << 20)
                ])
        ]
        change(&request)
        return try ask(.fetch(request), version: 18, of: node)
    }

    @Test func fetchesThatMakeNoSenseAreRefused() throws {
        func expect(
            _ error: KafkaError, of node: SimulatedQuorum.Node? = nil,
            _ change: (inout FetchRequest) -> Void
        ) throws {
            let answer = try fetch(change, of: node ?? leader)
            let code = answer.responses.first?.partitions.first?.errorCode ?? answer.errorCode
            #expect(KafkaError(rawValue: code) == error)
        }
        try expect(.inconsistentClusterID) { $0.clusterID = "other" }
        try expect(.invalidRequest) { $0.topics = [] }
        try expect(.invalidRequest) { $0.topics[0].topicID = KafkaUUID(high: 4, low: 4) }
        try expect(.invalidRequest) { $0.topics[0].partitions[0].fetchOffset = -1 }
        try expect(.invalidRequest) { $0.topics[0].partitions[0].lastFetchedEpoch = -1 }
        try expect(.invalidRequest) { $0.maxWaitMs = -1 }
        try expect(.invalidRequest) { $0.replicaState.replicaID = leader.id.rawValue }
        try expect(.unknownLeaderEpoch) { $0.topics[0].partitions[0].currentLeaderEpoch += 1 }
        try expect(.fencedLeaderEpoch) { $0.topics[0].partitions[0].currentLeaderEpoch -= 1 }
        try expect(.notLeaderOrFollower, of: follower) { _ in }
        let known = try fetch(of: follower)
        #expect(known.responses[0].partitions[0].currentLeader.leaderID == leader.id.rawValue)
        #expect(known.nodeEndpoints.map(\.host) == [leader.endpoint.host])
    }

    @Test func whoHasOtherRecordsIsToldWhereTheyPart() throws {
        let end = try #require(leader.member?.endOffset)
        let answer = try fetch(
            {
                $0.topics[0].partitions[0].fetchOffset = end.rawValue + 10
                $0.topics[0].partitions[0].lastFetchedEpoch = epoch
            }, of: leader)
        let diverging = answer.responses[0].partitions[0].divergingEpoch
        #expect(diverging == .init(epoch: epoch, endOffset: end.rawValue))
    }

    @Test func whoDoesNotWaitIsAnsweredAtOnce() throws {
        let end = try #require(leader.member?.endOffset)
        let answer = try fetch(
            {
                $0.topics[0].partitions[0].fetchOffset = end.rawValue
                $0.topics[0].partitions[0].lastFetchedEpoch = epoch
                $0.maxWaitMs = 0
            }, of: leader)
        let partition = answer.responses[0].partitions[0]
        #expect(partition.errorCode == 0 && partition.records == .bytes([]))
        #expect(partition.highWatermark == end.rawValue)
    }

    /// In version 0 a leader that resigns names its successors without their directories.
    @Test func theFirstSuccessorStandsAtOnce() throws {
        let third = try #require(
            quorum.sorted.first { $0.id != leader.id && $0.id != follower.id })
        let request = EndQuorumEpochRequest(
            clusterID: SimulatedQuorum.clusterID,
            topics: [
                .init(
                    topicName: "__cluster_metadata",
                    partitions: [
                        .init(
                            leaderID: leader.id.rawValue, leaderEpoch: epoch,
                            preferredSuccessors: [follower.id.rawValue, third.id.rawValue])
                    ])
            ])
        for node in [follower, third] {
            let answer: EndQuorumEpochResponse = try ask(
                .endQuorumEpoch(request), version: 0, of: node)
            #expect(answer.errorCode == 0)
        }
        guard case .prospective = follower.member?.role else {
            Issue.record("\(quorum.summary)")
            return
        }
        #expect(try #require(third.member?.role.follower).fetchDeadline > quorum.now)
    }

    // MARK: FetchSnapshot, voters

    @Test func piecesOfASnapshotThatAreNotThereAreRefused() throws {
        try quorum.append("t", on: leader)
        try quorum.run(ms: 1_000)
        try quorum.snapshot(leader)
        let id = try #require(leader.member?.latestSnapshot)
        func ask(_ position: Int64, of topic: String = "__cluster_metadata") throws
            -> FetchSnapshotResponse.PartitionSnapshot
        {
            let partition = FetchSnapshotRequest.PartitionSnapshot(
                currentLeaderEpoch: epoch,
                snapshotID: .init(endOffset: id.endOffset.rawValue, epoch: id.epoch.rawValue),
                position: position)
            let answer: FetchSnapshotResponse = try self.ask(
                .fetchSnapshot(
                    FetchSnapshotRequest(
                        clusterID: nil, replicaID: 50, maxBytes: 1 << 20,
                        topics: [.init(name: topic, partitions: [partition])])),
                version: 1, of: leader)
            return try #require(answer.topics.first?.partitions.first)
        }
        let whole = try ask(0)
        #expect(whole.errorCode == 0 && whole.size > 0)
        for (position, topic, error) in [
            (whole.size, "__cluster_metadata", .positionOutOfRange),
            (-1, "__cluster_metadata", .positionOutOfRange), (0, "t", .unknownTopicOrPartition),
        ] as [(Int64, String, KafkaError)] {
            #expect(KafkaError(rawValue: try ask(position, of: topic).errorCode) == error)
        }
        leader.disk.fail(.init(operation: "read", suffix: ".checkpoint"))
        #expect(KafkaError(rawValue: try ask(0).errorCode) == .kafkaStorageError)
        #expect(try ask(0) == whole)
    }

    @Test func aSnapshotThatIsNotThereIsNotFound() throws {
        for (partitions, error) in [
            (
                [
                    FetchSnapshotRequest.PartitionSnapshot(
                        currentLeaderEpoch: epoch, snapshotID: .init(endOffset: 5, epoch: 1))
                ], KafkaError.snapshotNotFound
            ), ([], .invalidRequest),
        ] {
            let answer: FetchSnapshotResponse = try ask(
                .fetchSnapshot(
                    FetchSnapshotRequest(
                        clusterID: nil, replicaID: 50,
                        topics: [.init(name: "__cluster_metadata", partitions: partitions)])),
                version: 1, of: leader)
            let code = answer.topics.first?.partitions.first?.errorCode ?? answer.errorCode
            #expect(KafkaError(rawValue: code) == error)
        }
    }

    @Test func votersThatCannotChangeStay() throws {
        func remove(_ id: Int32, _ directory: KafkaUUID, of node: SimulatedQuorum.Node) throws
            -> KafkaError?
        {
            let answer: RemoveRaftVoterResponse = try ask(
                .removeRaftVoter(
                    RemoveRaftVoterRequest(
                        clusterID: nil, voterID: id, voterDirectoryID: directory)),
                version: 0, of: node)
            return KafkaError(rawValue: answer.errorCode)
        }
        #expect(try remove(1, KafkaUUID(high: 7, low: 1), of: follower) == .notLeaderOrFollower)
        #expect(try remove(1, .zero, of: leader) == .invalidRequest)
        #expect(try remove(1, KafkaUUID(high: 1, low: 1), of: leader) == .voterNotFound)
        let added: AddRaftVoterResponse = try ask(
            .addRaftVoter(
                AddRaftVoterRequest(
                    clusterID: nil, timeoutMs: 100, voterID: 1,
                    voterDirectoryID: KafkaUUID(high: 9, low: 9),
                    listeners: [.init(name: "CONTROLLER", host: "h", port: 1)])),
            version: 1, of: leader)
        #expect(KafkaError(rawValue: added.errorCode) == .duplicateVoter)
        #expect(leader.member?.voters.count == 3)
    }

    @Test func aVoterWithoutANameOrAnAddressIsNotAdded() throws {
        for (id, directory, listener) in [
            (-1, KafkaUUID(high: 7, low: 9), "CONTROLLER"), (9, .zero, "CONTROLLER"),
            (9, KafkaUUID(high: 7, low: 9), "OTHER"),
        ] as [(Int32, KafkaUUID, String)] {
            let added: AddRaftVoterResponse = try ask(
                .addRaftVoter(
                    AddRaftVoterRequest(
                        clusterID: nil, timeoutMs: 100, voterID: id, voterDirectoryID: directory,
                        listeners: [.init(name: listener, host: "h", port: 1)])),
                version: 1, of: leader)
            #expect(KafkaError(rawValue: added.errorCode) == .invalidRequest)
        }
        #expect(leader.member?.voters.count == 3)
    }

    @Test func aVoterThatCannotDoWhatTheQuorumDoesIsNotAdded() throws {
        let node = try quorum.add(4)
        try quorum.format([], others: [node])
        try quorum.start(node)
        try quorum.run(ms: 2_000)
        quorum.kraftVersions = 0...0
        let ticket = try quorum.ask(
            .addRaftVoter(
                AddRaftVoterRequest(
                    clusterID: nil, timeoutMs: 1000, voterID: 4,
                    voterDirectoryID: node.directoryID,
                    listeners: [
                        .init(name: "CONTROLLER", host: node.endpoint.host, port: 9093)
                    ])), version: 1, of: leader)
        try quorum.run(ms: 1_000)
        let answer = try #require(quorum.clientAnswers[ticket] as? AddRaftVoterResponse)
        #expect(KafkaError(rawValue: answer.errorCode) == .invalidRequest)
        #expect(answer.errorMessage == "The new voter cannot do kraft.version 1.")
        #expect(leader.member?.voters.count == 3)
    }

    @Test func onlyTheMetadataIsDescribed() throws {
        for topics in [
            [("t", [0])], [("__cluster_metadata", [1])], [("__cluster_metadata", [0, 0])],
            [("__cluster_metadata", [0]), ("t", [2, 3])],
        ] as [[(String, [Int32])]] {
            let answer: DescribeQuorumResponse = try ask(
                .describeQuorum(
                    DescribeQuorumRequest(
                        topics: topics.map { topic in
                            .init(
                                topicName: topic.0,
                                partitions: topic.1.map { .init(partitionIndex: $0) })
                        })), version: 2, of: leader)
            #expect(answer.topics.map(\.topicName) == topics.map(\.0))
            #expect(answer.topics.map { $0.partitions.map(\.partitionIndex) } == topics.map(\.1))
            #expect(
                answer.topics.flatMap(\.partitions).allSatisfy {
                    $0.errorCode == KafkaError.unknownTopicOrPartition.rawValue
                })
        }
    }

    @Test func theLeaderDescribesTheQuorum() throws {
        let request = DescribeQuorumRequest(
            topics: [.init(topicName: "__cluster_metadata", partitions: [.init()])])
        let answer: DescribeQuorumResponse = try ask(
            .describeQuorum(request), version: 2, of: leader)
        let partition = try #require(answer.topics.first?.partitions.first)
        #expect(partition.leaderID == leader.id.rawValue && partition.leaderEpoch == epoch)
        #expect(partition.currentVoters.map(\.replicaID) == [1, 2, 3])
        #expect(Set(partition.currentVoters.map(\.logEndOffset)).count == 1)
        #expect(answer.nodes.map(\.nodeID) == [1, 2, 3])
        let refused: DescribeQuorumResponse = try ask(
            .describeQuorum(request), version: 2, of: follower)
        #expect(
            refused.topics[0].partitions[0].errorCode == KafkaError.notLeaderOrFollower.rawValue)
    }
}
