import MartletClient

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

    /// The entities that the options name: one, or a user and a client; throws `Failure` when they
    /// name none or do not fit.
    static func parse(_ options: ParsedOptions) throws(Failure) -> [ConfigEntity] {
        let long = ["--entity-type", "--entity-name", "--entity-default"]
        let short = (named + defaults).filter { options.has($0.0) }
        guard short.isEmpty || !long.contains(where: options.has) else {
            throw .usage(
                "--entity-{type,name,default} should not be used in conjunction with specific "
                    + "entity flags.")
        }
        let types = options.values("--entity-type") + short.map(\.1)
        guard !types.isEmpty else {
            throw .usage("At least one entity type must be specified.")
        }
        if let wrong = types.first(where: { !Self.types.contains($0) }) {
            throw .usage(
                "Invalid entity type \(wrong), the entity type must be one of "
                    + "\(Self.types.joined(separator: ", ")).")
        }
        guard Set(types).count == types.count else {
            throw .usage("Duplicate entity type(s) specified: \(types.joined(separator: ",")).")
        }
        guard types.count == 1 || Set(types) == ["users", "clients"] else {
            throw .usage(
                "Only 'users' and 'clients' entity types may be specified together.")
        }
        let names = names(options)
        guard names.count <= types.count else {
            throw .usage("More entity names specified than entity types.")
        }
        var entities: [ConfigEntity] = []
        for (index, type) in types.enumerated() {
            let entity = ConfigEntity(type: type, name: index < names.count ? names[index] : nil)
            try entity.check()
            entities.append(entity)
        }
        return entities
    }

    /// Names and defaults, in the order of their types.
    private static func names(_ options: ParsedOptions) -> [String] {
        let long = options.occurrences.filter {
            $0.name == "--entity-name" || $0.name == "--entity-default"
        }
        return (long.map { $0.value ?? "" })
            + named.compactMap { options.value($0.0) }
            + defaults.filter { options.has($0.0) }.map { _ in "" }
    }

    private func check() throws(Failure) {
        guard let name else { return }
        if type == "brokers" || type == "broker-loggers", !name.isEmpty, Int32(name) == nil {
            throw .usage(
                "The entity name for \(type) must be a valid integer broker id, but it is: \(name)")
        }
        if type == "ips", !name.isEmpty, !HostNames.isKnown(name) {
            throw .usage(
                "The entity name for \(type) must be a valid IP or resolvable host, but it is: "
                    + name)
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
    func dynamicSource(of name: String) -> ConfigEntry.Source {
        switch kind {
        case .topic: .topic
        case .broker: name.isEmpty ? .dynamicDefaultBroker : .dynamicBroker
        case .brokerLogger: .dynamicBrokerLogger
        case .clientMetrics: .clientMetrics
        case .group: .group
        case nil: .unknown
        }
    }
}
