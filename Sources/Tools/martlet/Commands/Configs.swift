import MartletClient

/// `martlet configs`, `kafka-configs.sh`.
enum ConfigsTool: Tool {
    static let name = "configs"
    static let kafkaNames = ["kafka-configs"]
    static let summary =
        "Show and change configs of topics, brokers, groups and client metrics, quotas, "
        + "and credentials of users."
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
        let entities = try ConfigEntity.parse(options)
        let isAlter = action == "--alter"
        let changes = isAlter ? try ConfigChanges.parse(options) : []
        if isAlter { try checkAlter(options, entities) }
        let quotas = entities.contains { $0.kind == nil } ? QuotaConfigs(entities, console) : nil
        try quotas?.check(changes)
        let cluster = try AdminSession(options, id: "configs-tool")
        defer { cluster.close() }
        guard isAlter else {
            if let quotas {
                try quotas.describe(cluster, isJSON: options.has("--json"))
            } else {
                try describe(entities[0], options, cluster, console)
            }
            return 0
        }
        let entity = entities[0]
        let name = entity.name ?? ""
        if let quotas {
            try quotas.alter(changes, cluster)
        } else if let kind = entity.kind {
            try cluster.alterConfigs(of: ConfigResource(kind, name), changes)
        }
        console.print(
            name.isEmpty
                ? "Completed updating default config for \(entity.type) in the cluster."
                : "Completed updating config for \(entity.singular) \(name).")
        return 0
    }

    private static func checkAlter(
        _ options: ParsedOptions, _ entities: [ConfigEntity]
    ) throws(Failure) {
        try options.forbid("--add-config", with: ["--add-config-file"])
        guard entities.allSatisfy({ $0.name != nil }) else {
            throw .usage(
                entities.count > 1
                    ? "An entity name must be specified for every entity type."
                    : "An entity name must be specified with --alter of \(entities[0].type).")
        }
        let changes = ["--add-config", "--add-config-file", "--delete-config"]
        guard changes.contains(where: options.has) else {
            throw .usage(
                "At least one of \(changes.joined(separator: ", ")) must be specified with --alter."
            )
        }
    }

    private static func describe(
        _ entity: ConfigEntity, _ options: ParsedOptions, _ cluster: AdminSession,
        _ console: Console
    ) throws {
        guard let kind = entity.kind else { return }
        let all = options.has("--all")
        if let name = entity.name, !all, try !exists(name, kind, cluster) {
            console.print(
                "The \(entity.singular) '\(name)' doesn't exist and doesn't have dynamic config.")
            return
        }
        let names = try entity.name.map { [$0] } ?? allNames(kind, cluster)
        let resources = names.map { ConfigResource(kind, $0) }
        let found = try cluster.configs(of: resources)
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
        _ kind: ConfigResource.Kind, _ cluster: AdminSession
    ) throws -> [String] {
        switch kind {
        case .topic:
            try cluster.ask { try await $0.listTopics(includingInternal: true) }.map(\.name)
        case .broker, .brokerLogger:
            try cluster.ask { try await $0.describeCluster().nodes }.map(\.id.description) + [""]
        case .clientMetrics, .group: try cluster.names(of: kind)
        }
    }

    private static func exists(
        _ name: String, _ kind: ConfigResource.Kind, _ cluster: AdminSession
    ) throws -> Bool {
        if name.isEmpty { return true }
        // A group that has no configs of its own still has those of the broker.
        return try kind == .group || allNames(kind, cluster).contains(name)
    }
}
