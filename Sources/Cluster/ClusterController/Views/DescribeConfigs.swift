import KafkaConfig
import KafkaProtocol

extension Controller {
    private typealias Result = DescribeConfigsResponse.DescribeConfigsResult
    private typealias Entry = DescribeConfigsResponse.DescribeConfigsResourceResult
    private typealias Synonym = DescribeConfigsResponse.DescribeConfigsSynonym

    /// Answers a DescribeConfigs request: each config with its value, its source, and, when asked
    /// for, every layer that sets it and its documentation (KIP-226, KIP-569).
    ///
    /// Refusals per resource: UNKNOWN_TOPIC_OR_PARTITION, INVALID_TOPIC_EXCEPTION, INVALID_REQUEST
    /// (another broker's configs, an empty name, log levels, an unknown type).
    public func describeConfigs(_ request: DescribeConfigsRequest) -> DescribeConfigsResponse {
        var response = DescribeConfigsResponse()
        for resource in request.resources {
            var result = Result()
            result.resourceType = resource.resourceType
            result.resourceName = resource.resourceName
            result.errorMessage = nil
            do throws(DecisionFailure) {
                var entries = try entries(
                    of: ConfigResource(
                        ConfigResourceType(rawValue: resource.resourceType),
                        resource.resourceName))
                if let keys = resource.configurationKeys {
                    entries.removeAll { !keys.contains($0.name) }
                }
                if !request.includeSynonyms {
                    for index in entries.indices { entries[index].synonyms = [] }
                }
                if !request.includeDocumentation {
                    for index in entries.indices { entries[index].documentation = nil }
                }
                result.configs = entries
            } catch {
                result.errorCode = error.error.rawValue
                result.errorMessage = error.message ?? error.error.message
            }
            response.results.append(result)
        }
        return response
    }

    private func entries(of resource: ConfigResource) throws(DecisionFailure) -> [Entry] {
        switch resource.type {
        case .topic:
            if let flaw = TopicName.flaw(of: resource.name) {
                throw .init(.invalidTopicException, flaw)
            }
            guard image.topics.id(of: resource.name) != nil else {
                throw .init(.unknownTopicOrPartition)
            }
            return entries(
                TopicConfigs.all, of: resource, source: .dynamicTopic,
                brokerKey: { TopicConfigs.synonyms($0).first?.name },
                values: { self.effectiveConfig($0, overrides: self.image.configs[resource]).value })
        case .broker: return try brokerEntries(resource.name)
        case .clientMetrics:
            if resource.name.isEmpty {
                throw .init(
                    .invalidRequest, "Client metrics subscription name must not be empty")
            }
            return entries(
                ClientMetricsConfigs.all, of: resource, source: .clientMetrics,
                brokerKey: { _ in nil },
                values: { self.image.configs[resource][$0.name] ?? $0.defaultValue })
        case .group:
            if resource.name.isEmpty {
                throw .init(.invalidRequest, "Group name must not be empty")
            }
            return entries(
                GroupConfigs.all, of: resource, source: .group,
                brokerKey: GroupConfigs.brokerSynonym,
                values: { self.groupValue($0, of: resource) })
        case .brokerLogger:
            throw .init(
                .invalidRequest,
                "This node keeps no log levels that can be described at run time.")
        default:
            throw .init(
                .invalidRequest, "Unsupported resource type: \(resource.type.rawValue)")
        }
    }
}

extension Controller {
    private func groupValue(_ definition: ConfigDefinition, of group: ConfigResource) -> String? {
        if let value = image.configs[group][definition.name] { return value }
        let key = GroupConfigs.brokerSynonym(definition.name)
        return key.flatMap { brokerSynonyms(of: $0).first?.value } ?? definition.defaultValue
    }

