import BrokerCore
import ClusterController
import KafkaWire
import LogStorage
import Replication

/// Looks into the nodes: what they say of each other must fit together at every instant, and once
/// all has healed their copies must be the same.
final class ClusterChecker {
    private struct EpochKey: Hashable {
        let topic: KafkaUUID
        let partition: Int32
        let epoch: Int32
    }
    private struct ReplicaKey: Hashable {
        let topic: KafkaUUID
        let partition: Int32
    }

    unowned var world: SimulatedWorld!
    /// The image at each of the last offsets, as the first node had it.
    private var images: [Int64: (node: Int32, image: MetadataImage)] = [:]
    /// The newest image that any node ever had.
    private var newest: (offset: Int64, image: MetadataImage) = (-1, .empty)
    /// Its topics, by name.
    private var topics: [TopicImage] = []
    private var leaders: [EpochKey: Int32] = [:]
    /// The highest high watermark that a leader ever had.
    private var highWatermarks: [ReplicaKey: Offset] = [:]
    private var lookedAt = Int64.min
    private var wasConverged = false

    /// Images that are kept for comparison.
    private static let imagesKept: Int64 = 500
    /// How often a cluster is looked at, in ms.
    private static let intervalMs: Int64 = 200

    func start() {
        guard world.nodes.count > 1 else { return }
        world.scheduler.after(Self.intervalMs * 1_000_000) { [self] in
            look()
            start()
        }
    }

    /// The newest metadata that any node ever had; empty in a world of one node.
    var image: MetadataImage { newest.image }

    /// The partitions of these topics in it, in order.
    func partitions(of topics: [String]) -> [(key: PartitionKey, partition: PartitionImage)] {
        topics.flatMap { name in
            (image.topics[name]?.partitions ?? []).map {
                (PartitionKey(topic: name, partition: $0.id), $0)
            }
        }
    }

    /// How far a partition is known to have been committed: by the high watermarks that leaders had
    /// when they were looked at, and by what clients were told.
    ///
    /// A new leader may start below it, and gets there when its followers have fetched: a reader
    /// that ends where the high watermark is has not read all before.
    func committed(_ key: PartitionKey) -> Int64 {
        guard let topic = image.topics[key.topic] else { return 0 }
        let known = highWatermarks[ReplicaKey(topic: topic.id, partition: key.partition)] ?? .zero
        return max(known.rawValue, world.history.end(of: key))
    }

    // MARK: While it runs

    /// A node has an image of the committed metadata.
    func published(_ view: BrokerView, by node: Int32) {
        guard world.nodes.count > 1 else { return }
        let offset = view.imageOffset.rawValue
        if let known = images[offset] {
            // What it says is noted.
            if known.image == view.image { return }
            world.violation(
                "metadata at offset \(offset) differ between nodes \(known.node) and \(node)")
        } else {
            images[offset] = (node, view.image)
            images[offset - Self.imagesKept] = nil
        }
        let all = view.image.topics.sorted
        if offset > newest.offset {
            tellChanges(to: view.image)
            checkFenced(view.image)
            newest = (offset, view.image)
            topics = all
        }
        for topic in all {
            for partition in topic.partitions where partition.leader >= 0 {
                note(partition, of: topic, by: node)
            }
        }
    }

    private func note(_ partition: PartitionImage, of topic: TopicImage, by node: Int32) {
        let key = EpochKey(
            topic: topic.id, partition: partition.id, epoch: partition.leaderEpoch)
        if let other = leaders[key], other != partition.leader {
            world.violation(
                "\(topic.name)-\(partition.id) is led by \(other) and by \(partition.leader) in "
                    + "epoch \(partition.leaderEpoch)")
        }
        leaders[key] = partition.leader
    }

    /// Who is fenced is in no in-sync set (KIP-841), unless it is the last one in it.
    private func checkFenced(_ image: MetadataImage) {
        let fenced = Set(image.brokers.filter(\.value.isFenced).keys)
        guard !fenced.isEmpty else { return }
        for topic in image.topics.sorted {
            for partition in topic.partitions where partition.isr.count > 1 {
                guard let id = partition.isr.first(where: fenced.contains) else { continue }
                world.violation("\(topic.name)-\(partition.id): \(id) is fenced and in sync")
            }
        }
    }

    /// Has the trace say how partitions are led, where that has changed.
    private func tellChanges(to image: MetadataImage) {
        guard world.trace.print != nil else { return }
        for topic in image.topics.sorted {
            let before = newest.image.topics[topic.id]
            for partition in topic.partitions where before?[partition.id] != partition {
                world.trace.tell(
                    world.scheduler.now,
                    "\(topic.name)-\(partition.id): leader \(partition.leader) in epoch "
                        + "\(partition.leaderEpoch), in sync \(partition.isr) of "
                        + "\(partition.replicas), eligible \(partition.eligibleLeaderReplicas), "
                        + "last known \(partition.lastKnownELR)")
            }
        }
    }

    private func look() {
        for topic in topics {
            for partition in topic.partitions { look(at: partition, of: topic) }
        }
    }

