import AdminWire
import KafkaProtocol
import KafkaWire

/// What a config belongs to.
struct ConfigResource: Hashable {
    /// Kinds of owners, with the protocol's numbers.
    enum Kind: Int8 {
        case topic = 2
        case broker = 4
        case brokerLogger = 8
        case clientMetrics = 16
        case group = 32
    }
    var type: Kind
    /// Empty for the default of all brokers.
    var name: String
}

/// Where a config's value comes from, with the protocol's numbers and Kafka's names.
enum ConfigSource: Int8 {
    case unknown = 0
    case dynamicTopic = 1
    case dynamicBroker = 2
    case dynamicDefaultBroker = 3
    case staticBroker = 4
    case defaultConfig = 5
    case dynamicBrokerLogger = 6
    case dynamicClientMetrics = 7
    case dynamicGroup = 8

    /// The name that `configs --describe` prints.
    var name: String {
        switch self {
        case .unknown: "UNKNOWN"
        case .dynamicTopic: "DYNAMIC_TOPIC_CONFIG"
        case .dynamicBroker: "DYNAMIC_BROKER_CONFIG"
        case .dynamicDefaultBroker: "DYNAMIC_DEFAULT_BROKER_CONFIG"
        case .staticBroker: "STATIC_BROKER_CONFIG"
        case .defaultConfig: "DEFAULT_CONFIG"
        case .dynamicBrokerLogger: "DYNAMIC_BROKER_LOGGER_CONFIG"
        case .dynamicClientMetrics: "DYNAMIC_CLIENT_METRICS_CONFIG"
        case .dynamicGroup: "DYNAMIC_GROUP_CONFIG"
        }
    }
}

/// One config of one resource.
struct ConfigEntry: Equatable {
    /// One of the places that the value could come from, the strongest first.
    struct Synonym: Equatable {
        var name: String
        var value: String?
        var source: ConfigSource
    }
    var name: String
    var value: String?
    var source: ConfigSource
    var isSensitive = false
    var synonyms: [Synonym] = []

    /// Whether nobody has set it.
    var isDefault: Bool { source == .defaultConfig }

    /// The line that Kafka prints.
    var line: String {
        let places = synonyms.map { "\($0.source.name):\($0.name)=\($0.value ?? "null")" }
        return "  \(name)=\(value ?? "null") sensitive=\(isSensitive)"
            + " synonyms={\(places.joined(separator: ", "))}"
    }

    var json: JSON {
        .object([
            ("name", .string(name)), ("value", value.map(JSON.string) ?? .null),
            ("source", .string(source.name)), ("sensitive", .bool(isSensitive)),
        ])
    }
}

/// DescribeConfigs, IncrementalAlterConfigs and ListConfigResources.
enum ConfigQueries {
    /// The broker that must be asked for a resource; `nil`: any.
    private static func owner(_ resource: ConfigResource) throws(Failure) -> BrokerID? {
        guard resource.type == .broker || resource.type == .brokerLogger, !resource.name.isEmpty
        else { return nil }
        guard let id = Int32(resource.name) else {
            throw Failure("'\(resource.name)' is no broker id; ids are whole numbers.")
        }
        return BrokerID(id)
    }

    private static func byOwner(
        _ resources: [ConfigResource]
    ) throws(Failure) -> [(broker: BrokerID?, resources: [ConfigResource])] {
        var groups: [(broker: BrokerID?, resources: [ConfigResource])] = []
        for resource in resources {
            let owner = try owner(resource)
            if let index = groups.firstIndex(where: { $0.broker == owner }) {
                groups[index].resources.append(resource)
            } else {
                groups.append((owner, [resource]))
            }
        }
        return groups
    }

    /// All configs of each resource, with synonyms.
    static func describe(
        _ resources: [ConfigResource], _ client: AdminClient
    ) throws -> [ConfigResource: [ConfigEntry]] {
        var found: [ConfigResource: [ConfigEntry]] = [:]
        for (broker, resources) in try byOwner(resources) {
            let request = DescribeConfigsRequest(
                resources: resources.map {
                    .init(
                        resourceType: $0.type.rawValue, resourceName: $0.name,
                        configurationKeys: nil)
                }, includeSynonyms: true)
            let response =
                if let broker { try client.call(request, broker: broker) } else {
                    try client.call(request)
                }
            for result in response.results {
                try AdminError.check(
                    result.errorCode, result.errorMessage, context: result.resourceName)
                guard let type = ConfigResource.Kind(rawValue: result.resourceType) else {
                    continue
                }
                found[ConfigResource(type: type, name: result.resourceName)] =
                    result.configs.map(entry)
            }
        }
        return found
    }

    private static func entry(
        _ config: DescribeConfigsResponse.DescribeConfigsResourceResult
    ) -> ConfigEntry {
        ConfigEntry(
            name: config.name, value: config.value,
            source: ConfigSource(rawValue: config.configSource) ?? .unknown,
            isSensitive: config.isSensitive,
            synonyms: config.synonyms.map {
                .init(
                    name: $0.name, value: $0.value,
                    source: ConfigSource(rawValue: $0.source) ?? .unknown)
            })
    }

    /// Sets (`value`) and removes (`nil`) configs of one resource.
    static func alter(
        _ resource: ConfigResource, _ changes: [(name: String, value: String?)],
        _ client: AdminClient
    ) throws {
        let request = IncrementalAlterConfigsRequest(resources: [
            .init(
                resourceType: resource.type.rawValue, resourceName: resource.name,
                configs: changes.map {
                    .init(
                        name: $0.name, configOperation: $0.value == nil ? 1 : 0,
                        value: $0.value ?? "")
                })
        ])
        let response =
            if let broker = try owner(resource) {
                try client.call(request, broker: broker)
            } else {
                try client.callController(request)
            }
        for result in response.responses {
            try AdminError.check(result.errorCode, result.errorMessage)
        }
    }

    /// Names of all resources of a kind that have configs (KIP-1142).
    static func list(_ type: ConfigResource.Kind, _ client: AdminClient) throws -> [String] {
        let response = try client.call(
            ListConfigResourcesRequest(resourceTypes: [type.rawValue]))
        try AdminError.check(response.errorCode)
        return response.configResources.map(\.resourceName).sorted()
    }
}
