/// The static configuration of a node: what `server.properties`, the environment and the command
/// line give, read and checked once at start.
public struct BrokerConfig: Sendable {
    /// Roles of `process.roles`.
    public enum Role: String, Sendable {
        case broker, controller
    }

    /// When a replica counts as holding a batch: `martlet.durability`.
    public enum Durability: String, Sendable {
        /// Once it is synced to disk.
        case flushed
        /// Once it is in the page cache.
        case replicated
    }

    /// Every key that is set, with its text: the static layer of DescribeConfigs.
    public let staticConfigs: [String: String]
    /// What an operator should see in the log at start, a sentence each.
    public let warnings: [String]

    public let roles: [Role]
    public let nodeID: Int32
    /// All listeners.
    public let listeners: [ListenerEndpoint]
    /// Names of `controller.listener.names`, in capitals.
    public let controllerListenerNames: [String]
    /// Addresses that clients are told; host nil stands for this machine's name.
    public let advertisedListeners: [ListenerEndpoint]
    /// Addresses that controllers and brokers are told.
    public let advertisedControllerListeners: [ListenerEndpoint]
    /// Listener between brokers, in capitals.
    public let interBrokerListenerName: String
    public let interBrokerSecurityProtocol: SecurityProtocol
    /// Security protocol of each listener name.
    public let securityProtocols: [String: SecurityProtocol]
    /// Data directories.
    public let logDirs: [String]
    /// Fixed voters; empty in a dynamic quorum.
    public let quorumVoters: [QuorumVoter]
    /// Controllers to ask first.
    public let quorumBootstrapServers: [HostPort]

    let values: [String: ConfigValue]

    /// Reads a node's configuration.
    ///
    /// - Parameters:
    ///   - file: entries of the config file; nil when none was given, then the node is broker and
    ///     controller in one on localhost:9092 over `./data`.
    ///   - environment: all environment variables; those that begin with `MARTLET_` count.
    ///   - overrides: `key=value` of the command line.
    ///   - implemented: keys that have an effect; the others that are set are named in one warning.
    ///     Nil leaves that warning out.
    /// - Throws: `ConfigError` for a value that is out of range or contradicts another.
    public init(
        file: [PropertiesFile.Entry]?, environment: [String: String] = [:],
        overrides: [PropertiesFile.Entry] = [], implemented: Set<String>? = nil
    ) throws(ConfigError) {
        var layers = ConfigLayers()
        layers.add(file ?? ConfigLayers.withoutFile)
        layers.add(
            environment.keys.sorted().compactMap { variable in
                guard let key = ConfigLayers.key(ofVariable: variable),
                    let value = environment[variable]
                else { return nil }
                return .init(key: key, value: value)
            })
        layers.add(overrides)
        if file == nil { layers.completeWithoutFile() }
        // What a node without a file begins with nobody has asked for, so nobody is warned of it.
        let ours = file == nil ? ConfigLayers.withoutFile.map(\.key) : []
        try self.init(set: layers.values, implemented: implemented?.union(ours))
    }

    private init(set: [String: String], implemented: Set<String>?) throws(ConfigError) {
        var set = set
        if set["node.id"] == nil { set["node.id"] = set["broker.id"] }
        let reader = try ConfigReader(set)
        let network = try NetworkConfig(reader)
        staticConfigs = set
        values = reader.values
        roles = reader.list("process.roles").compactMap(Role.init)
        nodeID = Int32(truncatingIfNeeded: reader.number("node.id"))
        listeners = network.listeners
        controllerListenerNames = network.controllerNames
        advertisedListeners = network.advertised
        advertisedControllerListeners = network.advertisedControllers
        interBrokerListenerName = network.interBrokerName
        interBrokerSecurityProtocol = network.interBrokerProtocol
        securityProtocols = network.protocols
        logDirs = reader.listIfSet("log.dirs") ?? reader.list("log.dir")
        quorumVoters = try QuorumVoter.parse(reader.list("controller.quorum.voters"))
        var servers: [HostPort] = []
        for entry in reader.list("controller.quorum.bootstrap.servers") {
            servers.append(try HostPort(bootstrapServer: entry))
        }
        quorumBootstrapServers = servers
        warnings = reader.warnings(implemented: implemented)
        try check()
    }

    /// Listeners that serve clients and brokers.
    public var brokerListeners: [ListenerEndpoint] {
        listeners.filter { !controllerListenerNames.contains($0.name) }
    }

    /// Listeners that serve the quorum.
    public var controllerListeners: [ListenerEndpoint] {
        listeners.filter { controllerListenerNames.contains($0.name) }
    }

    public var isBroker: Bool { roles.contains(.broker) }

    public var isController: Bool { roles.contains(.controller) }

    public var durability: Durability {
        Durability(rawValue: text("martlet.durability") ?? "") ?? .flushed
    }

    /// `martlet.memory.max` in bytes; nil for a quarter of RAM.
    public var memoryMax: Int? { numberIfSet("martlet.memory.max").map(Int.init) }

    /// `num.network.threads`; nil for one a core.
    public var networkThreads: Int? { numberIfSet("num.network.threads").map(Int.init) }

    /// Directory of the metadata log: `metadata.log.dir`, or the first data directory.
    public var metadataLogDir: String { text("metadata.log.dir") ?? logDirs[0] }

    /// Values that the node gives all topics, by topic key: only keys whose broker key is set.
    public var topicDefaults: [String: String] {
        var defaults: [String: String] = [:]
        for definition in TopicConfigs.all {
            for synonym in TopicConfigs.synonyms(definition.name) {
                guard let value = staticConfigs[synonym.name] else { continue }
                defaults[definition.name] = synonym.convert(value)
                break
            }
        }
        return defaults
    }
}

extension BrokerConfig {
    /// The value of an int, short or long key, its default when it is not set.
    public func number(_ name: String) -> Int64 { ConfigReader(values: values).number(name) }

    /// The value of such a key that may have none.
    public func numberIfSet(_ name: String) -> Int64? {
        guard case .number(let value) = values[name] else { return nil }
        return value
    }

    /// The value of a boolean key.
    public func flag(_ name: String) -> Bool { ConfigReader(values: values).flag(name) }

    /// The value of a string, class or password key; nil when it has none.
    public func text(_ name: String) -> String? {
        guard case .text(let value) = values[name] else { return nil }
        return value
    }

    /// The value of a list key.
    public func list(_ name: String) -> [String] { ConfigReader(values: values).list(name) }
}
