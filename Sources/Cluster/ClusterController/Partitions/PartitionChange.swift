import KafkaProtocol
import KafkaWire

/// Works out the record that takes one partition to a wanted state: who leads, who is in the ISR
/// and among the eligible leaders, which replicas there are.
///
/// Set what is wanted, then call `record()`. The rules are those of KIP-966 (eligible leader
/// replicas), KIP-455 (reassignment) and KIP-841.
struct PartitionChange {
    /// How far an election may go.
    enum Election {
        /// Bring the preferred leader back when it is in sync.
        case preferred
        /// Keep the leader; else any replica in sync.
        case online
        /// As `online`; without any, take a replica out of sync and lose what it lacks.
        case unclean
    }

    let partition: PartitionImage
    let topicID: KafkaUUID
    let rules: ElectionRules
    /// The topic's `min.insync.replicas`, at most its number of replicas.
    let minISR: Int

    /// What the topic's configs allow; changes that must be clean, or that a user asks for, set it.
    var election = Election.online
    var isr: [Int32]
    var replicas: [Int32]
    var removing: [Int32]
    var adding: [Int32]
    var isRecovering: Bool
    /// Replicas that lost their unflushed data: they must not be eligible leaders.
    var uncleanShutdown: [Int32] = []
    /// A replica that begins anew for its directory is gone. As long as another one may have the
    /// records it does not lead as the last leader.
    var bareReplica: Int32?
    /// Directories that differ from the recorded ones, by broker.
    var directories: [Int32: KafkaUUID] = [:]
    private var elr: [Int32]

    init(of partition: PartitionImage, topicID: KafkaUUID, rules: ElectionRules, minISR: Int) {
        self.partition = partition
        self.topicID = topicID
        self.rules = rules
        self.minISR = minISR
        isr = partition.isr
        replicas = partition.replicas
        removing = partition.removingReplicas
        adding = partition.addingReplicas
        isRecovering = partition.isRecovering
        elr = partition.eligibleLeaderReplicas
    }

    /// The record that makes the change; `nil` when there is nothing to change.
    func record() -> PartitionChangeRecord? {
        var work = self
        return work.build()
    }

    private mutating func build() -> PartitionChangeRecord? {
        var record = PartitionChangeRecord()
        record.topicID = topicID
        record.partitionID = partition.id
        completeReassignment()
        computeEligibleLeaders()
        elect(&record)
        bumpEpochIfReplicasLeft(&record)
        recordEligibleLeaders(&record)
        if record.isr == nil, isr != partition.isr,
            !isr.isEmpty || rules.options.eligibleLeaderReplicas
        {
            record.isr = isr
        }
        bumpEpochIfISRShrank(&record)
        recordLastLeader(&record)
        recordAssignment(&record)
        if isRecovering != partition.isRecovering {
            record.leaderRecoveryState = isRecovering ? 1 : 0
        }
        return record.changesNothing ? nil : record
    }

    /// Ends a reassignment once every new replica is in sync. One that takes more replicas away
    /// than it brings waits until all that stay are in sync, lest the ISR end up smaller than
    /// before.
    private mutating func completeReassignment() {
        guard !adding.isEmpty || !removing.isEmpty else { return }
        let target = replicas.filter { !removing.contains($0) }
        let newISR = isr.filter { !removing.contains($0) }
        guard !target.isEmpty, !newISR.isEmpty, adding.allSatisfy(newISR.contains) else { return }
        if adding.count < removing.count, !target.allSatisfy(newISR.contains) { return }
        sometimes(.reassignmentCompleted)
        isr = newISR
        replicas = target
        removing = []
        adding = []
    }

    /// What leaves the ISR while it is under the minimum stays eligible to lead, but not who leaves
    /// the replicas: were it to become one again, it would have nothing.
    private mutating func computeEligibleLeaders() {
        guard rules.options.eligibleLeaderReplicas else { return }
        guard isr.count < minISR else {
            elr = []
            return
        }
        sometimes(.eligibleLeadersKept)
        let candidates = elr + partition.isr.filter { !elr.contains($0) }
        elr = candidates.filter {
            !isr.contains($0) && !uncleanShutdown.contains($0) && replicas.contains($0)
        }.sorted()
    }
}

