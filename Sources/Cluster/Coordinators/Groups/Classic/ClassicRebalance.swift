import KafkaProtocol
import KafkaWire

/// How a classic group passes from one generation to the next, and what its timers do.
extension GroupMachine {
    /// Goes for a new generation, or ends the wait for one that is being prepared.
    func rebalanceOrCompleteJoin(_ group: ClassicGroup, _ now: Moment) {
        switch group.state {
        case .empty, .completingRebalance, .stable: prepareRebalance(group, now)
        case .preparingRebalance: completeJoinIfAllJoined(group, now)
        }
    }

    /// Calls all members to join again.
    ///
    /// - Precondition: no generation is being prepared.
    func prepareRebalance(_ group: ClassicGroup, _ now: Moment) {
        if group.state == .completingRebalance {
            for member in group.sortedMembers {
                member.assignment = []
                guard member.syncWaiter != nil else { continue }
                answerSync(member, error: .rebalanceInProgress)
                scheduleSession(member, of: group, now)
            }
        }
        group.pendingSyncMembers = []
        timers.cancel(GroupTimer(kind: .classicSync, group: group.groupID))
        if group.state == .empty {
            // More members are likely to come: a first generation waits for them (KIP-134).
            let delay = settings.initialRebalanceDelayMs
            group.initialDelay = ClassicGroup.InitialDelay(
                roundMs: delay,
                remainingMs: max(group.rebalanceTimeoutMs.saturatingDifference(delay), 0))
            setJoinTimer(group, afterMs: delay, now)
            group.transition(to: .preparingRebalance, now)
        } else {
            group.transition(to: .preparingRebalance, now)
            if group.hasAllJoined {
                completeJoin(group, now)
            } else {
                setJoinTimer(group, afterMs: group.rebalanceTimeoutMs, now)
            }
        }
    }

    /// Makes the generation if all members are there. A first one waits for its delay.
    func completeJoinIfAllJoined(_ group: ClassicGroup, _ now: Moment) {
        guard group.state == .preparingRebalance, group.previousState != .empty,
            group.hasAllJoined
        else { return }
        completeJoin(group, now)
    }

    private func setJoinTimer(_ group: ClassicGroup, afterMs delay: Int32, _ now: Moment) {
        timers.set(
            GroupTimer(kind: .classicJoin, group: group.groupID),
            at: now.monotonicMs + Int64(delay))
    }

    /// Makes the next generation of those who have joined; dynamic members who have not are out.
    private func completeJoin(_ group: ClassicGroup, _ now: Moment) {
        timers.cancel(GroupTimer(kind: .classicJoin, group: group.groupID))
        group.initialDelay = nil
        for member in group.sortedMembers where !member.isAwaitingJoin && member.instanceID == nil {
            group.remove(member.memberID)
            cancelSession(member.memberID, of: group)
        }
        if !group.electJoinedLeader(), !group.members.isEmpty {
            // Only static members that are away: wait until one comes or they time out.
            // They may have asked for no time at all, and a timer that sets itself is never due at
            // once.
            return setJoinTimer(group, afterMs: max(1, group.rebalanceTimeoutMs), now)
        }
        group.beginGeneration(now)
        if group.state == .empty { return writeWithoutReplay([group.record]) }
        for member in group.sortedMembers {
            if let waiter = member.joinWaiter {
                member.joinWaiter = nil
                let isLeader = group.isLeader(member.memberID)
                answerJoin(
                    waiter, member.memberID,
                    group.joinAnswer(for: member.memberID, withMembers: isLeader))
            }
            scheduleSession(member, of: group, now)
            member.isNew = false
            group.pendingSyncMembers.insert(member.memberID)
        }
        timers.set(
            GroupTimer(kind: .classicSync, group: group.groupID),
            at: now.monotonicMs + Int64(group.rebalanceTimeoutMs))
    }

    // MARK: Timers

    /// Gives a member until its session timeout, or another time, to be heard of.
    func scheduleSession(
        _ member: ClassicMember, of group: ClassicGroup, _ now: Moment, timeoutMs: Int32? = nil
    ) {
        timers.set(
            GroupTimer(kind: .classicSession, group: group.groupID, member: member.memberID),
            at: now.monotonicMs + Int64(timeoutMs ?? member.sessionTimeoutMs))
    }

    func cancelSession(_ memberID: String, of group: ClassicGroup) {
        timers.cancel(
            GroupTimer(kind: .classicSession, group: group.groupID, member: memberID))
    }

    /// A member has not been heard of in time, or never came back with its id.
    func classicSessionOver(_ timer: GroupTimer, _ now: Moment) {
        guard case .classic(let group) = groups[timer.group] else { return }
        if group.pendingJoinMembers.contains(timer.member) {
            group.remove(timer.member)
        } else if let member = group.members[timer.member], !member.isExcusedFromHeartbeats {
            answerJoin(member, error: .unknownMemberID)
            group.remove(timer.member)
            if group.state == .stable || group.state == .completingRebalance {
                return rebalanceOrCompleteJoin(group, now)
            }
        } else {
            return
        }
        if group.state == .preparingRebalance, group.hasAllJoined { completeJoin(group, now) }
    }

    /// The time to join a generation is over; that of a first one may have another round.
    func classicJoinOver(_ timer: GroupTimer, _ now: Moment) {
        guard case .classic(let group) = groups[timer.group], group.state == .preparingRebalance
        else { return }
        guard let delay = group.initialDelay, delay.memberAdded, delay.remainingMs > 0 else {
            return completeJoin(group, now)
        }
        let round = min(settings.initialRebalanceDelayMs, delay.remainingMs)
        group.initialDelay = ClassicGroup.InitialDelay(
            roundMs: round, remainingMs: max(delay.remainingMs - delay.roundMs, 0))
        setJoinTimer(group, afterMs: round, now)
    }

    /// Members that joined a generation and never asked for their assignment are out.
    func classicSyncOver(_ timer: GroupTimer, _ now: Moment) {
        guard case .classic(let group) = groups[timer.group],
            group.state == .completingRebalance || group.state == .stable,
            !group.pendingSyncMembers.isEmpty
        else { return }
        for memberID in group.pendingSyncMembers.sorted() {
            group.remove(memberID)
            cancelSession(memberID, of: group)
        }
        prepareRebalance(group, now)
    }
}
