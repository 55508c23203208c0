import KafkaProtocol
import KafkaWire
import Replication
import Testing

@testable import BrokerCore

/// What a follower makes of what its leader and the controller answer.
@Suite struct FetcherSessionTests {
    private let topic = KafkaUUID(high: 1, low: 1)
    /// The beginning of an empty log.
    private let position: PartitionReplica.FetchPosition

    init() throws {
        let node = try TestNode()
        try node.connect().createTopic("words")
        position = try #require(node.view.topic(named: "words")?[0]).position
    }

    private func request(
        _ session: inout FetcherSession, _ partitions: [Int32]
    ) -> FetchRequest {
        session.request(
            partitions.map {
                .init(
                    key: ReplicaKey(topicID: topic, partition: $0), epoch: LeaderEpoch(0),
                    position: position)
            }, gone: [], node: BrokerID(2), ReplicationSettings())
    }

    @Test func aSessionNamesOnlyWhatIsNew() {
        var session = FetcherSession()
        let first = request(&session, [0, 1])
        #expect(first.sessionID == 0 && first.sessionEpoch == 0)
        session.accepted(7)
        let second = request(&session, [])
        #expect(second.sessionID == 7 && second.sessionEpoch == 1 && second.topics.isEmpty)
        session.accepted(7)
        #expect(request(&session, []).sessionEpoch == 2)
    }

    /// The leader has ended the session, or begun another: who follows says everything again.
    @Test(arguments: [0, 8] as [Int32])
    func anAnswerOfAnotherSessionEndsIt(_ other: Int32) {
        var session = FetcherSession()
        _ = request(&session, [0])
        session.accepted(7)
        _ = request(&session, [])
        let generation = session.generation
        session.accepted(other)
        #expect(session.isFull && session.generation == generation + 1)
        let next = request(&session, [0])
        // The old one is named, so that the leader lets go of it.
        #expect(next.sessionID == 7 && next.sessionEpoch == 0 && next.topics.count == 1)
    }

    /// AlterPartition is answered for all that was asked, or for each partition.
    @Test func whatTheControllerSaysOfAProposal() {
        let proposal = IsrProposal(
            topicID: topic, partition: 3, leaderEpoch: LeaderEpoch(5), partitionEpoch: 8, isr: [])
        func answer(
            _ whole: KafkaError = .none, partition: Int32 = 3, _ error: KafkaError = .none
        ) -> IsrAnswer {
            IsrAnswer(
                AlterPartitionResponse(
                    errorCode: whole.rawValue,
                    topics: [
                        .init(
                            topicID: topic,
                            partitions: [
                                .init(
                                    partitionIndex: partition, errorCode: error.rawValue,
                                    leaderEpoch: 5, isr: [1, 2], partitionEpoch: 9)
                            ])
                    ]), for: proposal)
        }
        #expect(
            answer()
                == .accepted(
                    leaderEpoch: LeaderEpoch(5), partitionEpoch: 9, isr: [BrokerID(1), BrokerID(2)])
        )
        func refused(_ error: KafkaError) -> IsrAnswer { .refused(error.rawValue) }
        #expect(answer(.none, partition: 3, .fencedLeaderEpoch) == refused(.fencedLeaderEpoch))
        #expect(answer(.staleBrokerEpoch) == refused(.staleBrokerEpoch))
        #expect(answer(partition: 4) == refused(.unknownServerError))
    }
}