extension PartitionChange {
    private mutating func elect(_ record: inout PartitionChangeRecord) {
        let (leader, isUnclean) = electedLeader()
        guard leader != partition.leader else { return }
        if elr.contains(leader) {
            sometimes(.eligibleLeaderElected)
            isr = [leader]
            elr.removeAll { $0 == leader }
        }
        record.leader = leader
        if isUnclean {
            // Only the new leader's log counts from here on: this may lose records.
            record.isr = [leader]
            if !partition.isRecovering { record.leaderRecoveryState = 1 }
        }
    }

    private func electedLeader() -> (leader: Int32, isUnclean: Bool) {
        if election == .preferred, let first = replicas.first, isValidLeader(first) {
            sometimes(.preferredLeaderElected, when: first != partition.leader)
            return (first, false)
        }
        if isValidLeader(partition.leader) { return (partition.leader, false) }
        if let next = replicas.first(where: isValidLeader) { return (next, false) }
        if let last = electableLastLeader { return (last, true) }
        let mayLose = election == .unclean || PlantedBug.uncleanElection.isPlanted
        if mayLose, let any = replicas.first(where: isAcceptable) {
            return (any, true)
        }
        sometimes(.partitionLeaderless)
        return (PartitionImage.noLeader, false)
    }

    private func isAcceptable(_ replica: Int32) -> Bool { rules.mayLead(replica, partition) }

    /// In the ISR, or, when that is empty, an eligible leader replica.
    private func isValidLeader(_ replica: Int32) -> Bool {
        (isr.contains(replica) || (isr.isEmpty && elr.contains(replica)))
            && isAcceptable(replica)
    }

    /// The last leader, when nobody else has all records and it is back.
    private var electableLastLeader: Int32? {
        guard rules.options.eligibleLeaderReplicas, elr.isEmpty, isr.isEmpty,
            partition.lastKnownELR.count == 1, !isLastLeaderBare,
            replicas.contains(partition.lastKnownELR[0]), isAcceptable(partition.lastKnownELR[0])
        else { return nil }
        return partition.lastKnownELR[0]
    }

    private var isLastLeaderBare: Bool {
        guard let bareReplica, replicas.count > 1 else { return false }
        return partition.lastKnownELR == [bareReplica]
    }

    private func bumpEpochIfReplicasLeft(_ record: inout PartitionChangeRecord) {
        guard record.leader == PartitionImage.noLeaderChange else { return }
        if !partition.replicas.allSatisfy(replicas.contains) {
            sometimes(.leaderEpochBumped)
            record.leader = partition.leader
        }
    }

    private func bumpEpochIfISRShrank(_ record: inout PartitionChangeRecord) {
        guard rules.options.version.bumpsLeaderEpochOnShrink,
            record.leader == PartitionImage.noLeaderChange, let isr = record.isr
        else { return }
        if !partition.isr.allSatisfy(isr.contains) { record.leader = partition.leader }
    }

    private mutating func recordEligibleLeaders(_ record: inout PartitionChangeRecord) {
        // An unclean election has set the ISR by now; nobody else's log counts then.
        if record.isr != nil || !rules.options.eligibleLeaderReplicas { elr = [] }
        if elr != partition.eligibleLeaderReplicas { record.eligibleLeaderReplicas = elr }
    }

    private func recordLastLeader(_ record: inout PartitionChangeRecord) {
        guard rules.options.eligibleLeaderReplicas else { return }
        if record.leader == PartitionImage.noLeader, partition.lastKnownELR.isEmpty {
            record.lastKnownElr = [partition.leader]
        } else if record.leader >= 0 || isLastLeaderBare, !partition.lastKnownELR.isEmpty {
            record.lastKnownElr = []
        }
    }

    private func recordAssignment(_ record: inout PartitionChangeRecord) {
        if !replicas.isEmpty {
            if rules.options.version.supportsDirectories {
                let wanted = replicas.map { broker in
                    directories[broker] ?? partition.directory(of: broker)
                        ?? rules.defaultDirectory(of: broker)
                }
                if wanted != partition.directories { record.directories = wanted }
            }
            if replicas != partition.replicas { record.replicas = replicas }
        }
        if removing != partition.removingReplicas { record.removingReplicas = removing }
        if adding != partition.addingReplicas { record.addingReplicas = adding }
    }
}

extension PartitionChangeRecord {
    /// Whether replay of this record would raise the partition epoch and do nothing else.
    var changesNothing: Bool {
        isr == nil && eligibleLeaderReplicas == nil && lastKnownElr == nil
            && leader == PartitionImage.noLeaderChange && replicas == nil
            && removingReplicas == nil && addingReplicas == nil && leaderRecoveryState == -1
            && directories == nil
    }
}
