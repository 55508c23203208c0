import KafkaProtocol
import KafkaWire

/// What a heartbeat changes of a member's subscription, and what that means for the group.
extension GroupMachine {
    /// What a request changes of a member's subscription.
    struct SubscriptionChange {
        /// Whether the member wants other topics, by name or by pattern.
        var isOther: Bool
        /// Whether a new assignment is needed for it.
        var mustBump: Bool
    }

    /// Least time between two looks at all patterns of a group.
    private static let patternRefreshIntervalMs: Int64 = 10_000

    /// Takes over what the request says of the member.
    func update(
        _ before: ConsumerGroupMember, _ request: ConsumerGroupHeartbeatRequest,
        from client: GroupClient, in draft: inout ConsumerGroupDraft, now: Moment
    ) throws(GroupFault) -> SubscriptionChange {
        var member = before
        member.instanceID = request.instanceID ?? before.instanceID
        member.rackID = request.rackID ?? before.rackID
        if request.rebalanceTimeoutMs != -1 {
            member.rebalanceTimeoutMs = request.rebalanceTimeoutMs
        }
        member.assignor = request.serverAssignor ?? before.assignor
        if let names = request.subscribedTopicNames {
            member.topicNames = ConsumerGroupMember.normalized(names)
        }
        member.topicRegex = request.subscribedTopicRegex ?? before.topicRegex
        member.clientID = client.clientID
        member.clientHost = client.host
        member.classic = nil
        return try update(before, to: member, in: &draft, now: now)
    }

    /// Writes what has changed of a member, and looks at patterns where that is due.
    func update(
        _ before: ConsumerGroupMember, to member: ConsumerGroupMember,
        in draft: inout ConsumerGroupDraft, now: Moment
    ) throws(GroupFault) -> SubscriptionChange {
        let hasOtherNames = member.topicNames != before.topicNames
        var change = SubscriptionChange(isOther: hasOtherNames, mustBump: hasOtherNames)
        let isKnown = draft.state.members[member.id] != nil
        if member != before || !isKnown { draft.write(member.metadataRecord(of: draft.groupID)) }
        if member.topicRegex != before.topicRegex {
            change.isOther = true
            if !before.topicRegex.isEmpty, draft.state.patternMembers[before.topicRegex] == nil {
                draft.write(draft.state.patternRecord(before.topicRegex, nil))
            }
            if member.topicRegex.isEmpty || draft.state.patterns[member.topicRegex] != nil {
                change.mustBump = true
            } else {
                let pattern = try compile(member.topicRegex)
                if lookUp([(member.topicRegex, pattern)], in: &draft, now: now) {
                    change.mustBump = true
                }
            }
        }
        if refreshPatterns(of: &draft, now: now) { change.mustBump = true }
        return change
    }

    // MARK: Patterns

    private func compile(_ text: String) throws(GroupFault) -> TopicPattern {
        do throws(TopicPatternError) {
            return try TopicPattern(text)
        } catch {
            throw GroupFault(
                .invalidRegularExpression,
                "SubscribedTopicRegex `\(text)` is not a valid regular expression: "
                    + "\(error.reason).")
        }
    }

    /// Looks at all patterns again when topics have been created, or it is long ago; whether any
    /// matches other topics now.
    private func refreshPatterns(of draft: inout ConsumerGroupDraft, now: Moment) -> Bool {
        let known = draft.state.patterns.values
        guard !draft.state.patternMembers.isEmpty,
            let last = known.map(\.timestamp).max(), let version = known.map(\.version).min(),
            now.wallMs > last.saturatingSum(Self.patternRefreshIntervalMs)
        else { return false }
        let interval = Int64(settings.consumer.regexRefreshIntervalMs)
        let isDue =
            version < topicSubscriptions.lastCreation || now.wallMs > last.saturatingSum(interval)
        guard isDue else { return false }
        // What cannot be read any more, for a version before took it, matches nothing.
        let patterns = draft.state.patternMembers.keys.sorted().map { ($0, try? TopicPattern($0)) }
        return lookUp(patterns, in: &draft, now: now)
    }

    /// Writes which topics patterns match; whether that has changed.
    private func lookUp(
        _ patterns: [(text: String, pattern: TopicPattern?)], in draft: inout ConsumerGroupDraft,
        now: Moment
    ) -> Bool {
        let names = environment.metadata.topicNames
        var hasChanged = false
        for (text, pattern) in patterns {
            var matcher = pattern?.matcher()
            let topics = names.filter { matcher?.matches($0) ?? false }
            hasChanged = hasChanged || draft.state.patterns[text]?.topics ?? [] != topics
            draft.write(
                draft.state.patternRecord(
                    text,
                    .init(
                        topics: topics, version: environment.metadata.version,
                        timestamp: now.wallMs)))
        }
        return hasChanged
    }

    // MARK: Group epoch

    /// Bumps the group's epoch when it must be, or when the group's topics are others now.
    func refreshMetadata(_ draft: inout ConsumerGroupDraft, mustBump: Bool) {
        guard case .consumer(let group) = groups[draft.groupID], !mustBump else {
            return writeEpoch(of: &draft, mustBump: mustBump)
        }
        if group.isToRefresh { writeEpoch(of: &draft, mustBump: false) }
    }

    private func writeEpoch(of draft: inout ConsumerGroupDraft, mustBump: Bool) {
        let hash = topicSubscriptions.metadataHash(of: draft.state, environment.metadata)
        if mustBump || hash != draft.state.metadataHash { bumpEpoch(of: &draft) }
        if draft.state.hasPartitionMetadata { draft.write(draft.state.partitionMetadataTombstone) }
    }

    /// Asks for a new assignment.
    func bumpEpoch(of draft: inout ConsumerGroupDraft) {
        let hash = topicSubscriptions.metadataHash(of: draft.state, environment.metadata)
        draft.write(draft.state.epochRecord(draft.state.groupEpoch + 1, metadataHash: hash))
    }
}
