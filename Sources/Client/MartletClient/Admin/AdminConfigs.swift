public import ClientCore
import KafkaProtocol
public import KafkaWire

/// What configs belong to.
public struct ConfigResource: Sendable, Hashable, Comparable {
    public enum Kind: Int8, Sendable {
        case topic = 2
        case broker = 4
        case brokerLogger = 8
        case clientMetrics = 16
        case group = 32
    }
    public var kind: Kind
    /// Empty for the default of all brokers.
    public var name: String

    public init(_ kind: Kind, _ name: String) {
        self.kind = kind
        self.name = name
    }
    public static func topic(_ name: String) -> ConfigResource { .init(.topic, name) }
    public static func broker(_ id: BrokerID) -> ConfigResource { .init(.broker, "\(id)") }
    public static func group(_ id: String) -> ConfigResource { .init(.group, id) }

    public static func < (a: ConfigResource, b: ConfigResource) -> Bool {
        (a.kind.rawValue, a.name) < (b.kind.rawValue, b.name)
    }

    /// Configs of a broker itself are known to that broker only.
    fileprivate var target: AdminTarget {
        guard kind == .broker || kind == .brokerLogger, let id = Int32(name) else { return .any }
        return .broker(BrokerID(id))
    }
}

/// One config of a resource.
public struct ConfigEntry: Sendable, Hashable {
    /// Where a value comes from.
    public enum Source: Int8, Sendable {
        case unknown = 0
        case topic = 1
        case dynamicBroker = 2
        case dynamicDefaultBroker = 3
        case staticBroker = 4
        case `default` = 5
        case dynamicBrokerLogger = 6
        case clientMetrics = 7
        case group = 8
    }
    public var name: String
    /// `nil` for one that is sensitive, or has no value.
    public var value: String?
    public var source: Source
    public var isReadOnly: Bool
    public var isSensitive: Bool
    /// Where else a value could come from, the one in force first.
    public var synonyms: [Synonym]
    public var documentation: String?

    public struct Synonym: Sendable, Hashable {
        public var name: String
        public var value: String?
        public var source: Source
    }
}

/// A change of one config (KIP-339).
public enum ConfigChange: Sendable, Hashable {
    case set(String)
    /// Back to the default.
    case delete
    /// Adds elements to a list.
    case append(String)
    /// Takes elements out of a list.
    case subtract(String)

    fileprivate var operation: (code: Int8, value: String?) {
        switch self {
        case .set(let value): (0, value)
        case .delete: (1, nil)
        case .append(let value): (2, value)
        case .subtract(let value): (3, value)
        }
    }
}

extension Admin {
    /// The configs of resources.
    ///
    /// - Parameter names: those that are asked for; `nil` for all.
    public func describeConfigs(
        _ resources: [ConfigResource], names: [String]? = nil, includingSynonyms: Bool = false,
        includingDocumentation: Bool = false
    ) async throws(ClientError) -> [ConfigResource: Result<[ConfigEntry], ClientError>] {
        let build: @Sendable ([ConfigResource], Int16) -> DescribeConfigsRequest = {
            resources, version in
            var request = DescribeConfigsRequest(
                resources: resources.map {
                    .init(
                        resourceType: $0.kind.rawValue, resourceName: $0.name,
                        configurationKeys: names)
                })
            if version >= 1 { request.includeSynonyms = includingSynonyms }
            if version >= 3 { request.includeDocumentation = includingDocumentation }
            return request
        }
        return try await atTargets(resources, by: \.target) {
            target, resources throws(ClientError) in
            try await self.call(target, { build(resources, $0) }) {
                answer, _ throws(ClientError) in
                var found: [ConfigResource: Result<[ConfigEntry], ClientError>] = [:]
                for result in answer.results {
                    guard let kind = ConfigResource.Kind(rawValue: result.resourceType) else {
                        continue
                    }
                    found[.init(kind, result.resourceName)] = outcome(
                        result.errorCode, result.errorMessage, result.configs.map(Self.entry))
                }
                return found
            }
        }
    }

