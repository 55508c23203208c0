import ClusterController
import Coordinators
import KafkaProtocol
import KafkaRecords
import KafkaWire
import LogStorage
import MetadataQuorum
import Replication

/// The node's controller: the metadata quorum, the image that its log gives, and the partitions
/// that follow from the image.
///
/// Decide, append, replay: `commit` appends records to the metadata log, and only their replay
/// changes the image and then the partitions. Everything here runs on one thread, the controller's.
public final class NodeController: ControllerAccess {
    /// What the shell has to do after a call.
    public struct Effects {
        /// Event loops shall see this from now on.
        public var view: BrokerView?
        /// Delayed requests to wake.
        public var wakes: [WaitTicket] = []
        /// Logs of coordinators to replay on I/O threads.
        public var loads: [CoordinatorLoad] = []
        /// What coordinators have to learn, on whatever event loop.
        public var tasks: [CoordinatorTask] = []
        /// Answers of delayed requests.
        public var completions: [(ticket: WaitTicket, message: any KafkaMessage)] = []
        /// Requests to other nodes; their outcomes come back as `peerAnswered`.
        public var peers: [PeerRequest] = []
        /// Why the node cannot go on and must be stopped; told once.
        public var failure: String?
    }

    public internal(set) var controller: Controller
    let options: NodeOptions
    let surroundings: NodeSurroundings
    let quorum: MetadataQuorum
    let table: PartitionTable
    let directories: NodeDirectories
    let coordinators: NodeCoordinators
    /// The partitions on disk have been opened. Until then none is made anew.
    var hasOpenedPartitions = false
    var pendingDeletions = PendingDeletions()
    /// The directories have been read: partitions come and go with the image.
    var holdsPartitions = false
    /// The configuration of topics that partitions are being made of; of this change of the image.
    private var knownConfigs: [String: LogConfig] = [:]
    var sessions: BrokerSessions
    var random: SplitMix64
    var clock: @Sendable () -> Int64
    var effects = Effects()
    var followUps = FollowUps()
    var peerCalls = PeerCalls<(PeerOutcome) -> Void>()
    /// Why this node cannot go on, once that is so.
    var failure: String?
    private var producerIDs: Range<Int64> = 0..<0
    private var topicChanges: GroupTopicChanges
    /// The epoch of this broker's registration, -1 before it.
    public internal(set) var brokerEpoch: Int64 = -1

    init(
        controller: Controller, options: NodeOptions, surroundings: NodeSurroundings,
        quorum: MetadataQuorum, directories: NodeDirectories, random: SplitMix64,
        clock: @escaping @Sendable () -> Int64
    ) {
        self.controller = controller
        self.options = options
        self.surroundings = surroundings
        self.quorum = quorum
        self.directories = directories
        var random = random
        self.coordinators = NodeCoordinators(
            surroundings: surroundings, seed: random.next(),
            groupCompression: controller.effectiveBrokerConfig("offsets.topic.compression.codec")
                .flatMap { Int8($0) }.flatMap(CompressionType.init) ?? .none)
        self.random = random
        self.clock = clock
        topicChanges = GroupTopicChanges(since: quorum.endOffset.rawValue - 1)
        self.sessions = BrokerSessions(
            image: controller.image, timeoutMs: controller.settings.brokerSessionTimeoutMs,
            now: clock(), except: options.nodeID.rawValue)
        self.table = PartitionTable(
            nodeID: options.nodeID, durability: options.durability,
            fetchersPerLeader: controller.effectiveBrokerConfig("num.replica.fetchers")
                .flatMap { Int32($0) } ?? 1,
            surroundings: surroundings)
    }

    /// The topics' configuration as the image has it now.
    var topicConfigs: TopicLogConfigs { TopicLogConfigs(controller: controller) }

    // MARK: ControllerAccess

    public func withRandom<R>(_ body: (inout SplitMix64) -> R) -> R { body(&random) }

    public func commit(_ records: [MetadataRecord]) -> KafkaError {
        guard failure == nil else { return .kafkaStorageError }
        do throws(QuorumError) {
            try append(records)
            return .none
        } catch {
            surroundings.report("the metadata log did not take a change: \(error)")
            guard error.isOfDisk else { return .unknownServerError }
            metadataFailed("\(error)")
            return .kafkaStorageError
        }
    }

    public func takeProducerID() -> Result<ProducerID, KafkaError> {
        if producerIDs.isEmpty {
            let decision = controller.allocateProducerIDs(
                AllocateProducerIDsRequest(
                    brokerID: options.nodeID.rawValue, brokerEpoch: brokerEpoch))
            if let error = KafkaError(rawValue: decision.response.errorCode), error != .none {
                return .failure(error)
            }
            let error = commit(decision.records)
            guard error == .none else { return .failure(.coordinatorNotAvailable) }
            let start = decision.response.producerIDStart
            producerIDs = start..<start + Int64(decision.response.producerIDLen)
        }
        defer { producerIDs = producerIDs.lowerBound + 1..<producerIDs.upperBound }
        return .success(ProducerID(producerIDs.lowerBound))
    }

