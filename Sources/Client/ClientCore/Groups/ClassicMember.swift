import KafkaProtocol
import KafkaWire

/// The classic protocol: JoinGroup, SyncGroup, Heartbeat, LeaveGroup.
extension ConsumerCore {
    mutating func advanceClassic(_ now: ClientInstant) {
        guard let group else { return }
        beat(now)
        guard group.ticket == nil, group.notBefore.map({ $0 <= now }) ?? true else { return }
        switch group.phase {
        case .out: if !hasCommitsOfRevoked { join(now) }
        case .assigning: assignMembers(now)
        case .stable:
            if group.needsRejoin || hasSubscriptionChanged() { rejoin(now) }
        case .joining, .syncing, .left, .failed: break
        }
    }

    /// Whether the group must assign anew: for the leader, when partitions were added; for any
    /// member, when other topics match its pattern.
    private func hasSubscriptionChanged() -> Bool {
        guard let counts = group?.assignedCounts, let group else { return false }
        if case .pattern = group.subscription,
            group.topics(network.metadata) != group.joinedTopics
        {
            return true
        }
        return counts.contains { topic, count in
            let now = network.metadata.topics[topic]
            return now?.error == nil && (now?.partitions.count ?? count) != count
        }
    }

    /// Gives up everything first, unless the member is cooperative (KIP-429).
    private mutating func rejoin(_ now: ClientInstant) {
        group?.phase = .out
        if group?.isCooperative == false, !order.isEmpty { revoke(order, now) }
    }

    private mutating func join(_ now: ClientInstant) {
        guard let group else { return }
        let topics = group.topics(network.metadata)
        guard let node = readyCoordinator(now), network.metadata.version > 0 else { return }
        guard let version = network.version(of: .joinGroup, node) else {
            return failGroup(.unsupportedRequest(.joinGroup, broker: "\(node)"))
        }
        var request = JoinGroupRequest(
            groupID: group.settings.id,
            sessionTimeoutMs: group.settings.sessionTimeout.wholeMilliseconds,
            memberID: group.memberID, protocolType: "consumer")
        if version >= 1 {
            request.rebalanceTimeoutMs = group.settings.rebalanceTimeout.wholeMilliseconds
        }
        if version >= 5 { request.groupInstanceID = group.settings.instanceID }
        var subscription = MemberSubscription(
            memberID: group.memberID, instanceID: group.settings.instanceID, topics: topics)
        subscription.owned = group.isCooperative ? order : group.lastOwned
        subscription.generation = group.lastGeneration
        do throws(WireError) {
            for assignor in group.settings.assignors {
                var told = subscription
                if assignor != .sticky, !group.isCooperative { told.owned = [] }
                request.protocols.append(
                    .init(name: assignor.rawValue, metadata: try told.encoded(for: assignor)))
            }
        } catch {
            return failGroup(.invalidState("the subscription cannot be written: \(error)"))
        }
        self.group?.phase = .joining
        self.group?.rebalancing = group.rebalancing ?? now
        self.group?.needsRejoin = false
        self.group?.joinedTopics = topics
        network.send(
            request, version: version, to: node, .join,
            timeout: group.settings.rebalanceTimeout, now: now)
    }

    mutating func takeJoin(_ completion: Completion<Tag>, _ now: ClientInstant) {
        guard group?.phase == .joining else { return }
        do throws(ClientError) {
            let answer = try network.answer(completion, JoinGroupRequest.self, now)
            if KafkaError(code: answer.errorCode) == .memberIDRequired {
                group?.memberID = answer.memberID
                group?.phase = .out
                return
            }
            try ClientError.check(answer.errorCode)
            guard let assignor = Assignor(rawValue: answer.protocolName ?? "") else {
                throw .malformedResponse("JoinGroup chose '\(answer.protocolName ?? "")'")
            }
            group?.memberID = answer.memberID
            group?.generation = answer.generationID
            group?.assignor = assignor
            group?.members = []
            group?.assignedCounts = nil
            group?.failures = 0
            group?.phase = .assigning
            guard answer.leader == answer.memberID, !answer.skipAssignment else { return }
            do throws(WireError) {
                group?.members = try answer.members.map { member throws(WireError) in
                    try MemberSubscription(
                        memberID: member.memberID, instanceID: member.groupInstanceID,
                        member.metadata, for: assignor)
                }
            } catch {
                throw .malformedResponse("a member's subscription: \(error)")
            }
        } catch {
            group?.phase = .out
            refusedMember(error, now)
        }
    }

    /// Sends SyncGroup: as the leader with everybody's assignment, once the metadata of all topics
    /// is there.
    private mutating func assignMembers(_ now: ClientInstant) {
        guard let group, let assignor = group.assignor else { return }
        var assignments: [SyncGroupRequest.SyncGroupRequestAssignment] = []
        if !group.members.isEmpty {
            let topics = Set(group.members.flatMap(\.topics)).sorted()
            var counts: [String: Int] = [:]
            for topic in topics {
                network.refresh.add(topic)
                guard let known = network.metadata.topics[topic] else {
                    if network.refresh.wantsAll { continue }
                    return
                }
                if known.error == nil { counts[topic] = known.partitions.count }
            }
            self.group?.assignedCounts = counts
            let shares = assignor.assign(group.members, counts: counts)
            do throws(WireError) {
                for (member, share) in shares.sorted(by: { $0.key < $1.key }) {
                    assignments.append(
                        .init(memberID: member, assignment: try MemberAssignment.encoded(share)))
                }
            } catch {
                return failGroup(.invalidState("the assignment cannot be written: \(error)"))
            }
        }
        sync(assignments, now)
    }

