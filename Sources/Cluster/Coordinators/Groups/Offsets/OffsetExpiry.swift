public import KafkaWire

/// How committed offsets and groups without use come to an end.
extension GroupMachine {
    /// Most records in one batch of tombstones.
    static var batchRecords: Int { 5000 }

    /// Sets the timer of the next look for expired offsets.
    func scheduleOffsetExpiry(_ now: Moment) {
        timers.set(
            GroupTimer(kind: .offsetExpiry),
            at: now.monotonicMs + settings.offsetsRetentionCheckIntervalMs)
    }

    /// Removes offsets whose retention is over, and groups that have neither members nor offsets.
    func expireOffsets(_ now: Moment) {
        var records: [GroupRecord] = []
        for name in groups.keys.sorted() {
            guard let group = groups[name]?.common else { continue }
            let expired = expiredOffsets(of: group, now)
            records += expired.tombstones
            if expired.isAll, group.isEmpty { records += group.tombstones() }
            // A group may have any number of offsets.
            while records.count > Self.batchRecords {
                write(Array(records.prefix(Self.batchRecords)))
                records.removeFirst(Self.batchRecords)
            }
        }
        write(records)
        scheduleOffsetExpiry(now)
    }

    private func expiredOffsets(
        of group: any CoordinatedGroup, _ now: Moment
    ) -> (tombstones: [GroupRecord], isAll: Bool) {
        let name = group.groupID
        var records: [GroupRecord] = []
        var isAll = !offsets.open.contains(group: name)
        for (topic, partitions) in offsets.committed.sorted(name) {
            let isRead = group.isSubscribed(to: topic)
            for (partition, commit) in partitions {
                if !isRead, isExpired(commit, group, now),
                    !offsets.isPending(name, topic, partition)
                {
                    records.append(.tombstone(name, topic, partition))
                } else {
                    isAll = false
                }
            }
        }
        return (records, isAll)
    }

    private func isExpired(
        _ commit: CommittedOffset, _ group: any CoordinatedGroup, _ now: Moment
    ) -> Bool {
        guard let start = group.retentionStart(ofCommitAt: commit.commitMs) else { return false }
        if commit.expireMs >= 0 { return now.wallMs >= commit.expireMs }
        return now.wallMs.saturatingDifference(start) >= settings.offsetsRetentionMs
    }

    /// Topics are gone: so are the offsets committed for them.
    public func topicDeleted(_ name: String, _ id: KafkaUUID) {
        write(offsets.tombstones(ofDeletedTopic: name, id))
    }
}
