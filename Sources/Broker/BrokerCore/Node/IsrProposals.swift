import ClusterController
import KafkaProtocol
import KafkaWire
import Replication

/// In-sync sets that leaders of this node ask the controller for: several in one AlterPartition,
/// one request at a time.
struct IsrProposals {
    fileprivate private(set) var waiting: [Place: IsrProposal] = [:]
    /// A request is on its way.
    fileprivate var isAsking = false
    /// When to ask next after a request that failed, in monotonic ms.
    fileprivate var nextAttempt = Int64.min

    fileprivate struct Place: Hashable, Comparable {
        let topicID: KafkaUUID
        let partition: Int32
        static func < (a: Place, b: Place) -> Bool {
            (a.topicID, a.partition) < (b.topicID, b.partition)
        }
    }

    /// Of one partition, the latest counts: a leader has one at a time, unless its epoch moves on.
    fileprivate mutating func add(_ proposal: IsrProposal) {
        waiting[Place(topicID: proposal.topicID, partition: proposal.partition)] = proposal
    }

    /// What to ask for at once, in order of topics and partitions.
    fileprivate mutating func take() -> [IsrProposal] {
        let places = waiting.keys.sorted().prefix(BrokerDuties.partitionsAtOnce)
        return places.compactMap { waiting.removeValue(forKey: $0) }
    }

    /// Keeps what was asked for in vain, unless there is a later proposal.
    fileprivate mutating func putBack(_ proposals: [IsrProposal]) {
        for proposal in proposals {
            let place = Place(topicID: proposal.topicID, partition: proposal.partition)
            if waiting[place] == nil { waiting[place] = proposal }
        }
    }

    /// When to ask again by itself.
    var nextAction: Int64 {
        waiting.isEmpty || isAsking || nextAttempt == .min ? .max : nextAttempt
    }
}

extension NodeController {
    /// Has the controller decide over other in-sync sets; it tells the partitions' leaders.
    public func propose(_ proposals: [IsrProposal]) {
        for proposal in proposals { isrProposals.add(proposal) }
        settle()
    }

    /// Asks for what waits.
    func askForIsr(now: Int64) -> Bool {
        guard !isrProposals.waiting.isEmpty, !isrProposals.isAsking, knowsController,
            now >= isrProposals.nextAttempt
        else { return false }
        let proposals = isrProposals.take()
        isrProposals.isAsking = true
        var request = AlterPartitionRequest(
            brokerID: options.nodeID.rawValue, brokerEpoch: brokerEpoch)
        for proposal in proposals {
            if request.topics.last?.topicID != proposal.topicID {
                request.topics.append(.init(topicID: proposal.topicID))
            }
            request.topics[request.topics.count - 1].partitions.append(.init(proposal))
        }
        ask(request) { [unowned self] result in
            isrProposals.isAsking = false
            guard case .success(let response) = result, response.errorCode == 0 else {
                // The partitions wait for an answer; what is stale by then is refused for itself.
                sometimes(.proposalsPutBack)
                isrProposals.putBack(proposals)
                isrProposals.nextAttempt = clock().monotonicMs + BrokerLifecycle.retryMs
                return
            }
            isrProposals.nextAttempt = .min
            for proposal in proposals { tell(IsrAnswer(response, for: proposal), of: proposal) }
        }
        return true
    }

    private func tell(_ answer: IsrAnswer, of proposal: IsrProposal) {
        guard let cell = table.topics[proposal.topicID]?[proposal.partition] else { return }
        effects.wakes += cell.locked {
            $0.isrAnswered(proposal, answer, durability: options.durability)
        }
    }
}

extension AlterPartitionRequest.PartitionData {
    init(_ proposal: IsrProposal) {
        self.init(
            partitionIndex: proposal.partition, leaderEpoch: proposal.leaderEpoch.rawValue,
            newIsrWithEpochs: proposal.isr.map {
                .init(brokerID: $0.broker.rawValue, brokerEpoch: $0.brokerEpoch)
            },
            leaderRecoveryState: 0, partitionEpoch: proposal.partitionEpoch)
    }
}

extension IsrAnswer {
    /// What the controller's response says of the proposal.
    init(_ response: AlterPartitionResponse, for proposal: IsrProposal) {
        let topic = response.topics.first { $0.topicID == proposal.topicID }
        let found = topic?.partitions.first { $0.partitionIndex == proposal.partition }
        guard response.errorCode == KafkaError.none.rawValue, let found else {
            let isWhole = response.errorCode != KafkaError.none.rawValue
            self = .refused(
                isWhole ? response.errorCode : KafkaError.unknownServerError.rawValue)
            return
        }
        guard found.errorCode == KafkaError.none.rawValue else {
            self = .refused(found.errorCode)
            return
        }
        self = .accepted(
            leaderEpoch: LeaderEpoch(found.leaderEpoch), partitionEpoch: found.partitionEpoch,
            isr: found.isr.map { BrokerID($0) })
    }
}
