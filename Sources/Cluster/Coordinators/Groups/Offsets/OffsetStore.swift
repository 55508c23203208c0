import KafkaProtocol
import KafkaWire

/// An offset that a group has committed for a partition.
struct CommittedOffset: Equatable {
    var offset: Int64
    /// Of the last record read; -1 when unknown.
    var leaderEpoch: Int32
    var metadata: String
    /// Milliseconds since 1970.
    var commitMs: Int64
    /// Set by old clients that choose the retention themselves; -1 for the broker's.
    var expireMs: Int64
    /// `zero` for commits of before topics had ids.
    var topicID: KafkaUUID
    /// Where the commit stands in the log.
    var recordOffset: Offset

    init(_ value: OffsetCommitValue, at recordOffset: Offset) {
        offset = value.offset
        leaderEpoch = value.leaderEpoch
        metadata = value.metadata
        commitMs = value.commitTimestamp
        expireMs = value.expireTimestamp
        topicID = value.topicID
        self.recordOffset = recordOffset
    }
}

/// The committed offsets of a shard's groups, and those of open transactions.
///
/// Invariant: a partition is in `open` for exactly the producers in whose `pending` it is, but for
/// what was deleted meanwhile.
struct OffsetStore {
    private(set) var committed = GroupPartitionMap<CommittedOffset>()
    /// By producer, until its transaction ends.
    private(set) var pending: [ProducerID: GroupPartitionMap<CommittedOffset>] = [:]
    /// Which producers have an open transaction that commits the partition.
    private(set) var open = GroupPartitionMap<Set<ProducerID>>()

    /// The offset of a partition that the log says is committed.
    func committedOffset(_ group: String, _ topic: String, _ partition: Int32) -> CommittedOffset? {
        committed[group, topic, partition]
    }

    /// Whether an open transaction has committed the partition.
    func isPending(_ group: String, _ topic: String, _ partition: Int32) -> Bool {
        open[group, topic, partition] != nil
    }

    // MARK: Replay

    mutating func replay(
        _ key: OffsetCommitKey, _ value: OffsetCommitValue?, at offset: Offset,
        by writer: RecordWriter
    ) {
        guard let value else { return remove(key.group, key.topic, key.partition) }
        let commit = CommittedOffset(value, at: offset)
        switch writer {
        case .coordinator:
            committed[key.group, key.topic, key.partition] = commit
        case .producer where PlantedBug.earlyOffsets.isPlanted:
            committed[key.group, key.topic, key.partition] = commit
        case .producer(let id, _):
            pending[id, default: GroupPartitionMap()][key.group, key.topic, key.partition] = commit
            open.update(key.group, key.topic, key.partition, initial: []) { $0.insert(id) }
        }
    }

    /// A tombstone also takes what transactions have pending for the partition.
    private mutating func remove(_ group: String, _ topic: String, _ partition: Int32) {
        committed[group, topic, partition] = nil
        for producer in open[group, topic, partition] ?? [] {
            pending[producer]?[group, topic, partition] = nil
        }
        open[group, topic, partition] = nil
    }

    /// A producer's transaction ends: what it has pending counts, or is dropped.
    ///
    /// A commit that stands later in the log than a pending one wins over it, so that compaction
    /// cannot change the outcome.
    mutating func end(_ producer: ProducerID, isCommit: Bool) {
        guard let offsets = pending.removeValue(forKey: producer) else { return }
        for group in offsets.sortedGroups {
            for (topic, partitions) in offsets.sorted(group) {
                for (partition, commit) in partitions {
                    close(group, topic, partition, producer)
                    let current = committed[group, topic, partition]?.recordOffset
                    if isCommit, !PlantedBug.droppedOffsets.isPlanted,
                        current.map({ $0 < commit.recordOffset }) ?? true
                    {
                        committed[group, topic, partition] = commit
                    }
                }
            }
        }
    }

    private mutating func close(
        _ group: String, _ topic: String, _ partition: Int32, _ producer: ProducerID
    ) {
        guard var producers = open[group, topic, partition] else { return }
        producers.remove(producer)
        open[group, topic, partition] = producers.isEmpty ? nil : producers
    }

    // MARK: Removal

    /// The tombstones that remove everything of a group.
    func tombstones(of group: String) -> [GroupRecord] {
        var records: [GroupRecord] = []
        for (topic, partitions) in committed.sorted(group) {
            for (partition, _) in partitions {
                records.append(.tombstone(group, topic, partition))
            }
        }
        for (topic, partitions) in open.sorted(group) {
            for (partition, _) in partitions where committed[group, topic, partition] == nil {
                records.append(.tombstone(group, topic, partition))
            }
        }
        return records
    }

    /// The tombstones of all offsets of a topic that was deleted.
    ///
    /// Offsets that name another topic of the same name stay.
    func tombstones(ofDeletedTopic name: String, _ id: KafkaUUID) -> [GroupRecord] {
        func isMeant(_ commit: CommittedOffset) -> Bool {
            commit.topicID == .zero || commit.topicID == id
        }
        var keys = Set<OffsetCommitKeyParts>()
        for map in [committed] + pending.values {
            for group in map.sortedGroups {
                for (partition, commit) in map.partitions(group, name) ?? [:] where isMeant(commit)
                {
                    keys.insert(OffsetCommitKeyParts(group: group, partition: partition))
                }
            }
        }
        return keys.sorted().map { .tombstone($0.group, name, $0.partition) }
    }
}

private struct OffsetCommitKeyParts: Hashable, Comparable {
    var group: String
    var partition: Int32
    static func < (a: Self, b: Self) -> Bool { (a.group, a.partition) < (b.group, b.partition) }
}

extension GroupRecord {
    /// The record that removes a committed offset.
    static func tombstone(_ group: String, _ topic: String, _ partition: Int32) -> GroupRecord {
        .offsetCommit(OffsetCommitKey(group: group, topic: topic, partition: partition), nil)
    }
}
