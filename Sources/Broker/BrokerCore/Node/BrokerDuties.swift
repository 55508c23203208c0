import ClusterController
import KafkaProtocol
import KafkaWire
import LogStorage

/// What this node, as a broker, owes the controller: gathered while changes are applied, sent once
/// they are.
struct BrokerDuties {
    typealias Placed = (topicID: KafkaUUID, partition: Int32, directory: KafkaUUID)
    typealias Recovered = (topicID: KafkaUUID, partition: Int32)

    /// Ids of directories that have failed; each heartbeat names them all.
    private(set) var lostDirectories: [KafkaUUID] = []
    /// `cordoned.log.dirs` was set: heartbeats name those directories.
    private(set) var cordons = false
    /// How often directories were lost or cordoned, and what of it the controller has been told.
    private(set) var directoryChanges = 0
    var toldDirectoryChanges = 0
    /// Replicas that lie in another directory than the image says, and where.
    var placed: [Placed] = []
    /// Partitions that this node leads after an unclean election, whose log is recovered.
    var recovered: [Recovered] = []
    /// Requests on their way.
    var isPlacing = false
    var isRecovering = false
    /// When to ask next after a request that failed, in monotonic ms.
    var nextAttempt = Int64.min

    /// Most partitions told of at once, so that a batch of records stays small.
    static let partitionsAtOnce = 2000

    /// The controller does not know the directories as they are.
    var tellsDirectories: Bool { directoryChanges != toldDirectoryChanges }

    mutating func noteLoss(of directory: KafkaUUID) {
        lostDirectories.append(directory)
        directoryChanges += 1
    }
    mutating func noteCordons() {
        cordons = true
        directoryChanges += 1
    }

    /// When duties that failed are to be tried again.
    var nextAction: Int64 {
        let isWaiting = (!placed.isEmpty && !isPlacing) || (!recovered.isEmpty && !isRecovering)
        return isWaiting && nextAttempt > .min ? nextAttempt : .max
    }

    mutating func take<Item>(_ list: WritableKeyPath<BrokerDuties, [Item]>) -> [Item] {
        let taken = Array(self[keyPath: list].prefix(Self.partitionsAtOnce))
        self[keyPath: list].removeFirst(taken.count)
        return taken
    }
}

extension NodeController {
    /// Starts what this node owes the controller and has not asked for yet; `false` when there is
    /// nothing, or nothing yet.
    func meetDuties() -> Bool {
        let now = clock().monotonicMs
        settledAt = now
        if stepControllerRegistration(now: now) { return true }
        if duties.tellsDirectories, lifecycle.stage == .serving { lifecycle.nextAttempt = .min }
        if stepLifecycle(now: now) || probeSuspects(now: now) { return true }
        if handOutProducerIDs() || askForIsr(now: now) { return true }
        guard lifecycle.stage == .serving, knowsController, now >= duties.nextAttempt else {
            return false
        }
        return tellPlacements() || tellRecoveries()
    }

    /// Notes what the controller must learn of a partition that has just been brought in line.
    func noteDuties(_ partition: Int32, of topic: TopicImage, _ image: PartitionImage) {
        guard let cell = table.topics[topic.id]?[partition],
            let directory = directories.online.first(where: { $0.path == cell.logDirectory })
        else { return }
        if let id = directory.id, controller.image.metadataVersion.supportsDirectories,
            image.directory(of: options.nodeID.rawValue) != id
        {
            duties.placed.append((topic.id, partition, id))
        }
        if image.isRecovering, image.leader == options.nodeID.rawValue {
            duties.recovered.append((topic.id, partition))
        }
    }

    private func dutyFailed() {
        duties.nextAttempt = clock().monotonicMs + BrokerLifecycle.retryMs
    }

    private func tellPlacements() -> Bool {
        guard !duties.placed.isEmpty, !duties.isPlacing else { return false }
        duties.isPlacing = true
        let placed = duties.take(\.placed)
        var request = AssignReplicasToDirsRequest(
            brokerID: options.nodeID.rawValue, brokerEpoch: brokerEpoch)
        request.directories = placed.map {
            .init(
                id: $0.directory,
                topics: [
                    .init(topicID: $0.topicID, partitions: [.init(partitionIndex: $0.partition)])
                ])
        }
        ask(request) { [unowned self] result in
            duties.isPlacing = false
            if (try? result.get())?.errorCode == KafkaError.none.rawValue { return }
            // What still differs by then is told.
            duties.placed += placed.filter { item in
                controller.image.topics[item.topicID]?[item.partition]?
                    .directory(of: options.nodeID.rawValue).map { $0 != item.directory } ?? false
            }
            dutyFailed()
        }
        return true
    }

    private func tellRecoveries() -> Bool {
        // Only an active broker may be in an ISR.
        guard !duties.recovered.isEmpty, !duties.isRecovering, ownRegistration?.isActive == true
        else { return false }
        let recovered = duties.take(\.recovered)
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
        guard !request.topics.isEmpty else { return true }
        duties.isRecovering = true
        ask(request) { [unowned self] result in
            duties.isRecovering = false
            if (try? result.get())?.errorCode == KafkaError.none.rawValue { return }
            duties.recovered += recovered
            dutyFailed()
        }
        return true
    }
}
