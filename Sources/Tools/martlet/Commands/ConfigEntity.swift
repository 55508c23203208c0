/// What `configs` is asked about: a type and, perhaps, a name.
struct ConfigEntity: Equatable {
    /// Kafka's word for the type, in the plural.
    var type: String
    /// `nil`: all of that type; empty: the default of all.
    var name: String?

    /// Options that stand for a type with a name, and for a type with its default.
    private static let named = [
        ("--topic", "topics"), ("--client", "clients"), ("--user", "users"),
        ("--broker", "brokers"), ("--broker-logger", "broker-loggers"), ("--ip", "ips"),
        ("--client-metrics", "client-metrics"), ("--group", "groups"),
    ]
    private static let defaults = [
        ("--client-defaults", "clients"), ("--user-defaults", "users"),
        ("--broker-defaults", "brokers"), ("--ip-defaults", "ips"),
    ]
    private static let types = named.map(\.1)

    /// The entity that the options name; throws `Failure` when they name none or do not fit.
    static func parse(_ options: ParsedOptions) throws(Failure) -> ConfigEntity {
        let long = ["--entity-type", "--entity-name", "--entity-default"]
        let short = (named + defaults).filter { options.has($0.0) }
        guard short.isEmpty || !long.contains(where: options.has) else {
            throw .usage(
                "--entity-{type,name,default} should not be used in conjunction with specific "
                    + "entity flags.")
        }
        let types = options.values("--entity-type") + short.map(\.1)
        guard let type = types.first else {
            throw .usage("At least one entity type must be specified.")
        }
        if let wrong = types.first(where: { !Self.types.contains($0) }) {
            throw .usage(
                "Invalid entity type \(wrong), the entity type must be one of "
                    + "\(Self.types.joined(separator: ", ")).")
        }
        guard types.count == 1 || Set(types) == ["users", "clients"] else {
            throw .usage(
                "Only 'users' and 'clients' entity types may be specified together.")
        }
        let entity = ConfigEntity(type: type, name: name(options, short.first?.0))
        try entity.check()
        return entity
    }

    private static func name(_ options: ParsedOptions, _ flag: String?) -> String? {
        if let flag { return options.value(flag) ?? "" }
        if options.has("--entity-default") { return "" }
        return options.values("--entity-name").first
    }

    private func check() throws(Failure) {
        guard let name else { return }
        if type == "brokers" || type == "broker-loggers", !name.isEmpty, Int32(name) == nil {
            throw .usage(
                "The entity name for \(type) must be a valid integer broker id, but it is: \(name)")
        }
        if name.isEmpty, !hasDefault {
            throw .usage("\(type) have no default entity.")
        }
    }

    /// Whether there is a default for all of this type.
    var hasDefault: Bool { ["brokers", "users", "clients", "ips"].contains(type) }

    /// The word for one of them.
    var singular: String { String(type.dropLast()) }

    /// The protocol's number; `nil` for quotas and credentials, which have APIs of their own.
    var kind: ConfigResource.Kind? {
        switch type {
        case "topics": .topic
        case "brokers": .broker
        case "broker-loggers": .brokerLogger
        case "client-metrics": .clientMetrics
        case "groups": .group
        default: nil
        }
    }

    /// The source that marks a value as set at run time for this very entity.
    func dynamicSource(of name: String) -> ConfigSource {
        switch kind {
        case .topic: .dynamicTopic
        case .broker: name.isEmpty ? .dynamicDefaultBroker : .dynamicBroker
        case .brokerLogger: .dynamicBrokerLogger
        case .clientMetrics: .dynamicClientMetrics
        case .group: .dynamicGroup
        case nil: .unknown
        }
    }
}
