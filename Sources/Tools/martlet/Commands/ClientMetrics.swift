import MartletClient

/// `martlet client-metrics`, `kafka-client-metrics.sh` (KIP-714).
enum ClientMetricsTool: Tool {
    static let name = "client-metrics"
    static let kafkaNames = ["kafka-client-metrics"]
    static let summary = "Show and change which metrics clients push to the brokers."
    private static let settings = [
        ("--interval", "interval.ms"), ("--metrics", "metrics"), ("--match", "match"),
    ]
    static let options: [OptionSpec] =
        ClientOptions.specs + [
            .flag("--alter", help: "Make or change a subscription."),
            .flag("--delete", help: "Delete a subscription."),
            .flag("--describe", help: "Show one subscription, or all."),
            .flag("--list", help: "List the subscriptions."),
            .value("--name", label: "name", help: "The subscription."),
            .flag("--generate-name", help: "With --alter: make a name up."),
            .value(
                "--interval", label: "ms",
                help: "How often clients push; empty for the default."),
            .value(
                "--match", label: "k1=v1,k2=v2",
                help: "Which clients: client_id, client_instance_id, client_software_name, "
                    + "client_software_version, client_source_address, client_source_port.",
                isRepeatable: true),
            .value(
                "--metrics", label: "m1,m2", help: "Prefixes of metric names.",
                isRepeatable: true),
            .json,
        ]

    static func run(_ invocation: Invocation, _ console: Console) throws -> Int32 {
        let options = invocation.options
        let action = try options.exactlyOne(
            of: ["--alter", "--delete", "--describe", "--list"], "Command")
        _ = try options.required("--bootstrap-server")
        try check(options, action)
        let cluster = try AdminSession(options, id: "client-metrics-tool")
        defer { cluster.close() }
        do {
            switch action {
            case "--alter": try alter(options, cluster, console)
            case "--delete": try delete(try options.required("--name"), cluster, console)
            case "--describe": try describe(options, cluster, console)
            default:
                let names = try cluster.names(of: .clientMetrics)
                console.print(
                    options.has("--json")
                        ? JSON.array(names.map(JSON.string)).text : names.joined(separator: "\n"))
            }
        } catch {
            throw Failure("Error while executing client metrics command : \(error.cause)")
        }
        return 0
    }

    private static func check(_ options: ParsedOptions, _ action: String) throws(Failure) {
        if action == "--alter" {
            guard options.has("--name") != options.has("--generate-name") else {
                throw Failure("One of --name or --generate-name must be specified with --alter.")
            }
            if let interval = options.value("--interval"), !interval.isEmpty {
                guard Int32(interval) != nil else {
                    throw Failure(
                        "Invalid interval value. Enter an integer, or leave empty to reset.")
                }
            }
            return
        }
        try options.forbid(action, with: ["--generate-name"] + settings.map(\.0))
        if action == "--list" { try options.forbid(action, with: ["--name"]) }
        if action == "--delete", !options.has("--name") {
            throw Failure("A client metrics resource name must be specified with --delete.")
        }
    }

    private static func alter(
        _ options: ParsedOptions, _ cluster: AdminSession, _ console: Console
    ) throws {
        var generator = SystemRandomNumberGenerator()
        let name =
            options.value("--name") ?? KafkaUUID.random(using: &generator).description
        let changes = settings.filter { options.has($0.0) }.map { option, key in
            let value = options.values(option).joined(separator: ",")
            return (name: key, value: value.isEmpty ? nil : value)
        }
        try cluster.alterConfigs(of: ConfigResource(.clientMetrics, name), changes)
        console.print("Altered client metrics config for \(name).")
    }

    private static func delete(
        _ name: String, _ cluster: AdminSession, _ console: Console
    ) throws {
        let resource = ConfigResource(.clientMetrics, name)
        let entries = try cluster.configs(of: [resource])[resource] ?? []
        try cluster.alterConfigs(of: resource, entries.map { ($0.name, nil) })
        console.print("Deleted client metrics config for \(name).")
    }

    private static func describe(
        _ options: ParsedOptions, _ cluster: AdminSession, _ console: Console
    ) throws {
        var names = try cluster.names(of: .clientMetrics)
        if let name = options.value("--name") {
            names = names.filter { $0 == name }
            if names.isEmpty, !options.has("--json") {
                return console.print(
                    "The client metric resource \(name) doesn't exist and doesn't have dynamic "
                        + "config.")
            }
        }
        let resources = names.map { ConfigResource(.clientMetrics, $0) }
        let found = try cluster.configs(of: resources)
        if options.has("--json") {
            let documents = resources.map { resource in
                let entries = found[resource] ?? []
                return JSON.object([
                    ("name", .string(resource.name)),
                    (
                        "configs",
                        .object(entries.map { ($0.name, $0.value.map(JSON.string) ?? .null) })
                    ),
                ])
            }
            return console.print(JSON.array(documents).text)
        }
        for resource in resources {
            console.print("Client metrics configs for \(resource.name) are:")
            for entry in found[resource] ?? [] {
                console.print("  \(entry.name)=\(entry.value ?? "null")")
            }
        }
    }
}
