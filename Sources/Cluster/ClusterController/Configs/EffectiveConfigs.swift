import KafkaConfig
import KafkaProtocol

/// A config with the value that counts and where it comes from.
public struct EffectiveConfig: Equatable, Sendable {
    public var name: String
    public var value: String?
    public var source: ConfigSource
}

extension Controller {
    /// What broker-level configs give a topic key: the node's own, those of all brokers, those of
    /// the file, in this order, under each name that the key has; `nil` when none does.
    private func brokerValue(
        ofTopicKey key: String
    ) -> (value: String, source: ConfigSource)? {
        let synonyms = TopicConfigs.synonyms(key)
        if synonyms.isEmpty { return nil }
        for (configs, source) in brokerLayers {
            for synonym in synonyms {
                if let value = configs[synonym.name] {
                    return (synonym.convert(value), source)
                }
            }
        }
        return nil
    }

    /// The broker-level configs, the strongest first.
    var brokerLayers: [(configs: [String: String], source: ConfigSource)] {
        [
            (image.configs[.broker(settings.nodeID)], .dynamicBroker),
            (image.configs[.allBrokers], .dynamicDefaultBroker),
            (settings.staticConfigs, .staticBroker),
        ]
    }

    /// The value of one key that counts for this broker; `nil` for a key that nobody sets and that
    /// has no default.
    public func effectiveBrokerConfig(_ key: String) -> String? {
        // Asked for often: the layers by themselves, without a list of them.
        image.configs[.broker(settings.nodeID)][key] ?? image.configs[.allBrokers][key]
            ?? settings.staticConfigs[key] ?? BrokerConfigs.definition(key)?.defaultValue
    }

    /// The value of one key that counts for a listener of this broker: what is set for the
    /// listener, or else for the broker.
    public func effectiveBrokerConfig(_ key: String, listener: String) -> String? {
        let own = "listener.name.\(listener.lowercased()).\(key)"
        for (configs, _) in brokerLayers {
            if let value = configs[own] { return value }
        }
        return effectiveBrokerConfig(key)
    }

    /// What broker-level configs give all topics, by topic key: only what differs from the
    /// defaults.
    public var topicDefaults: [String: String] {
        var defaults: [String: String] = [:]
        for definition in TopicConfigs.all {
            defaults[definition.name] = brokerValue(ofTopicKey: definition.name)?.value
        }
        return defaults
    }

    /// The value of one key for a topic with these overrides.
    func effectiveConfig(
        _ definition: ConfigDefinition, overrides: [String: String]
    ) -> EffectiveConfig {
        let name = definition.name
        if let value = overrides[name] {
            return EffectiveConfig(name: name, value: value, source: .dynamicTopic)
        }
        if let (value, source) = brokerValue(ofTopicKey: name) {
            return EffectiveConfig(name: name, value: value, source: source)
        }
        return EffectiveConfig(name: name, value: definition.defaultValue, source: .defaultValue)
    }

    /// All configs of a topic, sorted by key; internal ones only when they are set.
    private func effectiveConfigs(overrides: [String: String]) -> [EffectiveConfig] {
        TopicConfigs.all.filter { !$0.isInternal || overrides[$0.name] != nil }
            .map { effectiveConfig($0, overrides: overrides) }.sorted { $0.name < $1.name }
    }

    /// The value of one topic key for topics that do not set it; `nil` for an unknown key.
    func defaultTopicConfig(_ key: String) -> String? {
        TopicConfigs.definition(key).flatMap { effectiveConfig($0, overrides: [:]).value }
    }

    /// The value of one topic key that counts for a topic; `nil` for an unknown key.
    public func effectiveTopicConfig(_ key: String, of topic: String) -> String? {
        guard let definition = TopicConfigs.definition(key) else { return nil }
        return effectiveConfig(definition, overrides: image.configs[.topic(topic)]).value
    }

    /// The configs that CreateTopics answers with from version 5 on (KIP-525).
    func effectiveConfigs(
        ofNew topic: CreateTopicsRequest.CreatableTopic
    ) -> [CreateTopicsResponse.CreatableTopicConfigs] {
        var overrides: [String: String] = [:]
        for config in topic.configs { overrides[config.name] = config.value }
        return effectiveConfigs(overrides: overrides).map { config in
            let isSensitive = TopicConfigs.definition(config.name)?.isSensitive ?? true
            return .init(
                name: config.name, value: isSensitive ? nil : config.value, readOnly: false,
                configSource: config.source.rawValue, isSensitive: isSensitive)
        }
    }
}
