import MartletClient

/// `consumer-groups --describe`: what is printed of each group, and in which form.
struct GroupReports {
    /// Stands for what is not known.
    static let missing = "-"

    private let groups: [String]
    private let cluster: AdminSession
    private let console: Console
    private let options: ParsedOptions

    init(_ options: ParsedOptions, _ cluster: AdminSession, _ console: Console) throws {
        groups = try ConsumerGroupsTool.groups(options, cluster)
        self.options = options
        self.cluster = cluster
        self.console = console
    }

    /// Prints the groups in the order of their names; 1 when one of them could not be described.
    func run() throws -> Int32 {
        let descriptions = try cluster.describeConsumerGroups(groups)
        var documents: [JSON] = []
        var code: Int32 = 0
        for id in groups {
            switch descriptions[id] {
            case .success(let group)?:
                if options.has("--json") {
                    documents.append(try json(group))
                } else {
                    try show(group)
                }
                if group.groupState == .dead { code = 1 }
            case .failure(let error)?:
                console.error(
                    "\nError: Executing consumer group command failed due to \(error.cause)")
                code = 1
            case nil: break
            }
        }
        if options.has("--json") { console.print(JSON.array(documents).text) }
        return code
    }

    private func show(_ group: GroupDescription) throws {
        let isVerbose = options.has("--verbose")
        if options.has("--members") {
            let hasRows = try announces(group, rows: group.members.count)
            console.write(GroupMembersTable(group, hasRows: hasRows).text(isVerbose: isVerbose))
        } else if options.has("--state") {
            guard try announces(group, rows: 1) else { return }
            console.write(
                GroupStateTable(group, try coordinator(of: group)).text(isVerbose: isVerbose))
        } else {
            let rows = try GroupOffsetsTable.rows(of: group, cluster)
            guard try announces(group, rows: rows.count) else { return }
            console.write(
                GroupOffsetsTable(group: group.id, rows: rows).text(isVerbose: isVerbose))
        }
    }

    private func json(_ group: GroupDescription) throws -> JSON {
        if options.has("--members") { return GroupMembersTable(group, hasRows: true).json }
        if options.has("--state") { return GroupStateTable(group, try coordinator(of: group)).json }
        let rows = try GroupOffsetsTable.rows(of: group, cluster)
        return .object([
            ("group", .string(group.id)), ("state", .string(group.groupState.rawValue)),
            ("partitions", .array(rows.map(\.json))),
        ])
    }

    private func coordinator(of group: GroupDescription) throws -> BrokerAddress? {
        try cluster.ask { try await $0.describeCluster().nodes }
            .first { $0.id == group.coordinator }?.address
    }

    /// Says on standard error what is special about the group's state; whether there is a table.
    private func announces(_ group: GroupDescription, rows: Int) throws -> Bool {
        switch group.groupState {
        case .dead:
            console.error("\nError: Consumer group '\(group.id)' does not exist.")
            return false
        case .empty: console.error("\nConsumer group '\(group.id)' has no active members.")
        case .preparingRebalance, .completingRebalance, .assigning, .reconciling:
            console.error("\nWarning: Consumer group '\(group.id)' is rebalancing.")
        case .stable: break
        case .unknown, .notReady:
            throw Failure("Group '\(group.id)' is in a state that consumer groups do not have.")
        }
        return rows > 0
    }
}

/// The group itself: coordinator, strategy, state, members.
struct GroupStateTable {
    private let group: GroupDescription
    private let address: BrokerAddress?

    /// `address` is the coordinator's, where it is known.
    init(_ group: GroupDescription, _ address: BrokerAddress?) {
        self.group = group
        self.address = address
    }

    func text(isVerbose: Bool) -> String {
        let host = address.map { "\($0.host):\($0.port)" } ?? GroupReports.missing
        let coordinator = "\(host)  (\(group.coordinator))"
        let strategy = group.assignor.isEmpty ? GroupReports.missing : group.assignor
        var header = ["GROUP", "COORDINATOR (ID)", "ASSIGNMENT-STRATEGY", "STATE"]
        var cells = [group.id, coordinator, strategy, group.groupState.rawValue]
        var widths = [max(15, group.id.count), max(25, coordinator.count), 20, 20]
        if isVerbose {
            header += ["GROUP-EPOCH", "TARGET-ASSIGNMENT-EPOCH"]
            cells += [group.epoch, group.targetEpoch].map {
                $0.map(String.init) ?? GroupReports.missing
            }
            widths += [15, 25]
        }
        let lines = [header + ["#MEMBERS"], cells + ["\(group.members.count)"]]
        return lines.map { "\n" + TextColumns.row($0, widths + [0]) }.joined() + "\n"
    }

    var json: JSON {
        .object([
            ("group", .string(group.id)), ("type", .string(group.type)),
            (
                "coordinator",
                .object([
                    ("id", .integer(Int64(group.coordinator.rawValue))),
                    ("host", address.map { .string($0.host) } ?? .null),
                    ("port", address.map { .integer(Int64($0.port)) } ?? .null),
                ])
            ),
            ("assignmentStrategy", .string(group.assignor)),
            ("state", .string(group.groupState.rawValue)),
            ("groupEpoch", .optional(group.epoch)),
            ("targetAssignmentEpoch", .optional(group.targetEpoch)),
            ("members", .integer(Int64(group.members.count))),
        ])
    }
}

extension JSON {
    /// A whole number, or null.
    static func optional(_ number: (some BinaryInteger)?) -> JSON {
        number.map { .integer(Int64($0)) } ?? .null
    }
}
