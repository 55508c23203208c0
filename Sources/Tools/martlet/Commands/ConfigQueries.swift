import MartletClient

extension ConfigEntry {
    /// Whether nobody has set it.
    var isDefault: Bool { source == .default }

    /// The line that Kafka prints.
    var line: String {
        let places = synonyms.map { "\($0.source.title):\($0.name)=\($0.value ?? "null")" }
        return "  \(name)=\(value ?? "null") sensitive=\(isSensitive)"
            + " synonyms={\(places.joined(separator: ", "))}"
    }

    var json: JSON {
        .object([
            ("name", .string(name)), ("value", value.map(JSON.string) ?? .null),
            ("source", .string(source.title)), ("sensitive", .bool(isSensitive)),
        ])
    }
}

extension ConfigEntry.Source {
    /// Kafka's name, which `configs --describe` prints.
    var title: String {
        switch self {
        case .unknown: "UNKNOWN"
        case .topic: "DYNAMIC_TOPIC_CONFIG"
        case .dynamicBroker: "DYNAMIC_BROKER_CONFIG"
        case .dynamicDefaultBroker: "DYNAMIC_DEFAULT_BROKER_CONFIG"
        case .staticBroker: "STATIC_BROKER_CONFIG"
        case .default: "DEFAULT_CONFIG"
        case .dynamicBrokerLogger: "DYNAMIC_BROKER_LOGGER_CONFIG"
        case .clientMetrics: "DYNAMIC_CLIENT_METRICS_CONFIG"
        case .group: "DYNAMIC_GROUP_CONFIG"
        }
    }
}

extension AdminSession {
    /// All configs of each resource, with synonyms.
    func configs(of resources: [ConfigResource]) throws -> [ConfigResource: [ConfigEntry]] {
        guard !resources.isEmpty else { return [:] }
        return try ask { try await $0.describeConfigs(resources, includingSynonyms: true) }
            .whole(\.name)
    }

    /// Sets configs of one resource, or takes them away (`nil`).
    func alterConfigs(
        of resource: ConfigResource, _ changes: [(name: String, value: String?)]
    ) throws {
        var wanted: [String: ConfigChange] = [:]
        for (name, value) in changes { wanted[name] = value.map { .set($0) } ?? .delete }
        let all = [resource: wanted]
        try ask { try await $0.alterConfigs(all) }[resource]?.get()
    }

    /// Names of all resources of a kind that have configs (KIP-1142).
    func names(of kind: ConfigResource.Kind) throws -> [String] {
        try ask { try await $0.listConfigResources([kind]) }.map(\.name)
    }
}
