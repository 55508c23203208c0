import KafkaProtocol
import KafkaWire

/// The protocol `consumer` (KIP-848): heartbeats carry the subscription and what we have, answers
/// what we should have. Partitions are given up before others are taken.
extension ConsumerCore {
    mutating func advanceConsumerProtocol(_ now: ClientInstant) {
        guard var group else { return }
        if group.memberID.isEmpty {
            group.memberID = KafkaUUID.random(using: &network.random).description
            self.group = group
        }
        reconcile(now)
        guard let group = self.group, !group.isBeating,
            group.notBefore.map({ $0 <= now }) ?? true, isBeatDue(group, now),
            let node = readyCoordinator(now)
        else { return }
        guard let version = network.version(of: .consumerGroupHeartbeat, node) else {
            return failGroup(.unsupportedRequest(.consumerGroupHeartbeat, broker: "\(node)"))
        }
        guard let request = heartbeat(group, version) else {
            return failGroup(
                .invalidState("the coordinator does not know patterns: subscribe to names"))
        }
        self.group?.isBeating = true
        self.group?.needsRejoin = false
        if tellsOwned(group) { self.group?.toldOwned = order }
        self.group?.nextHeartbeat = now + group.heartbeatInterval
        network.send(request, version: version, to: node, .memberHeartbeat, now: now)
    }

    /// Joining, a new subscription and changed partitions are told at once.
    private func isBeatDue(_ group: GroupMembership, _ now: ClientInstant) -> Bool {
        if group.generation < 0 || group.needsRejoin { return true }
        if group.ticket == nil, tellsOwned(group) { return true }
        return group.nextHeartbeat.map { $0 <= now } ?? true
    }

    /// Whether the coordinator is to hear what we have: it gives others what we no longer have.
    private func tellsOwned(_ group: GroupMembership) -> Bool {
        group.generation < 0 || group.needsRejoin
            || (group.toldOwned != order && !hasCommitsOfRevoked)
    }

    private func heartbeat(
        _ group: GroupMembership, _ version: Int16
    ) -> ConsumerGroupHeartbeatRequest? {
        var request = ConsumerGroupHeartbeatRequest(
            groupID: group.settings.id, memberID: group.memberID,
            memberEpoch: max(0, group.generation), instanceID: group.settings.instanceID)
        let isFull = group.generation < 0 || group.needsRejoin
        if isFull {
            request.rebalanceTimeoutMs = group.settings.rebalanceTimeout.wholeMilliseconds
            request.serverAssignor = group.settings.remoteAssignor
            if !settings.rack.isEmpty { request.rackID = settings.rack }
            if case .pattern(let text, _) = group.subscription {
                guard version >= 1 else { return nil }
                request.subscribedTopicRegex = text
            } else {
                request.subscribedTopicNames = group.topics(network.metadata)
            }
        }
        if tellsOwned(group) {
            let owned = group.generation < 0 ? [] : order
            request.topicPartitions = owned.byTopic.map { topic, partitions in
                .init(
                    topicID: network.metadata.topics[topic]?.id ?? .zero, partitions: partitions)
            }
        }
        return request
    }

    mutating func takeMemberHeartbeat(_ completion: Completion<Tag>, _ now: ClientInstant) {
        group?.isBeating = false
        do throws(ClientError) {
            let answer = try network.answer(completion, ConsumerGroupHeartbeatRequest.self, now)
            try ClientError.check(answer.errorCode, answer.errorMessage)
            group?.failures = 0
            group?.phase = .stable
            if let id = answer.memberID { group?.memberID = id }
            group?.generation = answer.memberEpoch
            if answer.heartbeatIntervalMs > 0 {
                let interval = Duration.milliseconds(Int64(answer.heartbeatIntervalMs))
                group?.heartbeatInterval = interval
                group?.nextHeartbeat = now + interval
            }
            if let assignment = answer.assignment {
                group?.targetIDs = assignment.topicPartitions
                if group?.rebalancing == nil { group?.rebalancing = now }
            }
        } catch {
            refusedHeartbeat(error, now)
        }
    }

    private mutating func refusedHeartbeat(_ error: ClientError, _ now: ClientInstant) {
        // What was told may not have arrived, nor what the coordinator wants, which it says again
        // to who tells everything.
        group?.toldOwned = nil
        group?.needsRejoin = true
        if losesCoordinator(error) { return delayGroup(now) }
        switch error.kafkaError {
        case .fencedMemberEpoch, .unknownMemberID:
            fallOut(forgettingMember: false, now)
            group?.targetIDs = nil
        case .unreleasedInstanceID: delayGroup(now)
        case .fencedInstanceID:
            failGroup(.fenced("group.instance.id is used by another member"))
        default:
            if error.isRetriable { delayGroup(now) } else { failGroup(error) }
        }
    }

    /// Moves towards the assignment that the coordinator wants.
    private mutating func reconcile(_ now: ClientInstant) {
        guard let group, group.ticket == nil, group.isMember, let wanted = group.targetIDs else {
            return
        }
        var target: Set<TopicPartition> = []
        var knowsAll = true
        for topic in wanted {
            guard let name = network.metadata.name(of: topic.topicID) else {
                network.refresh.request()
                knowsAll = false
                continue
            }
            for number in topic.partitions {
                target.insert(TopicPartition(topic: name, partition: number))
            }
        }
        let owned = Set(order)
        let gone = owned.subtracting(target)
        guard gone.isEmpty else { return revoke(gone.sorted(), now) }
        add(target.subtracting(owned).sorted(), now)
        guard knowsAll, let began = group.rebalancing else { return }
        network.measures.noteRebalance(now - began)
        self.group?.rebalancing = nil
    }

    /// The last heartbeat: a static member says that it will be back.
    mutating func sayGoodbye(to node: NodeKey, _ now: ClientInstant) {
        guard let group, let version = network.version(of: .consumerGroupHeartbeat, node) else {
            self.group?.step(out: .left)
            return
        }
        network.send(
            ConsumerGroupHeartbeatRequest(
                groupID: group.settings.id, memberID: group.memberID,
                memberEpoch: group.settings.instanceID == nil ? -1 : -2,
                instanceID: group.settings.instanceID),
            version: version, to: node, .leave, now: now)
    }
}
