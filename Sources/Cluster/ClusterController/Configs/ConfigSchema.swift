import KafkaConfig
import KafkaProtocol

/// What may be set for each type of resource, and the checks of a whole set of configs.
enum ConfigSchema {
    /// The definition of a key of a resource type; `nil` for an unknown one.
    static func definition(_ key: String, of type: ConfigResourceType) -> ConfigDefinition? {
        switch type {
        case .topic: TopicConfigs.definition(key)
        case .broker: BrokerConfigs.definition(key)
        case .group: GroupConfigs.definition(key)
        case .clientMetrics: ClientMetricsConfigs.definition(key)
        default: nil
        }
    }

    /// Whether values can be appended to and subtracted from.
    static func isList(_ key: String, of type: ConfigResourceType) -> Bool {
        definition(key, of: type)?.type == .list
    }

    /// The value that a key has when nobody sets it.
    static func defaultValue(of key: String, for type: ConfigResourceType) -> String? {
        definition(key, of: type)?.defaultValue
    }

    /// Checks all configs of a client-metrics subscription (KIP-714).
    static func validateClientMetrics(_ configs: [String: String]) throws(DecisionFailure) {
        for (key, value) in configs.sorted(by: { $0.key < $1.key }) {
            guard let definition = ClientMetricsConfigs.definition(key) else {
                throw .init(
                    .invalidRequest, "Unknown client metrics configuration: \(key)")
            }
            let parsed = try parse(value, as: definition)
            guard key == "match", case .list(let patterns) = parsed else { continue }
            for pattern in patterns where !isMatchPattern(pattern) {
                throw .init(.invalidConfig, "Illegal client matching pattern: \(pattern)")
            }
        }
    }

    private static let matchParameters = [
        "client_instance_id", "client_id", "client_software_name", "client_software_version",
        "client_source_address", "client_source_port",
    ]

    /// Whether a pattern names something of a client; the regular expression is not read here.
    private static func isMatchPattern(_ pattern: String) -> Bool {
        let parts = pattern.split(separator: "=", omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[1].isEmpty else { return false }
        return matchParameters.contains(String(parts[0].filter { $0 != " " }))
    }

    /// Reads a value as its definition says; INVALID_CONFIG when that fails.
    static func parse(
        _ value: String, as definition: ConfigDefinition
    ) throws(DecisionFailure) -> ConfigValue {
        do throws(ConfigError) {
            return try definition.parse(value)
        } catch {
            throw .init(.invalidConfig, error.description)
        }
    }
}

extension Controller {
    /// Checks all configs that a resource will have, one by one and together.
    ///
    /// - Throws: INVALID_CONFIG; INVALID_REQUEST for brokers and unknown client-metrics keys.
    func validate(
        _ configs: [String: String], of resource: ConfigResource
    ) throws(DecisionFailure) {
        switch resource.type {
        case .topic: try validateTopic(configs, existing: image.configs[resource])
        case .broker: try validateBroker(configs, of: resource)
        case .group: try validateGroup(configs)
        case .clientMetrics: try ConfigSchema.validateClientMetrics(configs)
        default: break
        }
    }

    private func validateTopic(
        _ configs: [String: String], existing: [String: String]
    ) throws(DecisionFailure) {
        do throws(ConfigError) {
            try TopicConfigs.validate(
                configs, defaults: topicDefaults,
                remoteStorageAvailable:
                    settings.staticConfigs["remote.log.storage.system.enable"] == "true",
                existing: existing)
        } catch {
            throw .init(.invalidConfig, error.description)
        }
    }

    /// Keys that Apache Kafka changes in a running broker and this node does not: the sizes of its
    /// thread pools.
    static let takenAtTheStart = [
        "background.threads", "num.io.threads", "num.network.threads",
        "num.recovery.threads.per.data.dir", "num.replica.fetchers",
    ]

    /// Which of a broker's keys may change while it runs, and how (KIP-226).
    private func validateBroker(
        _ configs: [String: String], of resource: ConfigResource
    ) throws(DecisionFailure) {
        let existing = image.configs[resource]
        func refuse(_ message: String, _ keys: [String]) throws(DecisionFailure) {
            if keys.isEmpty { return }
            throw .init(
                .invalidRequest, "\(message): [\(keys.sorted().joined(separator: ", "))]")
        }
        try refuse(
            "Cannot update these configs dynamically",
            configs.keys.filter { BrokerConfigs.scope($0) == .readOnly })
        try refuse(
            "These security configs can be dynamically updated only per-listener using the "
                + "listener prefix",
            configs.keys.filter(BrokerConfigs.dynamicOnlyWithListenerPrefix.contains))
        try refuse(
            "This node takes these configs from its configuration file at the start only",
            Self.takenAtTheStart.filter { configs[$0] != nil && configs[$0] != existing[$0] })
        for (key, value) in configs.sorted(by: { $0.key < $1.key }) {
            // Unknown keys are kept, for plug-ins that read them.
            guard let definition = BrokerConfigs.definition(key) else { continue }
            do throws(ConfigError) {
                _ = try definition.parse(value)
            } catch {
                throw .init(.invalidRequest, error.description)
            }
        }
        if resource.name.isEmpty {
            try refuse(
                "Cannot update these configs at default cluster level, broker id must be "
                    + "specified",
                configs.keys.filter { BrokerConfigs.scope($0) == .perBroker })
        }
    }

    /// Group configs lie within what the brokers allow: `group.consumer.min.session.timeout.ms` and
    /// its like.
    private func validateGroup(_ configs: [String: String]) throws(DecisionFailure) {
        for (key, value) in configs.sorted(by: { $0.key < $1.key }) {
            guard let definition = GroupConfigs.definition(key) else {
                throw .init(
                    .invalidConfig, ConfigError.unknownKey(name: key, resource: "group").description
                )
            }
            let parsed = try ConfigSchema.parse(value, as: definition)
            guard case .number(let number) = parsed else { continue }
            let low = brokerBound("min", of: key)
            let high = brokerBound("max", of: key)
            let isWithin = number >= low ?? number && number <= high ?? number
            if isWithin { continue }
            guard let low, let high else {
                let bound = low.map { "at least \($0)" } ?? high.map { "at most \($0)" } ?? ""
                throw .init(.invalidConfig, "\(key) must be \(bound).")
            }
            throw .init(
                .invalidConfig, "\(key) must be in the range \(low) to \(high) inclusive.")
        }
    }

    /// The broker's bound of a group key: `group.share.max.…` for `share.…`, and, as Kafka names
    /// them, `group.streams.max.standby.replicas` for `streams.num.standby.replicas`.
    private func brokerBound(_ bound: String, of key: String) -> Int64? {
        let parts = key.split(separator: ".", maxSplits: 1)
        guard parts.count == 2 else { return nil }
        let what = parts[1].hasPrefix("num.") ? parts[1].dropFirst(4) : parts[1]
        let name = "group.\(parts[0]).\(bound).\(what)"
        let value = settings.staticConfigs[name] ?? BrokerConfigs.definition(name)?.defaultValue
        return value.flatMap { Int64($0) }
    }
}