    /// Whoever is in sync has all that any leader has called committed, and a log begins where it
    /// began, unless records were deleted.
    private func look(at partition: PartitionImage, of topic: TopicImage) {
        let key = ReplicaKey(topic: topic.id, partition: partition.id)
        for id in partition.replicas {
            guard let replica = replica(id, topic, partition.id) else { continue }
            replica.locked {
                checkStart($0.log.logStartOffset.rawValue, of: partition, of: topic, on: id)
                guard $0.leaderEpoch != nil else { return }
                highWatermarks[key] = max(highWatermarks[key] ?? .zero, $0.highWatermark)
            }
        }
        guard let committed = highWatermarks[key] else { return }
        for id in partition.isr {
            guard let replica = replica(id, topic, partition.id) else { continue }
            replica.locked {
                guard $0.currentEpoch != nil, $0.log.logEndOffset < committed else { return }
                world.violation(
                    "\(topic.name)-\(partition.id): node \(id) is in sync and ends at "
                        + "\($0.log.logEndOffset), \(committed) is committed")
            }
        }
    }

    private func checkStart(
        _ start: Int64, of partition: PartitionImage, of topic: TopicImage, on node: Int32
    ) {
        let key = PartitionKey(topic: topic.name, partition: partition.id)
        guard start > 0, !world.history.mayBeDeleted(before: start, of: key) else { return }
        world.violation("\(key): node \(node) has it from \(start) on, and nobody deleted")
    }

    private func replica(
        _ node: Int32, _ topic: TopicImage, _ partition: Int32
    ) -> PartitionCell? {
        world.node(node)?.process?.view.topic(id: topic.id, name: topic.name, version: 13)?[
            partition]
    }

    // MARK: In the end

    /// Whether the cluster has recovered: all nodes have the newest metadata, each partition has a
    /// leader and all of its replicas in sync.
    var isConverged: Bool {
        guard world.nodes.count > 1 else { return true }
        // It is much to look at, for each event.
        guard world.scheduler.now >= lookedAt + Self.intervalMs * 1_000_000 else {
            return wasConverged
        }
        lookedAt = world.scheduler.now
        wasConverged = obstacle == nil
        return wasConverged
    }

    /// Why the cluster has not recovered; `nil` once it has.
    var obstacle: String? {
        guard world.nodes.count > 1 else { return nil }
        for node in world.nodes {
            guard let process = node.process else { return "\(node.name) is down" }
            let known = process.controller.committedEnd.rawValue - 1
            if known < newest.offset {
                return "\(node.name) has metadata up to \(known) of \(newest.offset)"
            }
        }
        for id in world.options.topology.brokers
        where newest.image.brokers[id]?.isActive != true {
            return "broker \(id) is fenced or not registered"
        }
        for topic in topics {
            for partition in topic.partitions {
                if let reason = obstacle(partition, of: topic) {
                    return "\(topic.name)-\(partition.id): \(reason)"
                }
            }
        }
        return nil
    }

    private func obstacle(_ partition: PartitionImage, of topic: TopicImage) -> String? {
        if partition.leader < 0 || partition.isr.count < partition.replicas.count {
            return "leader \(partition.leader), in sync \(partition.isr) of "
                + "\(partition.replicas)"
        }
        let missing = partition.replicas.filter { id in
            replica(id, topic, partition.id)?.locked { $0.currentEpoch } == nil
        }
        return missing.isEmpty ? nil : "not served by \(missing)"
    }

    /// Compares the copies of each partition, up to the high watermark.
    func compareReplicas() {
        guard world.nodes.count > 1 else { return }
        for topic in topics {
            for partition in topic.partitions { compare(partition, of: topic) }
        }
    }

    private func compare(_ partition: PartitionImage, of topic: TopicImage) {
        let cells = partition.replicas.compactMap { id in
            replica(id, topic, partition.id).map { (id, $0) }
        }
        guard cells.count == partition.replicas.count,
            let leader = cells.first(where: { $0.0 == partition.leader })
        else {
            return world.violation("\(topic.name)-\(partition.id): a replica is not there")
        }
        // Each cleans its own copy.
        guard !leader.1.locked({ $0.log.config.compact }) else { return }
        let start = cells.map { $0.1.locked { $0.log.logStartOffset } }.max() ?? .zero
        let end = leader.1.locked { $0.highWatermark }
        let expected = leader.1.locked { Self.bytes($0.log, start, end) }
        for (id, cell) in cells where id != leader.0 {
            let found = cell.locked { Self.bytes($0.log, start, end) }
            if found != expected {
                world.violation(
                    "\(topic.name)-\(partition.id): nodes \(leader.0) and \(id) differ below "
                        + "offset \(end): \(expected?.count ?? -1), \(found?.count ?? -1) bytes")
            }
        }
    }

    /// All batches from one offset to another; `nil` when they cannot be read.
    private static func bytes(_ log: PartitionLog, _ start: Offset, _ end: Offset) -> [UInt8]? {
        var bytes: [UInt8] = []
        var position = start
        do {
            while position < end {
                let read = try log.read(
                    from: position, maxBytes: 1 << 20, upTo: end, atLeastOneBatch: true)
                guard let slice = read.slice, read.nextOffset > position else { return nil }
                bytes += try slice.bytes()
                position = read.nextOffset
            }
            return bytes
        } catch {
            return nil
        }
    }
}
