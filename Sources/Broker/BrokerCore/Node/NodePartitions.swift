import ClusterController
import Coordinators
import KafkaWire
import LogStorage
import Replication

/// The partitions of this node follow the committed metadata.
extension NodeController {
    /// Brings partitions and views in line with what has changed.
    ///
    /// Until the directories are read, the image alone changes: what is in it now is opened then.
    func apply(_ delta: MetadataDelta, since before: MetadataImage) {
        guard holdsPartitions else { return publish() }
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
        workOnLogs()
        publish()
    }
    /// Tells the groups' coordinators which topics have changed.
    private func noteTopicChanges(_ delta: MetadataDelta) {
        let version = committedEnd.rawValue - 1
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
            if isNew || liesNowhere(image) { create(partition, of: topic, image) }
            return
        }
        effects.wakes += table.updateRole(of: partition, in: topic)
        if let cell = table.topics[topic.id]?[partition] { coordinators.update(cell) }
        noteDuties(partition, of: topic, image)
    }

    /// Whether no directory, online or not, can hold the log of a partition that this node does not
    /// have: with all of them online, one that the record names was replaced.
    private func liesNowhere(_ partition: PartitionImage) -> Bool {
        let id = partition.directory(of: options.nodeID.rawValue)
        let online = directories.online
        return online.count == directories.all.count || online.contains { $0.id == id }
    }

    /// Has a partition's log made in the directory that its record names, or in the emptiest one.
    private func create(_ partition: Int32, of topic: TopicImage, _ image: PartitionImage) {
        guard !logWork.isCreating(ReplicaKey(topicID: topic.id, partition: partition)) else {
            return
        }
        let name = TopicPartition(topic: topic.name, partition: partition)
        let preferred = directories.moves.takePreference(for: name)
            .flatMap { path in directories.online.first { $0.path == path }?.id }
        let wanted = preferred ?? image.directory(of: options.nodeID.rawValue)
        guard let directory = directories.choices(preferring: wanted).first else { return }
        directories.countPartitions(1, in: directory.path)
        logWork.add(
            .create(
                PlannedCreation(
                    name: name, topicID: topic.id, directory: directory.path,
                    config: config(of: topic.name))))
    }

    private func remove(_ topic: TopicImage) {
        let (cells, wakes) = table.remove(topic)
        effects.wakes += wakes
        for cell in cells { discard(cell) }
        coordinators.topicDeleted(topic.name, topic.id)
    }

    /// A reassignment has taken the partition from this node: its log goes.
    private func removeReplica(_ partition: Int32, of topic: TopicImage) {
        guard let cell = table.topics[topic.id]?[partition] else { return }
        removeReplica(cell)
    }

    /// Takes a replica out of service that is not this node's any more.
    func removeReplica(_ cell: PartitionCell) {
        effects.wakes += table.remove(cell)
        discard(cell)
    }

    /// Has the log of a partition deleted that is not of this node any more: its directory gets
    /// another name, and its files go after `file.delete.delay.ms`.
    private func discard(_ cell: PartitionCell) {
        coordinators.remove(cell)
        endMove(of: cell)
        let directory = cell.logDirectory
        let name = cell.topicPartition
        directories.noteCleaned(name, to: nil, in: directory)
        // At the next start a directory that is offline now has a stray.
        guard directories.isOnline(directory) else { return }
        let delay = cell.locked { $0.log.config.fileDeleteDelayMs }
        logWork.add(
            .discard(discard(cell, of: name, in: directory, delayMs: delay)))
    }
}
