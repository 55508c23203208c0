import MartletClient

/// `martlet groups`, `kafka-groups.sh`.
enum GroupsTool: Tool {
    static let name = "groups"
    static let kafkaNames = ["kafka-groups"]
    static let summary = "List groups of all types."
    static let options: [OptionSpec] =
        ClientOptions.specs + [
            .flag("--list", help: "List the groups."),
            .value(
                "--group-type", label: "type",
                help: "Only groups of this type: classic, consumer, share or streams."),
            .value(
                "--protocol", label: "protocol",
                help: "Only groups with this protocol type: consumer, share, connect, ..."),
            .flag("--consumer", help: "Only groups of consumers, of either protocol."),
            .flag("--share", help: "Only share groups."),
            .flag("--streams", help: "Only streams groups."), .json,
        ]

    static func run(_ invocation: Invocation, _ console: Console) throws -> Int32 {
        let options = invocation.options
        _ = try options.required("--bootstrap-server")
        _ = try options.exactlyOne(of: ["--list"], "Command")
        let filters = ["--consumer", "--share", "--streams"]
        for filter in filters {
            try options.forbid(
                filter,
                with: ["--group-type", "--protocol"] + filters.filter { $0 != filter })
        }
        let type = options.value("--group-type").map(GroupType.init(named:))
        guard type != .unknown else { throw Failure("--group-type must be a valid group type.") }
        let cluster = try AdminSession(options, id: "groups-tool")
        defer { cluster.close() }
        do {
            let groups = try cluster.ask { try await $0.listGroups() }
            show(groups.filter { matches($0, type, options) }, options, console)
        } catch {
            throw Failure("Error while executing groups command : \(error.cause)")
        }
        return 0
    }

    private static func matches(
        _ group: GroupListing, _ type: GroupType?, _ options: ParsedOptions
    ) -> Bool {
        if options.has("--consumer") { return group.isOfConsumers }
        if options.has("--share") { return group.groupType == .share }
        if options.has("--streams") { return group.groupType == .streams }
        let name = options.value("--protocol")
        return (type == nil || group.groupType == type)
            && (name == nil || group.protocolType == name)
    }

    private static func show(
        _ groups: [GroupListing], _ options: ParsedOptions, _ console: Console
    ) {
        if options.has("--json") {
            return console.print(JSON.array(groups.map(GroupListings.json)).text)
        }
        let rows = groups.map { [$0.id, $0.groupType?.rawValue ?? "", $0.protocolType] }
        let width = TextColumns.width(rows.flatMap(\.self), atLeast: 20)
        let widths = [width, width, width]
        console.print(TextColumns.row(["GROUP", "TYPE", "PROTOCOL"], widths))
        for row in rows { console.print(TextColumns.row(row, widths) + " ") }
    }
}
