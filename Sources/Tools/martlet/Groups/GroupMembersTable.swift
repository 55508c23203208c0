import MartletClient

/// `consumer-groups --describe --members`.
struct GroupMembersTable {
    private let group: GroupDescription
    /// False for a group of which only the header is printed.
    private let hasRows: Bool
    private var members: [GroupDescription.Member] { group.members }

    init(_ group: GroupDescription, hasRows: Bool) {
        self.group = group
        self.hasRows = hasRows
    }

    /// Members of both protocols, as in a group that is being migrated (KIP-848).
    private var isMixed: Bool {
        hasRows && members.contains { upgraded($0) == true }
            && members.contains { upgraded($0) == false }
    }

    /// Whether the member speaks the consumer protocol; `nil` in a classic group, and where the
    /// broker does not say.
    private func upgraded(_ member: GroupDescription.Member) -> Bool? {
        group.epoch == nil ? nil : member.isClassic.map { !$0 }
    }

    private var showsInstanceIDs: Bool {
        hasRows && members.contains { $0.instanceID?.isEmpty == false }
    }

    func text(isVerbose: Bool) -> String {
        var header = ["GROUP", "CONSUMER-ID"] + (showsInstanceIDs ? ["GROUP-INSTANCE-ID"] : [])
        header += ["HOST", "CLIENT-ID", "#PARTITIONS"]
        var widths = plainWidths
        if isVerbose {
            header += ["CURRENT-EPOCH", "CURRENT-ASSIGNMENT", "TARGET-EPOCH", "TARGET-ASSIGNMENT"]
            header += isMixed ? ["UPGRADED"] : []
            widths += verboseWidths
        } else {
            // The count of partitions ends with a space even where nothing follows.
            header.append("")
            widths.append(0)
        }
        let lines = [header] + (hasRows ? members.map { cells($0, isVerbose) } : [])
        return "\n" + lines.map { TextColumns.row($0, widths) + "\n" }.joined()
    }

    private var plainWidths: [Int] {
        func width(_ texts: [String], _ minimum: Int) -> Int {
            TextColumns.width(hasRows ? texts : [], atLeast: minimum)
        }
        return [width([group.id], 15), width(members.map(\.id), 15)]
            + (showsInstanceIDs ? [width(members.map { $0.instanceID ?? "" }, 17)] : [])
            + [width(members.map(\.host), 15), width(members.map(\.clientID), 15), 15]
    }

    private var verboseWidths: [Int] {
        let current = hasRows ? members.map { Self.text($0.assignment) } : []
        let target = hasRows ? members.map { Self.text($0.target ?? []) } : []
        return [
            15, TextColumns.width(current, atLeast: 20), 15, TextColumns.width(target, atLeast: 20),
            0,
        ]
    }

    private func cells(_ member: GroupDescription.Member, _ isVerbose: Bool) -> [String] {
        var cells = [group.id, member.id] + (showsInstanceIDs ? [member.instanceID ?? ""] : [])
        cells += [member.host, member.clientID, "\(member.assignment.count)"]
        guard isVerbose else { return cells + [""] }
        cells += [
            member.epoch.map(String.init) ?? GroupReports.missing, Self.text(member.assignment),
            group.targetEpoch.map(String.init) ?? GroupReports.missing,
            Self.text(member.target ?? []),
        ]
        return cells + (isMixed ? [upgraded(member).map(String.init) ?? GroupReports.missing] : [])
    }

    /// `topic:0,1;other:2`.
    private static func text(_ partitions: [TopicPartition]) -> String {
        guard !partitions.isEmpty else { return GroupReports.missing }
        return byTopic(partitions).map { topic, numbers in
            "\(topic):" + numbers.map(String.init).joined(separator: ",")
        }.joined(separator: ";")
    }

    private static func byTopic(_ partitions: [TopicPartition]) -> [(String, [Int32])] {
        Dictionary(grouping: partitions, by: \.topic).sorted { $0.key < $1.key }.map {
            ($0.key, $0.value.map(\.partition).sorted())
        }
    }

    private static func json(_ partitions: [TopicPartition]) -> JSON {
        .object(
            byTopic(partitions).map { topic, numbers in
                (topic, .array(numbers.map { .integer(Int64($0)) }))
            })
    }

    var json: JSON {
        let documents = members.map { member in
            JSON.object([
                ("consumerId", .string(member.id)),
                ("groupInstanceId", member.instanceID.map(JSON.string) ?? .null),
                ("host", .string(member.host)), ("clientId", .string(member.clientID)),
                ("currentEpoch", .optional(member.epoch)),
                ("currentAssignment", Self.json(member.assignment)),
                ("targetEpoch", .optional(group.targetEpoch)),
                ("targetAssignment", member.target.map(Self.json) ?? .null),
                ("upgraded", upgraded(member).map(JSON.bool) ?? .null),
            ])
        }
        return .object([
            ("group", .string(group.id)), ("state", .string(group.groupState.rawValue)),
            ("members", .array(documents)),
        ])
    }
}
