import ClusterController
import KafkaProtocol
import KafkaWire
import LogStorage
import MetadataQuorum

/// What this node, as a broker, owes its controller after a change: gathered while the change is
/// applied, sent once it is.
struct FollowUps {
    /// Ids of directories that have failed.
    var lostDirectories: [KafkaUUID] = []
    /// Replicas that lie in another directory than the image says, and where.
    var placed: [(topicID: KafkaUUID, partition: Int32, directory: KafkaUUID)] = []
    /// Partitions that this node leads after an unclean election, whose log is recovered.
    var recovered: [(topicID: KafkaUUID, partition: Int32)] = []
    /// `cordoned.log.dirs` names other directories than the controller knows of.
    var cordonsChanged = false
    /// A change is being applied: what follows from it waits until that is done.
    var isBusy = false

    /// Most partitions told of at once, so that a batch of records stays small.
    static let partitionsAtOnce = 2000

    mutating func take<Item>(_ list: WritableKeyPath<FollowUps, [Item]>) -> [Item] {
        let taken = Array(self[keyPath: list].prefix(Self.partitionsAtOnce))
        self[keyPath: list].removeFirst(taken.count)
        return taken
    }
}

extension NodeController {
    // MARK: Directories

    /// Serves no more from a directory that answered with an error. The node ends when it was the
    /// one of the metadata log, or the last.
    public func fail(directory: String, reason: String) {
        let id = directories.all.first { $0.path == directory }?.id
        guard directories.fail(directory, reason: reason) else { return }
        surroundings.report("log directory \(directory) is taken offline: \(reason)")
        effects.wakes += table.fail(directory: directory, reason: reason)
        publish()
        if directory == options.metadataDirectory { return metadataFailed(reason) }
        if directories.online.isEmpty {
            return end("all log directories have failed, \(directory) last: \(reason)")
        }
        if let id { followUps.lostDirectories.append(id) }
        do throws(QuorumError) {
            try settle()
        } catch {
            metadataFailed("\(error)")
        }
    }

    /// Without its metadata log a node cannot go on.
    func metadataFailed(_ reason: String) {
        _ = directories.fail(options.metadataDirectory, reason: reason)
        effects.wakes += table.fail(directory: options.metadataDirectory, reason: reason)
        end("the directory of the metadata log, \(options.metadataDirectory), failed: \(reason)")
    }

    private func end(_ reason: String) {
        guard failure == nil else { return }
        failure = reason
        effects.failure = reason
        publish()
    }

    /// Keeps new partitions out of the directories that `cordoned.log.dirs` names (KIP-1066).
    func cordonDirectories() {
        let value = controller.effectiveBrokerConfig("cordoned.log.dirs") ?? ""
        let paths = value.split(separator: ",").map { String($0.drop { $0 == " " }) }
        let wanted = Set(paths.contains("*") ? directories.all.map(\.path) : paths)
        guard Set(directories.all.filter(\.isCordoned).map(\.path)) != wanted else { return }
        directories.cordon(wanted)
        followUps.cordonsChanged = true
    }

    // MARK: Follow-ups

    /// Notes what the controller must learn of a partition that has just been brought in line.
    func noteFollowUps(_ partition: Int32, of topic: TopicImage, _ image: PartitionImage) {
        guard let cell = table.topics[topic.id]?[partition],
            let directory = directories.online.first(where: { $0.path == cell.logDirectory })
        else { return }
        if let id = directory.id, controller.image.metadataVersion.supportsDirectories,
            image.directory(of: options.nodeID.rawValue) != id
        {
            followUps.placed.append((topic.id, partition, id))
        }
        if image.isRecovering, image.leader == options.nodeID.rawValue {
            followUps.recovered.append((topic.id, partition))
        }
    }

    /// Tells the controller what this broker owes it, until nothing is left.
    func settle() throws(QuorumError) {
        guard brokerEpoch >= 0, !followUps.isBusy, failure == nil else { return }
        followUps.isBusy = true
        defer { followUps.isBusy = false }
        while let records = nextFollowUp() { try appendOnce(records) }
    }

    private func nextFollowUp() -> [MetadataRecord]? {
        if !followUps.lostDirectories.isEmpty {
            return directoryRecords(lost: followUps.take(\.lostDirectories))
        }
        if followUps.cordonsChanged {
            followUps.cordonsChanged = false
            return directoryRecords(lost: [])
        }
        if !followUps.placed.isEmpty { return placementRecords(followUps.take(\.placed)) }
        // Only an active broker may be in an ISR.
        guard !followUps.recovered.isEmpty,
            controller.image.brokers[options.nodeID.rawValue]?.isActive == true
        else { return nil }
        return recoveryRecords(followUps.take(\.recovered))
    }

    private func directoryRecords(lost ids: [KafkaUUID]) -> [MetadataRecord] {
        var request = heartbeatRequest()
        request.wantFence = controller.image.brokers[options.nodeID.rawValue]?.isFenced ?? true
        request.offlineLogDirs = ids
        request.cordonedLogDirs = directories.all.filter(\.isCordoned).compactMap(\.id).sorted()
        return controller.heartbeat(request, sessions: sessions).records
    }

    private func placementRecords(
        _ placed: [(topicID: KafkaUUID, partition: Int32, directory: KafkaUUID)]
    ) -> [MetadataRecord] {
        var request = AssignReplicasToDirsRequest(
            brokerID: options.nodeID.rawValue, brokerEpoch: brokerEpoch)
        request.directories = placed.map {
            .init(
                id: $0.directory,
                topics: [
                    .init(topicID: $0.topicID, partitions: [.init(partitionIndex: $0.partition)])
                ])
        }
        return controller.assignReplicasToDirs(request).records
    }

    private func recoveryRecords(
        _ recovered: [(topicID: KafkaUUID, partition: Int32)]
    ) -> [MetadataRecord] {
        var request = AlterPartitionRequest(
            brokerID: options.nodeID.rawValue, brokerEpoch: brokerEpoch)
        for (topicID, index) in recovered {
            guard let partition = controller.image.topics[topicID]?[index],
                partition.isRecovering, partition.leader == options.nodeID.rawValue
            else { continue }
            request.topics.append(
                .init(
                    topicID: topicID,
                    partitions: [
                        .init(
                            partitionIndex: index, leaderEpoch: partition.leaderEpoch,
                            newIsrWithEpochs: partition.isr.map { .init(brokerID: $0) },
                            leaderRecoveryState: 0, partitionEpoch: partition.partitionEpoch)
                    ]))
        }
        let decision = controller.alterPartition(
            request, context: DecisionContext(now: clock(), requestVersion: 3))
        return decision.records
    }
}

extension QuorumError {
    /// Whether the disk is to blame, and not the record that was to be written.
    var isOfDisk: Bool {
        switch self {
        case .io, .log, .append, .corrupt: true
        case .encode, .batch: false
        }
    }
}
