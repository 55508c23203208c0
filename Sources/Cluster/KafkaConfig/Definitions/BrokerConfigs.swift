/// Config keys of a node: all of Apache Kafka 4.4 and Martlet's own (`martlet.…`).
public enum BrokerConfigs {
    /// Every key, internal ones and those that can only be set dynamically included.
    public static let all: [ConfigDefinition] =
        node + network + log + replication + groups + shareGroups + transactions + tieredStorage
        + quotas + security + sasl + martlet

    private static let byName = ConfigTable(all)

    /// The definition of a key. For `listener.name.NAME.KEY` and `listener.name.NAME.MECHANISM.KEY`
    /// it is that of KEY; nil when the key is not known.
    public static func definition(_ name: String) -> ConfigDefinition? {
        if let definition = byName[name] { return definition }
        guard let base = listenerBaseName(name) else { return nil }
        return byName[base]
    }

    /// Keys without which a config file is refused.
    public static let required = ["process.roles", "node.id", "controller.listener.names"]

    /// Keys that exist only as dynamic configs; a config file that has them is not read for them.
    public static let dynamicOnly = [
        "leader.replication.throttled.rate", "follower.replication.throttled.rate",
        "replica.alter.log.dirs.io.max.bytes.per.second",
    ]

    /// Keys of TLS stores that may change dynamically only with a listener prefix.
    public static let dynamicOnlyWithListenerPrefix = [
        "ssl.keystore.type", "ssl.keystore.location", "ssl.keystore.password", "ssl.key.password",
        "ssl.truststore.type", "ssl.truststore.location", "ssl.truststore.password",
        "ssl.keystore.certificate.chain", "ssl.keystore.key", "ssl.truststore.certificates",
    ]

    /// Keys with a listener prefix that may still be set for the whole cluster.
    static let clusterLevelListenerKeys = [
        "max.connections", "max.connection.creation.rate", "num.network.threads",
    ]

    private static let listenerMechanismKeys = [
        "sasl.jaas.config", "sasl.login.callback.handler.class", "sasl.login.class",
        "sasl.server.callback.handler.class", "connections.max.reauth.ms",
    ]

    /// `KEY` of `listener.name.NAME.KEY` (a SASL mechanism in between is dropped); nil for a name
    /// without that prefix.
    public static func listenerBaseName(_ name: String) -> String? {
        let prefix = "listener.name."
        guard name.hasPrefix(prefix) else { return nil }
        let rest = name.dropFirst(prefix.count)
        guard let dot = rest.firstIndex(of: ".") else { return nil }
        let base = String(rest[rest.index(after: dot)...])
        return listenerMechanismKeys.first { base.hasSuffix($0) } ?? base
    }

    private static let synonymGroups = [
        ["log.roll.ms", "log.roll.hours"],
        ["log.roll.jitter.ms", "log.roll.jitter.hours"],
        ["log.retention.ms", "log.retention.minutes", "log.retention.hours"],
    ]

    /// Names under which a broker key can be set, the strongest first (KIP-226).
    public static func synonyms(_ name: String) -> [String] {
        if let group = synonymGroups.first(where: { $0.contains(name) }) { return group }
        if name == "log.flush.interval.ms" { return [name, "log.flush.scheduler.interval.ms"] }
        if let base = listenerBaseName(name) { return [name, base] }
        return [name]
    }

    /// Where a key may change, taking a listener prefix into account: a prefixed key may change for
    /// one broker, a few for the cluster. Nil when the key is not known.
    public static func scope(_ name: String) -> ConfigScope? {
        guard let definition = definition(name) else { return nil }
        guard let base = listenerBaseName(name) else { return definition.scope }
        return clusterLevelListenerKeys.contains(base) ? .clusterWide : .perBroker
    }
}

/// Definitions by name.
struct ConfigTable: Sendable {
    private let rows: [String: ConfigDefinition]

    /// Builds the index; two definitions of one name are a mistake in a table.
    init(_ definitions: [ConfigDefinition]) {
        rows = Dictionary(uniqueKeysWithValues: definitions.map { ($0.name, $0) })
    }

    subscript(name: String) -> ConfigDefinition? { rows[name] }
}

extension TopicConfigs {
    private static let byName = ConfigTable(all)

    /// The definition of a topic key; nil when it is not known.
    public static func definition(_ name: String) -> ConfigDefinition? { byName[name] }
}

extension GroupConfigs {
    private static let byName = ConfigTable(all)

    /// The definition of a group key; nil when it is not known.
    public static func definition(_ name: String) -> ConfigDefinition? { byName[name] }
}

extension ClientMetricsConfigs {
    private static let byName = ConfigTable(all)

    /// The definition of a client metrics key; nil when it is not known.
    public static func definition(_ name: String) -> ConfigDefinition? { byName[name] }
}
