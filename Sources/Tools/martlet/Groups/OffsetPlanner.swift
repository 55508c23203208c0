import MartletClient

/// Finds the offsets that one group is reset to.
struct OffsetPlanner {
    private let cluster: AdminSession
    private let group: String
    private let console: Console

    init(_ cluster: AdminSession, _ group: String, _ console: Console) {
        self.cluster = cluster
        self.group = group
        self.console = console
    }

    /// Throws unless all partitions exist and have a leader.
    func check(_ partitions: [TopicPartition]) throws {
        guard !partitions.isEmpty else { return }
        let topics = Set(partitions.map(\.topic)).sorted()
        let found = try cluster.ask { try await $0.describeTopics(topics) }
        let known = found.compactMapValues { try? $0.get() }.byPartition
        func names(_ isAtFault: (TopicPartition) -> Bool) -> String {
            partitions.sorted().filter(isAtFault).map(\.description).joined(separator: ",")
        }
        let missing = names { known[$0] == nil }
        guard missing.isEmpty else {
            throw Failure("Error: The partitions \"\(missing)\" do not exist")
        }
        let headless = names { known[$0]?.leader == nil }
        guard headless.isEmpty else {
            throw Failure("Error: The partitions \"\(headless)\" have no leader")
        }
    }

    /// The new offset of each partition; `nil` when the file says nothing of the group.
    func offsets(
        for partitions: [TopicPartition], _ scenario: OffsetReset.Scenario
    ) throws -> [TopicPartition: Offset]? {
        switch scenario {
        case .earliest: return try cluster.offsets(.earliest, of: partitions)
        case .latest: return try cluster.offsets(.latest, of: partitions)
        case .time(let time): return try found(at: time, partitions)
        case .current: return try current(partitions)
        case .offset(let offset):
            let wanted = partitions.map { ($0, Offset(offset)) }
            return try limited(Dictionary(wanted) { $1 })
        case .shift(let distance): return try limited(try shifted(partitions, by: distance))
        case .file(let file):
            guard let wanted = file.offsets(of: group) else {
                console.error("\nError: No reset plan for group \(group) found.")
                return nil
            }
            return try limited(wanted)
        }
    }

    private func found(
        at time: Int64, _ partitions: [TopicPartition]
    ) throws -> [TopicPartition: Offset] {
        // Negative times have meanings of their own in ListOffsets; nothing is that old.
        let offsets = try cluster.offsets(.timestamp(max(0, time)), of: partitions)
        let later = partitions.filter { offsets[$0] == nil }.sorted()
        for partition in later {
            console.error(
                "\nWarn: Partition \(partition.partition) from topic \(partition.topic) is empty. "
                    + "Falling back to latest known offset.")
        }
        return offsets.merging(try cluster.offsets(.latest, of: later)) { $1 }
    }

    private func committed() throws -> [TopicPartition: CommittedOffset] {
        let group = group
        return try cluster.ask { try await $0.listGroupOffsets(group) }
    }

    private func current(_ partitions: [TopicPartition]) throws -> [TopicPartition: Offset] {
        let committed = try committed().mapValues(\.offset)
        let fresh = partitions.filter { committed[$0] == nil }
        let kept = committed.filter { partitions.contains($0.key) }
        return kept.merging(try cluster.offsets(.latest, of: fresh)) { $1 }
    }

    private func shifted(
        _ partitions: [TopicPartition], by distance: Int64
    ) throws -> [TopicPartition: Offset] {
        let committed = try committed()
        var wanted: [TopicPartition: Offset] = [:]
        for partition in partitions.sorted() {
            guard let offset = committed[partition]?.offset.rawValue else {
                throw Failure(
                    "Error: Cannot shift offset for partition \(partition) since there is no "
                        + "current committed offset")
            }
            let (sum, overflows) = offset.addingReportingOverflow(distance)
            wanted[partition] = Offset(overflows ? (distance < 0 ? .min : .max) : sum)
        }
        return wanted
    }

    /// Brings offsets that are not in the log to its start or end, with a warning for each.
    private func limited(
        _ wanted: [TopicPartition: Offset]
    ) throws -> [TopicPartition: Offset] {
        let partitions = wanted.keys.sorted()
        let starts = try cluster.offsets(.earliest, of: partitions)
        let ends = try cluster.offsets(.latest, of: partitions)
        var offsets = wanted
        for partition in partitions {
            guard let offset = wanted[partition], let start = starts[partition],
                let end = ends[partition], offset > end || offset < start
            else { continue }
            let isHigh = offset > end
            let nearest = isHigh ? end : start
            let place = isHigh ? "higher than latest" : "lower than earliest"
            offsets[partition] = nearest
            console.error(
                "WARN New offset (\(offset)) is \(place) offset for topic partition "
                    + "\(partition). Value will be set to \(nearest).")
        }
        return offsets
    }
}