    private mutating func sync(
        _ assignments: [SyncGroupRequest.SyncGroupRequestAssignment], _ now: ClientInstant
    ) {
        guard let group, let node = readyCoordinator(now) else { return }
        guard let version = network.version(of: .syncGroup, node) else {
            return failGroup(.unsupportedRequest(.syncGroup, broker: "\(node)"))
        }
        var request = SyncGroupRequest(
            groupID: group.settings.id, generationID: group.generation, memberID: group.memberID,
            assignments: assignments)
        if version >= 3 { request.groupInstanceID = group.settings.instanceID }
        if version >= 5 {
            request.protocolType = "consumer"
            request.protocolName = group.assignor?.rawValue
        }
        self.group?.phase = .syncing
        network.send(
            request, version: version, to: node, .sync,
            timeout: group.settings.rebalanceTimeout, now: now)
    }

    mutating func takeSync(_ completion: Completion<Tag>, _ now: ClientInstant) {
        guard group?.phase == .syncing else { return }
        let assigned: Set<TopicPartition>
        do throws(ClientError) {
            let answer = try network.answer(completion, SyncGroupRequest.self, now)
            try ClientError.check(answer.errorCode)
            do throws(WireError) {
                assigned = Set(try MemberAssignment.decoded(answer.assignment))
            } catch {
                throw .malformedResponse("the assignment: \(error)")
            }
        } catch {
            group?.phase = .out
            return refusedMember(error, now)
        }
        group?.phase = .stable
        if let began = group?.rebalancing.take() { network.measures.noteRebalance(now - began) }
        if let member = group {
            group?.nextHeartbeat = now + member.heartbeatInterval
            group?.lastOwned = assigned.sorted()
            group?.lastGeneration = member.generation
        }
        let owned = Set(order)
        let gone = owned.subtracting(assigned)
        add(assigned.subtracting(owned).sorted(), now)
        if !gone.isEmpty {
            // Others wait for what we give up: the group assigns it when we join again.
            revoke(gone.sorted(), now)
            group?.needsRejoin = true
        }
    }

    /// What an error means for the membership.
    private mutating func refusedMember(_ error: ClientError, _ now: ClientInstant) {
        if losesCoordinator(error) { return delayGroup(now) }
        switch error.kafkaError {
        case .rebalanceInProgress:
            group?.needsRejoin = true
            if group?.phase != .stable { group?.phase = .out }
        case .unknownMemberID: fallOut(forgettingMember: true, now)
        case .illegalGeneration: fallOut(forgettingMember: false, now)
        case .fencedInstanceID:
            failGroup(.fenced("group.instance.id is used by another member"))
        default:
            if error.isRetriable { delayGroup(now) } else { failGroup(error) }
        }
    }

    // MARK: Heartbeats

    private mutating func beat(_ now: ClientInstant) {
        guard let group, group.phase == .stable, !group.isBeating,
            let due = group.nextHeartbeat, due <= now, let node = readyCoordinator(now)
        else { return }
        guard let version = network.version(of: .heartbeat, node) else {
            return failGroup(.unsupportedRequest(.heartbeat, broker: "\(node)"))
        }
        var request = HeartbeatRequest(
            groupID: group.settings.id, generationID: group.generation, memberID: group.memberID)
        if version >= 3 { request.groupInstanceID = group.settings.instanceID }
        self.group?.isBeating = true
        self.group?.nextHeartbeat = now + group.heartbeatInterval
        network.send(request, version: version, to: node, .heartbeat, now: now)
    }

    mutating func takeHeartbeat(_ completion: Completion<Tag>, _ now: ClientInstant) {
        group?.isBeating = false
        do throws(ClientError) {
            let answer = try network.answer(completion, HeartbeatRequest.self, now)
            try ClientError.check(answer.errorCode)
        } catch {
            guard group?.phase == .stable else { return }
            refusedMember(error, now)
        }
    }

    // MARK: The end

    /// Leaves the group once all partitions are given up and all commits have ended. A static
    /// member stays away without leaving.
    mutating func leaveGroup(_ now: ClientInstant) {
        guard let group, group.ticket == nil else { return }
        guard order.isEmpty else { return revoke(order, now) }
        guard commits.isEmpty else { return }
        let isStatic = group.settings.instanceID != nil && group.settings.groupProtocol == .classic
        guard group.isMember, !isStatic else {
            self.group?.step(out: .left)
            return
        }
        guard !group.isSayingGoodbye, let node = readyCoordinator(now) else { return }
        self.group?.isSayingGoodbye = true
        if group.settings.groupProtocol == .consumer { return sayGoodbye(to: node, now) }
        guard let version = network.version(of: .leaveGroup, node) else {
            self.group?.step(out: .left)
            return
        }
        var request = LeaveGroupRequest(groupID: group.settings.id)
        if version >= 3 {
            request.members = [.init(memberID: group.memberID)]
        } else {
            request.memberID = group.memberID
        }
        network.send(request, version: version, to: node, .leave, now: now)
    }
}
