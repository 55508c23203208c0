import AdminWire
import KafkaWire

/// `consumer-groups --describe`: what is printed of each group, and in which form.
struct GroupReports {
    /// Stands for what is not known.
    static let missing = "-"

    private let groups: [String]
    private let client: AdminClient
    private let console: Console
    private let options: ParsedOptions

    init(_ options: ParsedOptions, _ client: AdminClient, _ console: Console) throws {
        groups = try ConsumerGroupsTool.groups(options, client)
        self.options = options
        self.client = client
        self.console = console
    }

    /// Prints the groups in the order of their names; 1 when one of them could not be described.
    func run() throws -> Int32 {
        let descriptions = client.describeConsumerGroups(groups)
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
                if group.state == .dead { code = 1 }
            case .failure(let error)?:
                console.error("\nError: Executing consumer group command failed due to \(error)")
                code = 1
            case nil: break
            }
        }
        if options.has("--json") { console.print(JSON.array(documents).text) }
        return code
    }

    private func show(_ group: ConsumerGroupDescription) throws {
        let isVerbose = options.has("--verbose")
        if options.has("--members") {
            let hasRows = try announces(group, rows: group.members.count)
            console.write(GroupMembersTable(group, hasRows: hasRows).text(isVerbose: isVerbose))
        } else if options.has("--state") {
            guard try announces(group, rows: 1) else { return }
            console.write(GroupStateTable(group, client.addresses).text(isVerbose: isVerbose))
        } else {
            let rows = try GroupOffsetsTable.rows(of: group, client)
            guard try announces(group, rows: rows.count) else { return }
            console.write(
                GroupOffsetsTable(group: group.id, rows: rows).text(isVerbose: isVerbose))
        }
    }

    private func json(_ group: ConsumerGroupDescription) throws -> JSON {
        if options.has("--members") { return GroupMembersTable(group, hasRows: true).json }
        if options.has("--state") { return GroupStateTable(group, client.addresses).json }
        let rows = try GroupOffsetsTable.rows(of: group, client)
        return .object([
            ("group", .string(group.id)), ("state", .string(group.state.rawValue)),
            ("partitions", .array(rows.map(\.json))),
        ])
    }

    /// Says on standard error what is special about the group's state; whether there is a table.
    private func announces(_ group: ConsumerGroupDescription, rows: Int) throws -> Bool {
        switch group.state {
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
    private let group: ConsumerGroupDescription
    private let address: HostPort?

    init(_ group: ConsumerGroupDescription, _ addresses: [BrokerID: HostPort]) {
        self.group = group
        address = addresses[group.coordinator]
    }

    func text(isVerbose: Bool) -> String {
        let host = address.map { "\($0.host):\($0.port)" } ?? GroupReports.missing
        let coordinator = "\(host)  (\(group.coordinator))"
        let strategy = group.assignor.isEmpty ? GroupReports.missing : group.assignor
        var header = ["GROUP", "COORDINATOR (ID)", "ASSIGNMENT-STRATEGY", "STATE"]
        var cells = [group.id, coordinator, strategy, group.state.rawValue]
        var widths = [max(15, group.id.count), max(25, coordinator.count), 20, 20]
        if isVerbose {
            header += ["GROUP-EPOCH", "TARGET-ASSIGNMENT-EPOCH"]
            cells += [group.groupEpoch, group.targetAssignmentEpoch].map {
                $0.map(String.init) ?? GroupReports.missing
            }
            widths += [15, 25]
        }
        let lines = [header + ["#MEMBERS"], cells + ["\(group.members.count)"]]
        return lines.map { "\n" + TextColumns.row($0, widths + [0]) }.joined() + "\n"
    }

    var json: JSON {
        .object([
            ("group", .string(group.id)), ("type", .string(group.type.rawValue)),
            (
                "coordinator",
                .object([
                    ("id", .integer(Int64(group.coordinator.rawValue))),
                    ("host", address.map { .string($0.host) } ?? .null),
                    ("port", address.map { .integer(Int64($0.port)) } ?? .null),
                ])
            ),
            ("assignmentStrategy", .string(group.assignor)),
            ("state", .string(group.state.rawValue)),
            ("groupEpoch", .optional(group.groupEpoch)),
            ("targetAssignmentEpoch", .optional(group.targetAssignmentEpoch)),
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
