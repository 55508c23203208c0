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
            guard isNew || liesNowhere(image) else { return }
            create(partition, of: topic, image)
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

    /// Makes a partition's log in the directory that its record names, or in the emptiest one.
    private func create(_ partition: Int32, of topic: TopicImage, _ image: PartitionImage) {
        let config = knownConfigs[topic.name] ?? topicConfigs.logConfig(of: topic.name)
        knownConfigs[topic.name] = config
        let name = TopicPartition(topic: topic.name, partition: partition)
        let preferred = directories.moves.takePreference(for: name)
            .flatMap { path in directories.online.first { $0.path == path }?.id }
        let wanted = preferred ?? image.directory(of: options.nodeID.rawValue)
        for directory in directories.choices(preferring: wanted) {
            do throws(LogError) {
                try table.create(
                    partition, of: topic, in: directory, config: config, now: clock().wallMs)
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
            endMove(of: cell)
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
            pendingDeletions.add(target, due: clock().wallMs + delay, isDirectory: true)
            directories.countPartitions(-1, in: cell.logDirectory)
        } catch {
            fail(directory: cell.logDirectory, reason: error.description)
        }
    }
}
