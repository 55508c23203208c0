/// Puts a node's configs together from where they are given: command line over environment over
/// file over what a node without a file begins with.
struct ConfigLayers {
    /// The value that counts of each key that is set.
    private(set) var values: [String: String] = [:]

    /// Sets a key. What a weaker layer gave under another name of the same thing goes: an override
    /// `log.retention.hours` beats a `log.retention.ms` of the file.
    ///
    /// - Parameter fresh: keys that this layer has set so far; they stay.
    private mutating func set(_ key: String, _ value: String, fresh: Set<String>) {
        for name in Self.relatives(key) where name != key && !fresh.contains(name) {
            values[name] = nil
        }
        values[key] = value
    }

    /// Lays entries over what is there.
    mutating func add(_ entries: [PropertiesFile.Entry]) {
        var fresh: Set<String> = []
        for entry in entries {
            set(entry.key, entry.value, fresh: fresh)
            fresh.insert(entry.key)
        }
    }

    /// The names of one thing.
    private static func relatives(_ key: String) -> [String] {
        switch key {
        case "log.dir", "log.dirs": ["log.dir", "log.dirs"]
        case "node.id", "broker.id": ["node.id", "broker.id"]
        case "log.flush.interval.ms", "log.flush.scheduler.interval.ms": [key]
        case "security.inter.broker.protocol", "inter.broker.listener.name":
            ["security.inter.broker.protocol", "inter.broker.listener.name"]
        default: BrokerConfigs.listenerBaseName(key) == nil ? BrokerConfigs.synonyms(key) : [key]
        }
    }

    /// The config key of an environment variable: `MARTLET_LOG_RETENTION_MS` is
    /// `log.retention.ms`; `__` stands for an underscore, `___` for a hyphen. One that is not
    /// known but is with `martlet.` before it is that: `MARTLET_DURABILITY`. Nil for a variable
    /// without the prefix.
    static func key(ofVariable variable: String) -> String? {
        let prefix = "MARTLET_"
        guard variable.hasPrefix(prefix), variable.utf8.count > prefix.utf8.count else {
            return nil
        }
        var key = ""
        var underscores = 0
        for character in variable.dropFirst(prefix.count) {
            if character == "_" {
                underscores += 1
                continue
            }
            key += mark(underscores) + character.lowercased()
            underscores = 0
        }
        key += mark(underscores)
        if BrokerConfigs.definition(key) == nil, BrokerConfigs.definition("martlet." + key) != nil {
            return "martlet." + key
        }
        return key
    }

    private static func mark(_ underscores: Int) -> String {
        switch underscores {
        case 0: ""
        case 1: "."
        case 2: "_"
        case 3: "-"
        default: String(repeating: "_", count: underscores)
        }
    }

    /// What a node begins with that was given no file: controller and broker in one, on localhost,
    /// with internal topics of one replica.
    static let withoutFile: [PropertiesFile.Entry] = [
        .init(key: "process.roles", value: "broker,controller"),
        .init(key: "node.id", value: "1"),
        .init(key: "listeners", value: "PLAINTEXT://localhost:9092,\(controllerListener)"),
        .init(key: "controller.listener.names", value: "CONTROLLER"),
        .init(key: "log.dirs", value: "./data"),
        .init(key: "offsets.topic.replication.factor", value: "1"),
        .init(key: "transaction.state.log.replication.factor", value: "1"),
        .init(key: "transaction.state.log.min.isr", value: "1"),
        .init(key: "share.coordinator.state.topic.replication.factor", value: "1"),
        .init(key: "share.coordinator.state.topic.min.isr", value: "1"),
    ]

    private static let controllerListener = "CONTROLLER://localhost:9093"

    /// Completes a node without a file: own listeners still get a controller listener beside them,
    /// on a free port, so that several such nodes run on one machine; and the node is the one voter
    /// unless a quorum is named.
    mutating func completeWithoutFile() {
        let listeners = values["listeners"]?.commaSeparated ?? []
        let names = values["controller.listener.names"]?.commaSeparated ?? []
        if names == ["CONTROLLER"], !listeners.isEmpty,
            !listeners.contains(where: { ListenerEndpoint.name(of: $0) == "CONTROLLER" })
        {
            values["listeners"] = (listeners + ["CONTROLLER://localhost:0"]).joined(separator: ",")
        }
        let quorumKeys = ["controller.quorum.voters", "controller.quorum.bootstrap.servers"]
        if quorumKeys.allSatisfy({ values[$0] == nil }) {
            let id = values["node.id"] ?? values["broker.id"] ?? "1"
            values["controller.quorum.voters"] = "\(id.javaTrimmed)@localhost:9093"
        }
    }
}
