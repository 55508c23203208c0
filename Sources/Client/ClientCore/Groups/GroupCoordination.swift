import KafkaProtocol
import KafkaWire

/// Finding the coordinator, and committing and looking up offsets there.
extension ConsumerCore {
    /// The coordinator, if it is ready for a request; looks for it if it is not known.
    mutating func readyCoordinator(_ now: ClientInstant) -> NodeKey? {
        guard let group else { return nil }
        if let coordinator = group.coordinator {
            let key = NodeKey.coordinator(coordinator)
            if network.isReady(key, now: now) { return key }
            // A coordinator that cannot be reached may have moved.
            if network.isFailing(key) { self.group?.coordinator = nil }
            return nil
        }
        guard !group.isFinding, group.notBefore.map({ $0 <= now }) ?? true,
            let node = network.anyReady(now: now),
            let version = network.version(of: .findCoordinator, node)
        else { return nil }
        let request =
            version >= 4
            ? FindCoordinatorRequest(keyType: 0, coordinatorKeys: [group.settings.id])
            : FindCoordinatorRequest(key: group.settings.id)
        self.group?.isFinding = true
        network.send(request, version: version, to: node, .findCoordinator, now: now)
        return nil
    }

    mutating func takeCoordinator(_ completion: Completion<Tag>, _ now: ClientInstant) {
        group?.isFinding = false
        do throws(ClientError) {
            let answer = try network.answer(completion, FindCoordinatorRequest.self, now)
            let found: (node: Int32, host: String, port: Int32)
            if completion.version >= 4 {
                guard let one = answer.coordinators.first else {
                    throw ClientError.malformedResponse("FindCoordinator names none")
                }
                try ClientError.check(one.errorCode, one.errorMessage)
                found = (one.nodeID, one.host, one.port)
            } else {
                try ClientError.check(answer.errorCode, answer.errorMessage)
                found = (answer.nodeID, answer.host, answer.port)
            }
            guard let port = UInt16(exactly: found.port), found.node >= 0 else {
                throw ClientError.broker(.coordinatorNotAvailable, message: nil)
            }
            let id = BrokerID(found.node)
            network.learnCoordinator(id, at: BrokerAddress(host: found.host, port: port), now: now)
            group?.coordinator = id
            group?.failures = 0
            group?.notBefore = nil
        } catch {
            guard error.isRetriable else { return failGroup(error) }
            delayGroup(now)
        }
    }

    /// Whether the error says that the coordinator is elsewhere; it is then looked for anew.
    mutating func losesCoordinator(_ error: ClientError) -> Bool {
        switch error.kafkaError {
        case .notCoordinator, .coordinatorNotAvailable:
            group?.coordinator = nil
            return true
        default:
            if case .disconnected = error {
                group?.coordinator = nil
                return true
            }
            return false
        }
    }

    // MARK: Commits

    mutating func advanceCommits(_ now: ClientInstant) {
        for index in commits.indices.reversed() where commits[index].deadline <= now {
            guard !commits[index].isInFlight else { continue }
            if let waiter = commits[index].waiter {
                outputs.append(.committed(waiter, .timedOut("committing offsets")))
            }
            commits.remove(at: index)
        }
        for index in offsetFetches.indices.reversed() where offsetFetches[index].deadline <= now {
            guard !offsetFetches[index].isInFlight else { continue }
            if let waiter = offsetFetches[index].waiter {
                outputs.append(.fetched(waiter, .failure(.timedOut("looking up offsets"))))
            }
            offsetFetches.remove(at: index)
        }
        // In order: a later commit must not overtake an earlier one.
        if let first = commits.first, !first.isInFlight,
            first.notBefore.map({ $0 <= now }) ?? true, let node = readyCoordinator(now)
        {
            sendCommit(to: node, now)
        }
        var index = 0
        // One that cannot be sent ends them all.
        while index < offsetFetches.count {
            let fetch = offsetFetches[index]
            if !fetch.isInFlight, fetch.notBefore.map({ $0 <= now }) ?? true,
                let node = readyCoordinator(now)
            {
                sendFetch(index, to: node, now)
            }
            index += 1
        }
    }

    private mutating func sendCommit(to node: NodeKey, _ now: ClientInstant) {
        guard let group else { return }
        // Version 10 wants topic ids in the place of names.
        guard let version = network.version(of: .offsetCommit, node, atMost: 9) else {
            return failGroup(.unsupportedRequest(.offsetCommit, broker: "\(node)"))
        }
        var request = OffsetCommitRequest(
            groupID: group.settings.id,
            generationIDOrMemberEpoch: group.isMember ? group.generation : -1,
            memberID: group.isMember ? group.memberID : "")
        if version >= 7 { request.groupInstanceID = group.settings.instanceID }
        let offsets = commits[0].offsets
        for (topic, numbers) in offsets.keys.byTopic {
            request.topics.append(
                .init(
                    name: topic,
                    partitions: numbers.compactMap { number in
                        offsets[TopicPartition(topic: topic, partition: number)].map {
                            .init(
                                partitionIndex: number, committedOffset: $0.offset.rawValue,
                                committedLeaderEpoch: version >= 6 ? $0.leaderEpoch.rawValue : -1,
                                committedMetadata: $0.metadata)
                        }
                    }))
        }
        commits[0].isInFlight = true
        network.send(request, version: version, to: node, .commit, now: now)
    }