    // MARK: Commit

    /// Appends, replays, applies; then does what this broker owes the controller in turn.
    func append(_ records: [MetadataRecord]) throws(QuorumError) {
        try appendOnce(records)
        try settle()
    }

    func appendOnce(_ records: [MetadataRecord]) throws(QuorumError) {
        guard !records.isEmpty else { return }
        let wasBusy = followUps.isBusy
        followUps.isBusy = true
        defer { followUps.isBusy = wasBusy }
        let version = controller.image.metadataVersion
        _ = try quorum.append(records, now: clock()) { version.version(of: $0) }
        var delta = MetadataDelta()
        var image = controller.image
        for record in records {
            do throws(ReplayError) {
                try image.replay(record, noting: &delta)
            } catch {
                preconditionFailure("a committed record contradicts the image: \(error)")
            }
        }
        let before = controller.image
        controller.image = image
        apply(delta, since: before)
        snapshotIfDue()
    }

    /// Brings partitions and views in line with what has changed.
    ///
    /// Until the directories are read, the image alone changes: what is in it now is opened then.
    private func apply(_ delta: MetadataDelta, since before: MetadataImage) {
        guard holdsPartitions else { return }
        knownConfigs = [:]
        let image = controller.image
        for topic in delta.sortedDeletedTopics { remove(topic) }
        for (id, partitions) in delta.sortedChangedPartitions {
            guard let topic = image.topics[id] else { continue }
            let known = before.topics[id]
            for partition in partitions {
                let isNew = known?[partition]?.replicas.contains(options.nodeID.rawValue) != true
                update(partition, of: topic, isNew: isNew)
            }
        }
        for resource in delta.sortedConfigs { applyConfig(resource) }
        noteTopicChanges(delta)
        publish()
    }

    /// Tells the groups' coordinators which topics have changed.
    private func noteTopicChanges(_ delta: MetadataDelta) {
        let version = quorum.endOffset.rawValue - 1
        for topic in delta.sortedDeletedTopics {
            topicChanges.note(.init(topic: topic.name, version: version, isCreation: false))
        }
        for (id, _) in delta.sortedChangedPartitions {
            guard let topic = controller.image.topics[id] else { continue }
            let isNew = delta.createdTopics.contains(id)
            topicChanges.note(.init(topic: topic.name, version: version, isCreation: isNew))
        }
    }

    private func applyConfig(_ resource: ConfigResource) {
        switch resource.type {
        case .topic:
            table.setConfig(topicConfigs.logConfig(of: resource.name), of: resource.name)
        case .broker:
            let configs = topicConfigs
            for name in table.idsByName.keys.sorted() {
                table.setConfig(configs.logConfig(of: name), of: name)
            }
            cordonDirectories()
        default: break
        }
    }

    /// Brings one partition in line with the image.
    ///
    /// - Parameter isNew: the image has only now placed it here, so that it lies nowhere yet.
    func update(_ partition: Int32, of topic: TopicImage, isNew: Bool) {
        guard hasOpenedPartitions, let image = topic[partition] else { return }
        guard image.replicas.contains(options.nodeID.rawValue) else {
            return removeReplica(partition, of: topic)
        }
        if table.topics[topic.id]?[partition] == nil {
            // Its log may lie in a directory that is offline: an empty one in another would make
            // what was acknowledged disappear.
            guard isNew || liesNowhere(image) else { return }
            create(partition, of: topic, image)
        }
        effects.wakes += table.updateRole(of: partition, in: topic)
        if let cell = table.topics[topic.id]?[partition] { coordinators.update(cell) }
        noteFollowUps(partition, of: topic, image)
    }

    /// Whether no directory, online or not, can hold the log of a partition that this node does not
    /// have.
    private func liesNowhere(_ partition: PartitionImage) -> Bool {
        let id = partition.directory(of: options.nodeID.rawValue)
        let online = directories.online
        if online.contains(where: { $0.id == id }) { return true }
        let isUnknown = id.map(DirectoryID.isReserved) ?? true
        return isUnknown && online.count == directories.all.count
    }

    /// Makes a partition's log in the directory that its record names, or in the emptiest one.
    private func create(_ partition: Int32, of topic: TopicImage, _ image: PartitionImage) {
        let config = knownConfigs[topic.name] ?? topicConfigs.logConfig(of: topic.name)
        knownConfigs[topic.name] = config
        let wanted = image.directory(of: options.nodeID.rawValue)
        for directory in directories.choices(preferring: wanted) {
            do throws(LogError) {
                try table.create(
                    partition, of: topic, in: directory, config: config, now: clock())
                directories.countPartitions(1, in: directory.path)
                return
            } catch {
                surroundings.report("\(topic.name)-\(partition): \(error)")
                fail(directory: directory.path, reason: "\(error)")
            }
        }
    }