    /// Entries of a topic, group or subscription: what is set for it, then what brokers give it.
    private func entries(
        _ definitions: [ConfigDefinition], of resource: ConfigResource, source: ConfigSource,
        brokerKey: (String) -> String?, values: (ConfigDefinition) -> String?
    ) -> [Entry] {
        let overrides = image.configs[resource]
        let shown = definitions.filter { !$0.isInternal || overrides[$0.name] != nil }
        return shown.map { definition in
            var synonyms: [Synonym] = []
            if let value = overrides[definition.name] {
                synonyms.append(
                    .init(name: definition.name, value: value, source: source.rawValue))
            }
            if let key = brokerKey(definition.name) {
                synonyms += brokerSynonyms(of: key)
            } else if source == .group, let value = definition.defaultValue {
                synonyms.append(
                    .init(
                        name: definition.name, value: value,
                        source: ConfigSource.defaultValue.rawValue))
            }
            return entry(
                definition.name, definition, value: values(definition), synonyms: synonyms)
        }
    }

    /// The layers that set a broker key, the strongest first. As Kafka has it, layers that set it
    /// only under another name come after one that sets it under its own, or not at all.
    private func brokerSynonyms(of key: String) -> [Synonym] {
        let names = BrokerConfigs.synonyms(key)
        var synonyms: [Synonym] = []
        for (configs, source) in brokerLayers {
            for name in names {
                guard let value = configs[name] else { continue }
                synonyms.append(.init(name: name, value: value, source: source.rawValue))
            }
        }
        for name in names {
            guard let value = BrokerConfigs.definition(name)?.defaultValue else { continue }
            let source = ConfigSource.defaultValue.rawValue
            synonyms.append(.init(name: name, value: value, source: source))
        }
        return Array(synonyms.drop { $0.name != key })
    }

    /// - Parameter definition: `nil` for a key that nobody knows: it might be a secret, and is not
    ///   shown.
    private func entry(
        _ name: String, _ definition: ConfigDefinition?, value: String?, synonyms: [Synonym],
        readOnly: Bool = false
    ) -> Entry {
        let isSensitive = definition?.isSensitive ?? true
        var entry = Entry()
        entry.name = name
        entry.isSensitive = isSensitive
        entry.value = isSensitive ? nil : value
        entry.readOnly = readOnly
        entry.configSource = synonyms.first?.source ?? ConfigSource.defaultValue.rawValue
        entry.synonyms = synonyms.map {
            .init(name: $0.name, value: isSensitive ? nil : $0.value, source: $0.source)
        }
        entry.configType = definition?.type.rawValue ?? 0
        entry.documentation = definition?.documentation
        return entry
    }

    /// A broker's configs: all of this one's, or, for the empty name, those set for all brokers.
    private func brokerEntries(_ name: String) throws(DecisionFailure) -> [Entry] {
        if name.isEmpty {
            return image.configs[.allBrokers].sorted { $0.key < $1.key }.map { key, value in
                let source = ConfigSource.dynamicDefaultBroker
                return entry(
                    key, BrokerConfigs.definition(key), value: value,
                    synonyms: [.init(name: key, value: value, source: source.rawValue)],
                    readOnly: BrokerConfigs.scope(key) == .readOnly)
            }
        }
        guard let id = Int32(name) else {
            throw .init(
                .invalidRequest, "Broker id must be an integer, but it is: \(name)")
        }
        guard id == settings.nodeID else {
            throw .init(
                .invalidRequest,
                "Unexpected broker id, expected \(settings.nodeID) or empty string, but received "
                    + name)
        }
        let set = Set(brokerLayers.flatMap(\.configs.keys))
        let known = BrokerConfigs.all.filter { !$0.isInternal || set.contains($0.name) }
            .map(\.name)
        return (known + set.subtracting(known).sorted()).map { key in
            let definition = BrokerConfigs.definition(key)
            let synonyms = brokerSynonyms(of: key)
            return entry(
                key, definition, value: synonyms.first?.value ?? definition?.defaultValue,
                synonyms: synonyms, readOnly: BrokerConfigs.scope(key) == .readOnly)
        }
    }
}
