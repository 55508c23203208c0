import ClusterController
import Coordinators
import KafkaWire
import LogStorage
import Replication

extension NodeController {
    /// Has the logs opened that the directories hold, by I/O threads; sets aside what no topic owns
    /// any more.
    func openPartitions(_ plans: [LogDirectoryPlan]) {
        holdsPartitions = true
        topicChanges = GroupTopicChanges(since: committedEnd.rawValue - 1)
        var opens: [PlannedOpen] = []
        var configs: [String: LogConfig] = [:]
        for plan in plans {
            for path in plan.deleted {
                pendingDeletions.add(path, due: clock().wallMs, isDirectory: true)
            }
            for load in plan.future {
                if let planned = planOpen(load, in: plan.directory, &configs) {
                    foundCopies.append(planned)
                } else {
                    discardCopy(load.path, of: load.name.topicPartition, in: plan.directory)
                }
            }
            for load in plan.current {
                if let planned = planOpen(load, in: plan.directory, &configs) {
                    opens.append(planned)
                } else {
                    setAsideStray(load, in: plan.directory, "belongs to no topic of this cluster")
                }
            }
        }
        unplaceCopies(&opens, &foundCopies)
        setAsideDoubles(&opens)
        adoptAbandonedCopies(&opens, &foundCopies)
        for open in opens { logWork.add(.open(open)) }
        if opens.isEmpty { finishOpening() }
        workOnLogs()
    }

    /// The logs that the directories held are open: from here on partitions come and go with the
    /// image, which has changed meanwhile.
    func finishOpening() {
        hasOpenedPartitions = true
        directories.partitionsAreOpen()
        for cell in table.cells where !isPlacedHere(cell.topicID, cell.topicPartition.partition) {
            removeReplica(cell)
        }
        resumeMoves(foundCopies)
        foundCopies = []
        adoptRoles()
        publish()
    }

    /// - Parameter configs: those of the topics that were met before.
    private func planOpen(
        _ load: LogDirectoryPlan.Load, in directory: String, _ configs: inout [String: LogConfig]
    ) -> PlannedOpen? {
        let name = load.name.topicPartition
        guard let topic = controller.image.topics[name.topic],
            let partition = topic[name.partition],
            partition.replicas.contains(options.nodeID.rawValue)
        else { return nil }
        let config = configs[topic.name] ?? topicConfigs.logConfig(of: topic.name)
        configs[topic.name] = config
        return PlannedOpen(load: load, directory: directory, topic: topic, config: config)
    }

    /// Of a partition that lies in two directories, the one that the image names is served, else
    /// the first.
    private func setAsideDoubles(_ opens: inout [PlannedOpen]) {
        var chosen: [TopicPartition: PlannedOpen] = [:]
        for open in opens {
            let name = open.load.name.topicPartition
            guard let other = chosen[name] else {
                chosen[name] = open
                continue
            }
            let named = open.topic[name.partition]?.directory(of: options.nodeID.rawValue)
            let isNamed = directories.all.first { $0.path == open.directory }?.id == named
            chosen[name] = isNamed ? open : other
            let double = isNamed ? other : open
            setAsideStray(double.load, in: double.directory, "lies in another directory too")
        }
        opens.removeAll { chosen[$0.load.name.topicPartition]?.directory != $0.directory }
    }

    /// A directory that is not served: kept under another name, for a person to look at.
    func setAsideStray(
        _ load: LogDirectoryPlan.Load, in directory: String, _ reason: String
    ) {
        let name = PartitionDirectoryName(
            load.name.topicPartition, role: .stray, uniqueID: KafkaUUID.random(using: &random))
        do throws(FileError) {
            try surroundings.fileSystem.rename(load.path, to: "\(directory)/\(name.name)")
            surroundings.report(
                "\(load.path) \(reason); set aside as \(name.name)")
        } catch {
            takeOffline(directory, reason: error.description)
        }
    }

    /// Partitions of the image that are on no disk are made; all get their roles.
    private func adoptRoles() {
        for topic in controller.image.topics.sorted {
            for partition in topic.partitions { update(partition.id, of: topic, isNew: false) }
        }
    }
}