    private static func entry(
        _ config: DescribeConfigsResponse.DescribeConfigsResourceResult
    ) -> ConfigEntry {
        func source(_ code: Int8) -> ConfigEntry.Source { .init(rawValue: code) ?? .unknown }
        return ConfigEntry(
            name: config.name, value: config.value, source: source(config.configSource),
            isReadOnly: config.readOnly, isSensitive: config.isSensitive,
            synonyms: config.synonyms.map {
                .init(name: $0.name, value: $0.value, source: source($0.source))
            }, documentation: config.documentation)
    }

    /// Changes configs one by one; those that are not named stay (KIP-339).
    public func alterConfigs(
        _ changes: [ConfigResource: [String: ConfigChange]], validateOnly: Bool = false
    ) async throws(ClientError) -> [ConfigResource: Result<Void, ClientError>] {
        let asksControllers = settings.network.asksControllers
        return try await atTargets(
            changes.keys.sorted(),
            // The active controller changes configs of brokers that are away too.
            by: { asksControllers && $0.kind != .brokerLogger ? .controller : $0.target }
        ) { target, resources throws(ClientError) in
            let request = Self.request(changes, resources, validateOnly)
            return try await self.call(target, request) { answer throws(ClientError) in
                try Self.checkController(answer.responses.map(\.errorCode))
                var found: [ConfigResource: Result<Void, ClientError>] = [:]
                for result in answer.responses {
                    guard let kind = ConfigResource.Kind(rawValue: result.resourceType) else {
                        continue
                    }
                    found[.init(kind, result.resourceName)] = outcome(
                        result.errorCode, result.errorMessage, ())
                }
                return found
            }
        }
    }

    private static func request(
        _ changes: [ConfigResource: [String: ConfigChange]], _ resources: [ConfigResource],
        _ validateOnly: Bool
    ) -> IncrementalAlterConfigsRequest {
        var request = IncrementalAlterConfigsRequest(validateOnly: validateOnly)
        for resource in resources {
            var altered = IncrementalAlterConfigsRequest.AlterConfigsResource(
                resourceType: resource.kind.rawValue, resourceName: resource.name)
            for (name, change) in (changes[resource] ?? [:]).sorted(by: { $0.key < $1.key }) {
                let (code, value) = change.operation
                altered.configs.append(.init(name: name, configOperation: code, value: value))
            }
            request.resources.append(altered)
        }
        return request
    }

    /// Resources that have configs of their own (KIP-1142); `nil` for all kinds.
    public func listConfigResources(
        _ kinds: [ConfigResource.Kind]? = nil
    ) async throws(ClientError) -> [ConfigResource] {
        let kinds = kinds ?? [.clientMetrics, .topic, .broker, .brokerLogger, .group]
        return try await call(
            .any,
            { version in
                ListConfigResourcesRequest(
                    resourceTypes: version >= 1 ? kinds.map(\.rawValue) : [])
            }
        ) { answer, version throws(ClientError) in
            try ClientError.check(code: answer.errorCode)
            var resources: [ConfigResource] = []
            for found in answer.configResources {
                // Before version 1 there are those of client metrics only.
                let kind: ConfigResource.Kind? =
                    version >= 1 ? .init(rawValue: found.resourceType) : .clientMetrics
                if let kind { resources.append(.init(kind, found.resourceName)) }
            }
            return resources.sorted()
        }
    }

    private func atTargets<Value: Sendable>(
        _ resources: [ConfigResource], by target: (ConfigResource) -> AdminTarget,
        _ ask:
            @escaping @Sendable (AdminTarget, [ConfigResource]) async throws(ClientError) ->
            [ConfigResource: Result<Value, ClientError>]
    ) async throws(ClientError) -> [ConfigResource: Result<Value, ClientError>] {
        let targets = Dictionary(grouping: resources, by: target)
        let found = await each(Array(targets.keys)) { target throws(ClientError) in
            try await ask(target, (targets[target] ?? []).sorted())
        }
        var results: [ConfigResource: Result<Value, ClientError>] = [:]
        for (target, result) in found {
            for resource in targets[target] ?? [] {
                switch result {
                case .success(let answers): results[resource] = answers[resource]
                case .failure(let error): results[resource] = .failure(error)
                }
            }
        }
        return results
    }
}
