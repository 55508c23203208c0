public import KafkaProtocol
import KafkaWire

/// JoinGroup (key 11): how a member becomes part of a classic group's next generation.
extension GroupMachine {
    /// Takes in a member, or calls it and all others to the next generation. The answer comes when
    /// that is made.
    public func joinGroup(
        _ request: JoinGroupRequest, from client: GroupClient, _ caller: Caller, _ now: Moment
    ) {
        let join = JoinAttempt(request, client, caller)
        guard !request.groupID.isEmpty else { return refuse(join, .invalidGroupID) }
        guard
            request.sessionTimeoutMs >= settings.minSessionTimeoutMs,
            request.sessionTimeoutMs <= settings.maxSessionTimeoutMs
        else { return refuse(join, .invalidSessionTimeout) }
        switch groups[request.groupID] {
        case .consumer(let group) where !group.isEmpty:
            joinConsumerGroup(group, join.request, from: client, caller, now)
        case .classic(let group): joinClassicGroup(join, group, now)
        case .consumer(let group): joinNewClassicGroup(join, now, former: group)
        case nil: joinNewClassicGroup(join, now)
        }
    }

    /// - Parameter former: a group of the name without members, of the other protocol, that the
    ///   new one takes the place of.
    private func joinNewClassicGroup(
        _ join: JoinAttempt, _ now: Moment, former: ConsumerGroup? = nil
    ) {
        guard join.request.memberID.isEmpty else { return refuse(join, .unknownMemberID) }
        if let former { write(former.tombstones()) }
        let group = ClassicGroup(join.request.groupID, stateSinceMs: now.wallMs)
        groups[group.groupID] = .classic(group)
        // The log learns of the group before its first generation.
        writeWithoutReplay([group.record])
        joinClassicGroup(join, group, now)
    }

    private func joinClassicGroup(_ join: JoinAttempt, _ group: ClassicGroup, _ now: Moment) {
        let memberID = join.request.memberID
        guard hasRoom(group, for: memberID) else {
            group.remove(memberID)
            refuse(join, .groupMaxSizeReached, memberID: "")
            return completeJoinIfAllJoined(group, now)
        }
        guard group.supports(join.request.protocolType, join.request.protocols) else {
            return refuse(join, .inconsistentGroupProtocol)
        }
        if memberID.isEmpty {
            joinUnknown(join, group, now)
        } else if group.pendingJoinMembers.contains(memberID) {
            guard join.request.groupInstanceID == nil else { return refuse(join, .invalidRequest) }
            addMember(memberID, join, group, now)
        } else {
            rejoin(join, group, now)
        }
    }

    /// Whether the group is small enough. While it prepares a generation those who wait for it
    /// count, since it may have been larger before.
    private func hasRoom(_ group: ClassicGroup, for memberID: String) -> Bool {
        let limit = Int(settings.maxSize)
        let member = group.members[memberID]
        switch group.state {
        case .empty: return true
        case .preparingRebalance:
            return member?.isAwaitingJoin == true
                || group.members.values.count(where: \.isAwaitingJoin) < limit
        case .completingRebalance, .stable: return member != nil || group.members.count < limit
        }
    }

    // MARK: New members

    private func joinUnknown(_ join: JoinAttempt, _ group: ClassicGroup, _ now: Moment) {
        if let instance = join.request.groupInstanceID {
            let memberID = newMemberID(instance)
            if let old = group.staticMembers[instance].flatMap({ group.members[$0] }) {
                replaceStaticMember(old, by: memberID, join, group, now)
            } else {
                addMember(memberID, join, group, now)
            }
        } else if join.version >= 4 {
            // The member is to come again with the id, so that a lost answer leaves no dead member
            // behind (KIP-394).
            let memberID = newMemberID(join.client.clientID)
            group.pendingJoinMembers.insert(memberID)
            timers.set(
                GroupTimer(kind: .classicSession, group: group.groupID, member: memberID),
                at: now.monotonicMs + Int64(join.request.sessionTimeoutMs))
            refuse(join, .memberIDRequired, memberID: memberID)
        } else {
            addMember(newMemberID(join.client.clientID), join, group, now)
        }
    }

    /// How long a new member, which cannot send heartbeats yet, may wait for its first generation.
    static var newMemberJoinTimeoutMs: Int32 { 5 * 60 * 1000 }

    private func addMember(
        _ memberID: String, _ join: JoinAttempt, _ group: ClassicGroup, _ now: Moment
    ) {
        let request = join.request
        let member = ClassicMember(
            memberID: memberID, instanceID: request.groupInstanceID, clientID: join.client.clientID,
            clientHost: join.client.host, rebalanceTimeoutMs: request.rebalanceTimeoutMs,
            sessionTimeoutMs: request.sessionTimeoutMs, protocols: request.protocols)
        member.isNew = true
        member.joinWaiter = join.waiter
        group.initialDelay?.memberAdded = true
        group.add(member, type: request.protocolType)
        scheduleSession(member, of: group, now, timeoutMs: Self.newMemberJoinTimeoutMs)
        rebalanceOrCompleteJoin(group, now)
    }

    /// Most bytes of what the client is called in a member's id: with a dash and the 36 characters
    /// of a UUID behind it that is still a string of the protocol.
    static var memberIDPrefixBytes: Int { Int(Int16.max) - 37 }

    /// A random id that begins with what the client is called.
    private func newMemberID(_ name: String) -> String {
        var prefix = name[...]
        while prefix.utf8.count > Self.memberIDPrefixBytes { prefix.removeLast() }
        return "\(prefix)-\(JavaUUID.random(using: &random))"
    }

