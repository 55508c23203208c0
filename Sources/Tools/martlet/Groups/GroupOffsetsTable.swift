import MartletClient

/// `consumer-groups --describe --offsets`: each partition with its committed offset and lag.
struct GroupOffsetsTable {
    /// One partition that is assigned or has a committed offset.
    struct Row: Equatable {
        var partition: TopicPartition
        var committed: CommittedOffset?
        var logEndOffset: Offset?
        /// `nil`: nobody has the partition.
        var member: GroupDescription.Member?

        /// Records to be read still; `nil` unless both offsets are known.
        var lag: Int64? {
            guard let committed, let logEndOffset else { return nil }
            return logEndOffset.rawValue - committed.offset.rawValue
        }

        var json: JSON {
            .object([
                ("topic", .string(partition.topic)),
                ("partition", .integer(Int64(partition.partition))),
                ("currentOffset", .optional(committed?.offset.rawValue)),
                ("leaderEpoch", .optional(committed?.knownEpoch)),
                ("logEndOffset", .optional(logEndOffset?.rawValue)), ("lag", .optional(lag)),
                ("consumerId", member.map { .string($0.id) } ?? .null),
                ("host", member.map { .string($0.host) } ?? .null),
                ("clientId", member.map { .string($0.clientID) } ?? .null),
            ])
        }
    }

    let group: String
    let rows: [Row]

    /// Partitions of the members, those with the most first, then what nobody has.
    static func rows(
        of group: GroupDescription, _ cluster: AdminSession
    ) throws -> [Row] {
        guard group.groupState != .dead else { return [] }
        let committed = try cluster.ask { try await $0.listGroupOffsets(group.id) }
        let members = group.members.filter { !$0.assignment.isEmpty }.sorted {
            ($1.assignment.count, $0.id) < ($0.assignment.count, $1.id)
        }
        let assigned = members.flatMap { member in member.assignment.map { ($0, member) } }
        let free = Set(committed.keys).subtracting(assigned.map(\.0)).sorted()
        let wanted = Dictionary(
            (assigned.map(\.0) + free).map { ($0, OffsetSpec.latest) }, uniquingKeysWith: { $1 })
        let ends = try cluster.ask { try await $0.listOffsets(wanted) }
        func row(_ partition: TopicPartition, _ member: GroupDescription.Member?) -> Row {
            Row(
                partition: partition, committed: committed[partition],
                logEndOffset: (try? ends[partition]?.get())?.offset, member: member)
        }
        return assigned.map(row) + free.map { row($0, nil) }
    }

    func text(isVerbose: Bool) -> String {
        var widths = [
            TextColumns.width([group], atLeast: 15),
            TextColumns.width(rows.map(\.partition.topic), atLeast: 15), 10,
        ]
        widths += Array(repeating: 15, count: isVerbose ? 4 : 3)
        widths += [
            TextColumns.width(rows.compactMap(\.member?.id), atLeast: 15),
            TextColumns.width(rows.compactMap(\.member?.host), atLeast: 15), 0,
        ]
        let header =
            ["GROUP", "TOPIC", "PARTITION"] + (isVerbose ? ["LEADER-EPOCH"] : [])
            + ["CURRENT-OFFSET", "LOG-END-OFFSET", "LAG", "CONSUMER-ID", "HOST", "CLIENT-ID"]
        let lines = [header] + rows.map { cells($0, isVerbose) }
        return lines.map { "\n" + TextColumns.row($0, widths) }.joined() + "\n"
    }

    private func cells(_ row: Row, _ isVerbose: Bool) -> [String] {
        let epoch = row.committed?.knownEpoch.map(String.init)
        let known: [String?] = [
            row.committed?.offset.description, row.logEndOffset?.description,
            row.lag.map(String.init), row.member?.id, row.member?.host, row.member?.clientID,
        ]
        return [group, row.partition.topic, "\(row.partition.partition)"]
            + ((isVerbose ? [epoch] : []) + known).map { $0 ?? GroupReports.missing }
    }
}

extension CommittedOffset {
    /// Of the last record read; `nil` when the consumer did not say.
    fileprivate var knownEpoch: Int32? { leaderEpoch == .none ? nil : leaderEpoch.rawValue }
}