    mutating func takeCommit(_ completion: Completion<Tag>, _ now: ClientInstant) {
        guard let commit = commits.first, commit.isInFlight else { return }
        commits[0].isInFlight = false
        do throws(ClientError) {
            let answer = try network.answer(completion, OffsetCommitRequest.self, now)
            for topic in answer.topics {
                for part in topic.partitions {
                    try ClientError.check(part.errorCode, "\(topic.name)-\(part.partitionIndex)")
                }
            }
            for (id, offset) in commit.offsets { partitions[id]?.committed = offset.offset }
            commits.removeFirst()
            outputs.append(.hasCommitted(commit.offsets))
            if let waiter = commit.waiter { outputs.append(.committed(waiter, nil)) }
        } catch {
            let mayPass = error.isRetriable || error.kafkaError == .staleMemberEpoch
            // Whoever was put out of the group does not commit as a stranger.
            let isAuthor = group?.subscription == nil || group?.isMember == true
            if losesCoordinator(error) || mayPass, isAuthor, commit.deadline > now {
                commits[0].notBefore = now + settings.network.retryBackoff
                return
            }
            commits.removeFirst()
            if let waiter = commit.waiter { outputs.append(.committed(waiter, error)) }
            switch error.kafkaError {
            case .fencedInstanceID: failGroup(.fenced("group.instance.id is used by another"))
            case .unknownMemberID, .illegalGeneration, .rebalanceInProgress:
                if group?.settings.groupProtocol == .classic { group?.needsRejoin = true }
            default: break
            }
        }
    }

    // MARK: Committed offsets

    private mutating func sendFetch(_ index: Int, to node: NodeKey, _ now: ClientInstant) {
        guard let group else { return }
        guard let version = network.version(of: .offsetFetch, node, atMost: 9) else {
            return failGroup(.unsupportedRequest(.offsetFetch, broker: "\(node)"))
        }
        let topics = offsetFetches[index].partitions.byTopic
        var request = OffsetFetchRequest()
        if version >= 7 { request.requireStable = true }
        if version >= 8 {
            var part = OffsetFetchRequest.OffsetFetchRequestGroup(
                groupID: group.settings.id,
                topics: topics.map { .init(name: $0, partitionIndexes: $1) })
            if version >= 9, group.settings.groupProtocol == .consumer, group.isMember {
                part.memberID = group.memberID
                part.memberEpoch = group.generation
            }
            request.groups = [part]
        } else {
            request.groupID = group.settings.id
            request.topics = topics.map { .init(name: $0, partitionIndexes: $1) }
        }
        offsetFetches[index].isInFlight = true
        nextOffsetFetch += 1
        offsetFetches[index].number = nextOffsetFetch
        network.send(
            request, version: version, to: node, .offsetFetch(nextOffsetFetch), now: now)
    }

    mutating func takeCommitted(
        _ completion: Completion<Tag>, number: UInt64, _ now: ClientInstant
    ) {
        guard let index = offsetFetches.firstIndex(where: { $0.number == number }) else { return }
        offsetFetches[index].isInFlight = false
        do throws(ClientError) {
            let answer = try network.answer(completion, OffsetFetchRequest.self, now)
            let found = try Self.offsets(answer, completion.version)
            let fetch = offsetFetches.remove(at: index)
            if let waiter = fetch.waiter {
                outputs.append(.fetched(waiter, .success(found)))
            } else {
                for id in fetch.partitions { begin(id, at: found[id]) }
            }
        } catch {
            if losesCoordinator(error) || error.isRetriable {
                offsetFetches[index].notBefore = now + settings.network.retryBackoff
                return
            }
            switch error.kafkaError {
            case .unknownMemberID, .staleMemberEpoch:
                // The membership is being renewed; what is still ours then is asked again.
                offsetFetches[index].notBefore = now + settings.network.retryBackoff
            default:
                let fetch = offsetFetches.remove(at: index)
                if let waiter = fetch.waiter {
                    outputs.append(.fetched(waiter, .failure(error)))
                } else {
                    failGroup(error)
                }
            }
        }
    }

    private static func offsets(
        _ answer: OffsetFetchResponse, _ version: Int16
    ) throws(ClientError) -> [TopicPartition: CommittedOffset] {
        var found: [TopicPartition: CommittedOffset] = [:]
        func add(
            _ topic: String, _ partition: Int32, _ offset: Int64, _ epoch: Int32, _ text: String?,
            _ code: Int16
        ) throws(ClientError) {
            try ClientError.check(code, "\(topic)-\(partition)")
            guard offset >= 0 else { return }
            found[TopicPartition(topic: topic, partition: partition)] = CommittedOffset(
                Offset(offset), leaderEpoch: LeaderEpoch(epoch), metadata: text ?? "")
        }
        guard version >= 8 else {
            try ClientError.check(answer.errorCode)
            for topic in answer.topics {
                for part in topic.partitions {
                    try add(
                        topic.name, part.partitionIndex, part.committedOffset,
                        part.committedLeaderEpoch, part.metadata, part.errorCode)
                }
            }
            return found
        }
        guard let group = answer.groups.first else {
            throw .malformedResponse("OffsetFetch names no group")
        }
        try ClientError.check(group.errorCode)
        for topic in group.topics {
            for part in topic.partitions {
                try add(
                    topic.name, part.partitionIndex, part.committedOffset,
                    part.committedLeaderEpoch, part.metadata, part.errorCode)
            }
        }
        return found
    }

    /// Begins to read a partition where the group has committed, or where the reset says.
    private mutating func begin(_ id: TopicPartition, at committed: CommittedOffset?) {
        guard let partition = partitions[id], case .awaitingCommitted = partition.state else {
            return
        }
        if let committed {
            partition.seek(
                to: committed.offset, epoch: committed.leaderEpoch, generation: takeGeneration())
            partition.committed = committed.offset
        } else if settings.offsetReset == .none {
            partition.state = .failed
            tell(.offsetOutOfRange("the group has no offset for \(id)"))
        } else {
            partition.state = .unknown(timestamp: resetTimestamp)
        }
    }
}