    // MARK: Known members

    private func rejoin(_ join: JoinAttempt, _ group: ClassicGroup, _ now: Moment) {
        let request = join.request
        let fault = group.fault(of: request.memberID, instanceID: request.groupInstanceID)
        guard fault == .none, let member = group.members[request.memberID] else {
            return refuse(join, fault)
        }
        let isSame = member.offers(request.protocols)
        switch group.state {
        case .completingRebalance where isSame:
            // The answer may have been lost: the generation stands.
            answer(join, group, member)
        case .stable where isSame && !group.isLeader(member.memberID):
            // It can go on with SyncGroup. The leader, though, may have seen that topics changed.
            answer(join, group, member, isFollower: true)
        case .empty, .preparingRebalance, .completingRebalance, .stable:
            group.update(member, request)
            // A client that asks again has given up on its first request.
            answerJoin(member, error: .rebalanceInProgress)
            member.joinWaiter = join.waiter
            rebalanceOrCompleteJoin(group, now)
        }
    }

    private func answer(
        _ join: JoinAttempt, _ group: ClassicGroup, _ member: ClassicMember,
        isFollower: Bool = false
    ) {
        answerJoin(
            join.waiter, member.memberID,
            group.joinAnswer(
                for: member.memberID, withMembers: !isFollower && group.isLeader(member.memberID)))
    }

    /// A static member has come back without its id: it gets a new one, and keeps its place.
    private func replaceStaticMember(
        _ old: ClassicMember, by memberID: String, _ join: JoinAttempt, _ group: ClassicGroup,
        _ now: Moment
    ) {
        let formerLeader = group.leaderID ?? ""
        // Whoever waits under the old id is another instance that goes by the same name.
        answerJoin(old, error: .fencedInstanceID)
        answerSync(old, error: .fencedInstanceID)
        let member = group.replace(old, by: memberID)
        scheduleSession(member, of: group, now)
        group.update(member, join.request)
        member.joinWaiter = join.waiter
        switch group.state {
        case .stable where group.selectProtocol() == group.protocolName:
            // Nobody else needs to know: the assignment stays (KIP-814).
            writeWithoutReplay([group.record])
            let skips = join.version >= 9 && group.isLeader(memberID)
            var answer = group.joinAnswer(for: memberID, withMembers: skips)
            answer.skipAssignment = skips
            if join.version < 9 { answer.leader = formerLeader }
            member.joinWaiter = nil
            answerJoin(join.waiter, memberID, answer)
        case .stable: rebalanceOrCompleteJoin(group, now)
        case .completingRebalance:
            // The leader may have assigned to the old id already.
            prepareRebalance(group, now)
        case .preparingRebalance, .empty: completeJoinIfAllJoined(group, now)
        }
    }

    // MARK: Answers

    private func refuse(_ join: JoinAttempt, _ error: KafkaError, memberID: String? = nil) {
        let memberID = memberID ?? join.request.memberID
        answerJoin(
            join.waiter, memberID,
            JoinGroupResponse(errorCode: error.rawValue, memberID: memberID))
    }

    func answerJoin(
        _ waiter: ClassicMember.JoinWaiter, _ memberID: String, _ response: JoinGroupResponse
    ) {
        let version = waiter.version
        reply(to: waiter.caller, response.fitting(version)) { error in
            JoinGroupResponse(errorCode: error.rawValue, memberID: memberID).fitting(version)
        }
    }

    /// Answers a member that waits to join, if it does.
    func answerJoin(_ member: ClassicMember, error: KafkaError) {
        guard let waiter = member.joinWaiter else { return }
        member.joinWaiter = nil
        // An id that is no longer known is not told, so that the client asks for another.
        let memberID = error == .unknownMemberID ? "" : member.memberID
        answerJoin(
            waiter, memberID, JoinGroupResponse(errorCode: error.rawValue, memberID: memberID))
    }
}

/// A JoinGroup and where it came from.
private struct JoinAttempt {
    var request: JoinGroupRequest
    var client: GroupClient
    var waiter: ClassicMember.JoinWaiter
    var version: Int16 { waiter.version }

    init(_ request: JoinGroupRequest, _ client: GroupClient, _ caller: Caller) {
        self.request = request
        // The first version has no time for rebalances of its own.
        if client.apiVersion == 0 { self.request.rebalanceTimeoutMs = request.sessionTimeoutMs }
        self.client = client
        waiter = ClassicMember.JoinWaiter(caller: caller, version: client.apiVersion)
    }
}

extension JoinGroupResponse {
    /// The response as a version says that there is no protocol: with an empty name up to 6.
    public func fitting(_ version: Int16) -> JoinGroupResponse {
        var response = self
        if version >= 7, protocolName == "" { response.protocolName = nil }
        if version < 7, protocolName == nil { response.protocolName = "" }
        return response
    }
}

extension ClassicGroup {
    /// What a member learns of the generation; the leader also who the members are.
    func joinAnswer(for memberID: String, withMembers: Bool) -> JoinGroupResponse {
        let name = protocolName ?? ""
        return JoinGroupResponse(
            generationID: generation, protocolType: protocolType, protocolName: protocolName,
            leader: leaderID ?? "", memberID: memberID,
            members: withMembers
                ? sortedMembers.map {
                    .init(
                        memberID: $0.memberID, groupInstanceID: $0.instanceID,
                        metadata: $0.metadata(of: name))
                } : [])
    }
}
