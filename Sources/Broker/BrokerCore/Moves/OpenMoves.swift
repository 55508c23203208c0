import ClusterController
import KafkaWire
import LogStorage
import Replication

/// Moves between log directories on the controller's thread, from the start on: what the process
/// before has left behind is gone on with.
extension NodeController {
    /// Makes placed copies future replicas again where the original is still there.
    func unplaceCopies(_ opens: inout [PlannedOpen], _ futures: inout [PlannedOpen]) {
        let byName = Dictionary(grouping: opens.indices) { opens[$0].load.name.topicPartition }
        var placed: Set<Int> = []
        for indices in byName.values where indices.count > 1 {
            let copies = indices.filter { isPlacedCopy(opens[$0]) }
            if copies.count < indices.count { placed.formUnion(copies) }
        }
        for index in placed.sorted() {
            let name = PartitionDirectoryName(
                opens[index].load.name.topicPartition, role: .future,
                uniqueID: KafkaUUID.random(using: &random))
            if let open = renamed(opens[index], to: name) { futures.append(open) }
        }
        opens = opens.indices.filter { !placed.contains($0) }.map { opens[$0] }
    }

    private func isPlacedCopy(_ open: PlannedOpen) -> Bool {
        do throws(FileError) {
            return try PlacedCopyMarker.isIn(open.load.path, surroundings.fileSystem)
        } catch {
            takeOffline(open.directory, reason: error.description)
            return false
        }
    }

    /// Takes a copy for the partition's log where no log of it is left, and none can be in a
    /// directory that is away.
    func adoptAbandonedCopies(_ opens: inout [PlannedOpen], _ futures: inout [PlannedOpen]) {
        guard directories.online.count == directories.all.count else { return }
        var known = Set(opens.map(\.load.name.topicPartition))
        var rest: [PlannedOpen] = []
        for future in futures {
            let partition = future.load.name.topicPartition
            guard known.insert(partition).inserted else {
                rest.append(future)
                continue
            }
            guard let open = renamed(future, to: PartitionDirectoryName(partition)) else {
                continue
            }
            surroundings.report(
                "\(future.load.path) is all that is left of \(partition): it counts")
            opens.append(open)
        }
        futures = rest
    }

    private func renamed(_ open: PlannedOpen, to name: PartitionDirectoryName) -> PlannedOpen? {
        let load = open.load.renamed(to: name, in: open.directory)
        do throws(FileError) {
            try surroundings.fileSystem.rename(open.load.path, to: load.path)
            try surroundings.fileSystem.syncDirectory(open.directory)
        } catch {
            takeOffline(open.directory, reason: error.description)
            return nil
        }
        return PlannedOpen(
            load: load, directory: open.directory, topic: open.topic, config: open.config)
    }

    /// Goes on with the moves whose copies were found; the partitions are open and have no roles
    /// yet.
    func resumeMoves(_ futures: [PlannedOpen]) {
        for future in futures {
            let partition = future.load.name.topicPartition
            guard let cell = table.topics[future.topic.id]?[partition.partition] else {
                // The original is in a directory that is offline: both wait for it.
                continue
            }
            guard cell.logDirectory != future.directory,
                directories.moves.move(of: partition) == nil
            else {
                discardCopy(future.load.path, of: partition, in: future.directory)
                continue
            }
            resume(future, of: cell)
        }
    }

    private func resume(_ future: PlannedOpen, of cell: PartitionCell) {
        do throws(LogError) {
            let copy = try PartitionLog.open(
                directory: future.load.path, topicPartition: cell.topicPartition,
                topicID: cell.topicID, config: future.config,
                fileSystem: surroundings.fileSystem, recoveryPoint: future.load.recoveryPoint,
                logStartOffset: future.load.logStartOffset,
                cleanedOffset: future.load.cleanedOffset, cleanShutdown: false, now: clock().wallMs)
            directories.moves.resume(cell, to: future.directory, with: copy)
        } catch {
            switch error {
            case .io(let cause), .failed(let cause):
                takeOffline(future.directory, reason: cause.description)
            case .corrupt, .offsetOutOfRange:
                // Of a topic of that name that is no more.
                discardCopy(future.load.path, of: cell.topicPartition, in: future.directory)
            }
        }
    }

    /// Has a copy removed that is of no use.
    func discardCopy(_ path: String, of partition: TopicPartition, in directory: String) {
        let name = PartitionDirectoryName(
            partition, role: .delete, uniqueID: KafkaUUID.random(using: &random))
        do throws(FileError) {
            let target = "\(directory)/\(name.name)"
            try surroundings.fileSystem.rename(path, to: target)
            pendingDeletions.add(target, due: clock().wallMs, isDirectory: true)
        } catch {
            takeOffline(directory, reason: error.description)
        }
    }

    // MARK: While the node runs

    /// A replica lies in another directory now: the metadata shall say so.
    public func replicaMoved(_ cell: PartitionCell) {
        let partition = cell.topicPartition.partition
        guard let topic = controller.image.topics[cell.topicID], let image = topic[partition] else {
            return
        }
        noteDuties(partition, of: topic, image)
        settle()
    }

    /// Ends the move of a replica that is not this node's any more.
    func endMove(of cell: PartitionCell) {
        let target = directories.moves.move(of: cell.topicPartition)?.target
        do throws(FileError) {
            effects.wakes += try directories.moves.abandon(cell, durability: options.durability)
        } catch {
            takeOffline(target ?? cell.logDirectory, reason: error.description)
        }
    }
}
