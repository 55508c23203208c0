import KafkaProtocol
import KafkaWire

/// Vote, BeginQuorumEpoch and EndQuorumEpoch, as they come from other members.
extension QuorumReplica {
    // MARK: Vote

    func vote(_ request: VoteRequest, _ version: Int16) throws(QuorumError) -> VoteResponse {
        guard request.topics.count == 1, request.topics[0].partitions.count == 1,
            case let asked = request.topics[0].partitions[0],
            Self.isMetadata(request.topics[0].topicName, asked.partitionIndex)
        else { return VoteResponse(errorCode: KafkaError.invalidRequest.rawValue) }
        // A candidate has opened an epoch of which there can be no record yet.
        let isImpossible =
            asked.preVote
            ? asked.lastOffsetEpoch > asked.replicaEpoch
            : asked.lastOffsetEpoch >= asked.replicaEpoch
        if asked.lastOffset < 0 || asked.lastOffsetEpoch < 0 || isImpossible {
            return voteAnswer(.invalidRequest, false, version)
        }
        if let refusal = refusal(of: asked.replicaID, in: asked.replicaEpoch) {
            sometimes(.voteOfOldEpoch, when: refusal == .fencedLeaderEpoch)
            return voteAnswer(refusal, false, version)
        }
        if asked.replicaEpoch > state.leaderEpoch {
            try becomeUnattached(in: LeaderEpoch(asked.replicaEpoch))
        }
        guard isAddressee(request.voterID, asked.voterDirectoryID) else {
            sometimes(.voteForLostDisk)
            return voteAnswer(.invalidVoterKey, false, version)
        }
        let candidate = MemberKey(BrokerID(asked.replicaID), asked.replicaDirectoryID)
        let isUpToDate =
            (LeaderEpoch(asked.lastOffsetEpoch), Offset(asked.lastOffset))
            >= (log.lastEpoch, endOffset) || PlantedBug.staleCandidate.isPlanted
        sometimes(.candidateLacksRecords, when: !isUpToDate)
        let isGranted =
            asked.preVote
            ? grantsPreVote(isUpToDate) : try grantsVote(to: candidate, isUpToDate)
        sometimes(.preVoteRefused, when: asked.preVote && !isGranted)
        return voteAnswer(.none, isGranted, version)
    }

    private func grantsPreVote(_ isUpToDate: Bool) -> Bool {
        switch role {
        case .leader: false
        case .follower(let role): isUpToDate && !role.hasFetched
        default: isUpToDate
        }
    }

    /// Votes, durably, where it may.
    private func grantsVote(
        to candidate: MemberKey, _ isUpToDate: Bool
    ) throws(QuorumError) -> Bool {
        switch role {
        case .unattached, .prospective: break
        default: return false
        }
        guard candidate.id != nodeID else { return false }
        if let voted = state.voted, !PlantedBug.doubleVote.isPlanted {
            sometimes(.voteAskedTwice)
            return voted.matches(candidate)
        }
        guard state.leader == nil, isUpToDate else { return false }
        sometimes(.voteGranted)
        var next = state
        next.votedID = candidate.id.rawValue
        next.votedDirectoryID = candidate.directoryID
        try persist(next)
        // The candidate has as good a chance as this one: it gets the time.
        if case .prospective = role {
            try becomeProspective()
        } else {
            enter(
                .unattached(UnattachedRole(electionDeadline: mayStand ? electionDeadline() : .max)))
        }
        return true
    }

    private func voteAnswer(
        _ error: KafkaError, _ isGranted: Bool, _ version: Int16
    ) -> VoteResponse {
        let partition = VoteResponse.PartitionData(
            partitionIndex: Self.topicPartition.partition, errorCode: error.rawValue,
            leaderID: leaderID, leaderEpoch: state.leaderEpoch, voteGranted: isGranted)
        var response = VoteResponse(
            topics: [.init(topicName: Self.topicPartition.topic, partitions: [partition])])
        response.nodeEndpoints = leaderEndpoints(version >= 1) {
            .init(nodeID: $0, host: $1, port: $2)
        }
        return response
    }

    // MARK: BeginQuorumEpoch