    private func remove(_ topic: TopicImage) {
        let (cells, wakes) = table.remove(topic)
        effects.wakes += wakes
        discard(cells)
        coordinators.topicDeleted(topic.name, topic.id)
    }

    /// A reassignment has taken the partition from this node: its log goes.
    private func removeReplica(_ partition: Int32, of topic: TopicImage) {
        guard let (cell, wakes) = table.remove(partition, of: topic) else { return }
        effects.wakes += wakes
        discard([cell])
    }

    /// Has the logs of partitions deleted that are not of this node any more.
    private func discard(_ cells: [PartitionCell]) {
        for cell in cells {
            coordinators.remove(cell)
            setAside(cell)
        }
        // A later log of that name is a new one.
        let touched = cells.filter {
            directories.noteCleaned($0.topicPartition, to: nil, in: $0.logDirectory)
        }
        for directory in Set(touched.map(\.logDirectory)).sorted()
        where directories.isOnline(directory) {
            do throws(FileError) {
                try directories.checkpoint(.cleaner, of: directory)
            } catch {
                fail(directory: directory, reason: error.description)
            }
        }
    }

    /// Renames a deleted partition's directory; its files go after `file.delete.delay.ms`.
    private func setAside(_ cell: PartitionCell) {
        // At the next start a directory that is offline now has a stray.
        guard directories.isOnline(cell.logDirectory) else { return }
        let name = PartitionDirectoryName(
            cell.topicPartition, role: .delete, uniqueID: KafkaUUID.random(using: &random))
        let target = "\(cell.logDirectory)/\(name.name)"
        let delay = cell.locked { $0.log.config.fileDeleteDelayMs }
        do throws(FileError) {
            let source = "\(cell.logDirectory)/\(cell.topicPartition)"
            try surroundings.fileSystem.rename(source, to: target)
            try surroundings.fileSystem.syncDirectory(cell.logDirectory)
            pendingDeletions.add(target, due: clock() + delay, isDirectory: true)
            directories.countPartitions(-1, in: cell.logDirectory)
        } catch {
            fail(directory: cell.logDirectory, reason: error.description)
        }
    }

    // MARK: Effects

    func publish() {
        directories.publish(table.topics)
        effects.view = makeView()
    }

    func makeView() -> BrokerView {
        BrokerView(
            controller: controller, imageOffset: quorum.endOffset + -1, settings: makeSettings(),
            directories: directories, topics: table.topics, idsByName: table.idsByName,
            fetchers: table.fetchers,
            coordinators: coordinators.cells, topicChanges: topicChanges)
    }

    private func makeSettings() -> BrokerSettings {
        func number(_ key: String) -> Int32? {
            controller.effectiveBrokerConfig(key).flatMap { Int32($0) }
        }
        return BrokerSettings(
            nodeID: options.nodeID, clusterID: controller.settings.clusterID,
            durability: options.durability,
            fetchMaxBytes: number("fetch.max.bytes") ?? 57_671_680,
            autoCreateTopics: controller.effectiveBrokerConfig("auto.create.topics.enable")
                != "false",
            deletesTopics: controller.effectiveBrokerConfig("delete.topic.enable") != "false",
            partitionsPerAnswer: number("max.request.partition.size.limit") ?? 2000,
            replication: ReplicationSettings(controller, brokerEpoch: brokerEpoch),
            supportedFeatures: supportedFeatures.map {
                .init(name: $0.name, minimum: $0.min, maximum: $0.max)
            })
    }

    /// What the shell has to do since the last call.
    public func takeEffects() -> Effects {
        defer { effects = Effects() }
        let coordination = coordinators.takeEffects()
        effects.loads += coordination.loads
        effects.tasks += coordination.tasks
        effects.completions += coordination.completions
        return effects
    }

    /// Loads a coordinator anew whose log did not take a write, if this node still leads it.
    public func reloadCoordinator(_ cell: PartitionCell) { coordinators.update(cell) }

    /// The view as it stands.
    public var currentView: BrokerView { makeView() }

    // MARK: Files

    /// Notes files to remove, each after its delay in ms.
    public func removeLater(_ files: [(path: String, delayMs: Int64)]) {
        for (path, delay) in files { pendingDeletions.add(path, due: clock() + delay) }
    }

    /// Removes the files whose delay has passed.
    public func removeDueFiles() {
        var due = pendingDeletions.takeDue(clock())
        guard !due.isEmpty else { return }
        if let error = due.removeDue(.max, in: surroundings.fileSystem) {
            surroundings.report("deleted files could not be removed: \(error)")
        }
    }

    // MARK: Snapshots

    private func snapshotIfDue() {
        guard quorum.bytesSinceSnapshot >= options.snapshotBytes else { return }
        let version = controller.image.metadataVersion
        do throws(QuorumError) {
            try quorum.writeSnapshot(of: controller.image.snapshotRecords(), now: clock()) {
                version.version(of: $0)
            }
        } catch {
            surroundings.report("no metadata snapshot could be written: \(error)")
        }
    }
}
