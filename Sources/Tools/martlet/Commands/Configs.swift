import AdminWire
import KafkaProtocol
import KafkaWire

/// `martlet configs`, `kafka-configs.sh`.
enum ConfigsTool: Tool {
    static let name = "configs"
    static let kafkaNames = ["kafka-configs"]
    static let summary = "Show and change configs of topics, brokers, groups and client metrics."
    static let options: [OptionSpec] =
        ClientOptions.specs + [
            .bootstrapController,
            .flag("--alter", help: "Change configs."),
            .flag("--describe", help: "Show configs."),
            .flag("--all", help: "Show all configs, not only those set at run time."),
            .value(
                "--entity-type", label: "type",
                help: "topics, brokers, broker-loggers, groups, client-metrics, users, clients "
                    + "or ips.", isRepeatable: true),
            .value(
                "--entity-name", label: "name",
                help: "Topic, broker id, group, client metrics name, ...", isRepeatable: true),
            .flag("--entity-default", help: "The default of all brokers (users, clients, ips)."),
            .value("--add-config", label: "k1=v1,k2=[v1,v2]", help: "Configs to set."),
            .value("--add-config-file", label: "file", help: "Properties file of configs to set."),
            .value(
                "--delete-config", label: "k1,k2", help: "Configs to remove.", isRepeatable: true),
            .value("--topic", label: "topic", help: "The topic."),
            .value("--broker", label: "id", help: "The broker."),
            .flag("--broker-defaults", help: "The default of all brokers."),
            .value("--broker-logger", label: "id", help: "The broker whose log levels are meant."),
            .value("--group", label: "group", help: "The group."),
            .value("--client-metrics", label: "name", help: "The client metrics subscription."),
            .value("--client", label: "id", help: "The client id (quotas)."),
            .flag("--client-defaults", help: "The default of all clients (quotas)."),
            .value("--user", label: "name", help: "The user (quotas, SCRAM)."),
            .flag("--user-defaults", help: "The default of all users (quotas)."),
            .value("--ip", label: "address", help: "The address (quotas)."),
            .flag("--ip-defaults", help: "The default of all addresses (quotas)."),
            .json,
        ]

    static func run(_ invocation: Invocation, _ console: Console) throws -> Int32 {
        let options = invocation.options
        let action = try options.exactlyOne(of: ["--alter", "--describe"], "Command")
        try options.forbid("--describe", with: ["--add-config", "--delete-config"])
        let entity = try ConfigEntity.parse(options)
        let isAlter = action == "--alter"
        let changes = isAlter ? try ConfigChanges.parse(options) : []
        if isAlter { try checkAlter(options, entity) }
        let client = try ClientOptions.client(options, id: "configs-tool")
        defer { client.close() }
        guard let kind = entity.kind else {
            throw Failure(
                "Configs of \(entity.type) (quotas, SCRAM credentials) are not supported yet.",
                remedy: "Topics, brokers, groups and client metrics are.")
        }
        if isAlter {
            let name = entity.name ?? ""
            try ConfigQueries.alter(ConfigResource(type: kind, name: name), changes, client)
            console.print(
                name.isEmpty
                    ? "Completed updating default config for \(entity.type) in the cluster."
                    : "Completed updating config for \(entity.singular) \(name).")
        } else {
            try describe(entity, kind, options, client, console)
        }
        return 0
    }

    private static func checkAlter(
        _ options: ParsedOptions, _ entity: ConfigEntity
    ) throws(Failure) {
        try options.forbid("--add-config", with: ["--add-config-file"])
        guard entity.name?.isEmpty == false || entity.name != nil && entity.hasDefault else {
            throw .usage("An entity name must be specified with --alter of \(entity.type).")
        }
        let changes = ["--add-config", "--add-config-file", "--delete-config"]
        guard changes.contains(where: options.has) else {
            throw .usage(
                "At least one of \(changes.joined(separator: ", ")) must be specified with --alter."
            )
        }
    }

    private static func describe(
        _ entity: ConfigEntity, _ kind: ConfigResource.Kind, _ options: ParsedOptions,
        _ client: AdminClient, _ console: Console
    ) throws {
        let all = options.has("--all")
        if let name = entity.name, !all, try !exists(name, kind, client) {
            console.print(
                "The \(entity.singular) '\(name)' doesn't exist and doesn't have dynamic config.")
            return
        }
        let names = try entity.name.map { [$0] } ?? allNames(kind, client)
        let resources = names.map { ConfigResource(type: kind, name: $0) }
        let found = try ConfigQueries.describe(resources, client)
        var documents: [JSON] = []
        for resource in resources {
            let source = entity.dynamicSource(of: resource.name)
            let entries = (found[resource] ?? [])
                .filter { all || $0.source == source }.sorted { $0.name < $1.name }
            documents.append(
                .object([
                    ("type", .string(entity.type)), ("name", .string(resource.name)),
                    ("configs", .array(entries.map(\.json))),
                ]))
            guard !options.has("--json") else { continue }
            console.print(
                resource.name.isEmpty
                    ? "Default configs for \(entity.type) in the cluster are:"
                    : "\(all ? "All" : "Dynamic") configs for \(entity.singular) "
                        + "\(resource.name) are:")
            for entry in entries { console.print(entry.line) }
        }
        if options.has("--json") { console.print(JSON.array(documents).text) }
    }

    private static func allNames(
        _ kind: ConfigResource.Kind, _ client: AdminClient
    ) throws -> [String] {
        switch kind {
        case .topic: try client.metadata(topics: nil).topics.compactMap(\.name).sorted()
        case .broker, .brokerLogger:
            try client.call(DescribeClusterRequest()).brokers.map(\.brokerID).sorted()
                .map(String.init) + [""]
        case .clientMetrics, .group: try ConfigQueries.list(kind, client)
        }
    }

    private static func exists(
        _ name: String, _ kind: ConfigResource.Kind, _ client: AdminClient
    ) throws -> Bool {
        if name.isEmpty { return true }
        // A group that has no configs of its own still has those of the broker.
        return try kind == .group || allNames(kind, client).contains(name)
    }
}