    func begin(
        _ request: BeginQuorumEpochRequest, _ version: Int16
    ) throws(QuorumError) -> BeginQuorumEpochResponse {
        guard request.topics.count == 1, request.topics[0].partitions.count == 1,
            case let said = request.topics[0].partitions[0],
            Self.isMetadata(request.topics[0].topicName, said.partitionIndex)
        else { return BeginQuorumEpochResponse(errorCode: KafkaError.invalidRequest.rawValue) }
        let listeners = request.leaderEndpoints.map {
            QuorumListener(name: $0.name, endpoint: .init(host: $0.host, port: $0.port))
        }
        let error = try hear(of: said.leaderID, in: said.leaderEpoch, at: listeners)
        guard error == .none else { return beginAnswer(error, version) }
        guard isAddressee(request.voterID, said.voterDirectoryID) else {
            return beginAnswer(.invalidVoterKey, version)
        }
        return beginAnswer(.none, version)
    }

    /// Takes in what a leader says of itself; why it is refused, or `none`.
    private func hear(
        of id: Int32, in number: Int32, at listeners: [QuorumListener]
    ) throws(QuorumError) -> KafkaError {
        if let refusal = refusal(of: id, in: number) { return refusal }
        let leader = BrokerID(id)
        let epoch = LeaderEpoch(number)
        guard agrees(leader, epoch) else { return .invalidRequest }
        _ = try learn(leader, epoch, address(of: leader, listeners))
        return .none
    }

    private func address(
        of leader: BrokerID, _ listeners: [QuorumListener]
    ) -> QuorumEndpoint? {
        Voter(key: MemberKey(leader), listeners: listeners).endpoint(settings.listenerName)
            ?? voters[leader]?.endpoint(settings.listenerName)
    }

    private func beginAnswer(_ error: KafkaError, _ version: Int16) -> BeginQuorumEpochResponse {
        let partition = BeginQuorumEpochResponse.PartitionData(
            partitionIndex: Self.topicPartition.partition, errorCode: error.rawValue,
            leaderID: leaderID, leaderEpoch: state.leaderEpoch)
        var response = BeginQuorumEpochResponse(
            topics: [.init(topicName: Self.topicPartition.topic, partitions: [partition])])
        response.nodeEndpoints = leaderEndpoints(version >= 1) {
            .init(nodeID: $0, host: $1, port: $2)
        }
        return response
    }

    // MARK: EndQuorumEpoch

    func end(
        _ request: EndQuorumEpochRequest, _ version: Int16
    ) throws(QuorumError) -> EndQuorumEpochResponse {
        guard request.topics.count == 1, request.topics[0].partitions.count == 1,
            case let said = request.topics[0].partitions[0],
            Self.isMetadata(request.topics[0].topicName, said.partitionIndex)
        else { return EndQuorumEpochResponse(errorCode: KafkaError.invalidRequest.rawValue) }
        let listeners = request.leaderEndpoints.map {
            QuorumListener(name: $0.name, endpoint: .init(host: $0.host, port: $0.port))
        }
        let error = try hear(of: said.leaderID, in: said.leaderEpoch, at: listeners)
        guard error == .none else { return endAnswer(error, version) }
        if let role = role.follower, role.leader == BrokerID(said.leaderID) {
            var successors = said.preferredCandidates.map {
                MemberKey(BrokerID($0.candidateID), $0.candidateDirectoryID)
            }
            if version == 0 {
                successors = said.preferredSuccessors.map { MemberKey(BrokerID($0)) }
            }
            role.fetchDeadline = now.monotonic + turn(among: successors)
        }
        return endAnswer(.none, version)
    }

    /// How long this member lets better successors try first: the first none at all, each later
    /// one twice as long as the one before it.
    private func turn(among successors: [MemberKey]) -> Int64 {
        guard let place = successors.firstIndex(where: { $0.matches(key) }) else {
            return settings.electionBackoffMaxMs
        }
        if place == 0 {
            sometimes(.successorStands)
            return 0
        }
        let longest = settings.electionBackoffMaxMs
        let shift = min(successors.count - 1, 62)
        return min(longest, max(1, longest >> shift) << min(place - 1, 16))
    }

    private func endAnswer(_ error: KafkaError, _ version: Int16) -> EndQuorumEpochResponse {
        let partition = EndQuorumEpochResponse.PartitionData(
            partitionIndex: Self.topicPartition.partition, errorCode: error.rawValue,
            leaderID: leaderID, leaderEpoch: state.leaderEpoch)
        var response = EndQuorumEpochResponse(
            topics: [.init(topicName: Self.topicPartition.topic, partitions: [partition])])
        response.nodeEndpoints = leaderEndpoints(version >= 1) {
            .init(nodeID: $0, host: $1, port: $2)
        }
        return response
    }
}
