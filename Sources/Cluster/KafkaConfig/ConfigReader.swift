/// Broker values once read, defaults included. Asking for a key with another type than its own, or
/// for one that has no value, is a mistake in the program.
struct ConfigReader {
    let values: [String: ConfigValue]
    /// Keys that were set and are known, sorted.
    private var known: [String] = []
    /// Keys that were set and are not known, sorted.
    private var unknown: [String] = []
    private var dynamicOnly: [String] = []

    init(values: [String: ConfigValue]) { self.values = values }

    /// Reads all keys that are set, and the defaults of the others.
    ///
    /// - Throws: `ConfigError` for the first key, by name, that is out of range; `missing` for a
    ///   required key.
    init(_ set: [String: String]) throws(ConfigError) {
        var values: [String: ConfigValue] = [:]
        let prefixes = ConfigReader.plugInPrefixes(set)
        for name in set.keys.sorted() {
            guard let text = set[name] else { continue }
            guard let definition = BrokerConfigs.definition(name) else {
                if !prefixes.contains(where: name.hasPrefix) { unknown.append(name) }
                continue
            }
            values[name] = try definition.parse(text, as: name)
            if BrokerConfigs.dynamicOnly.contains(name) {
                dynamicOnly.append(name)
            } else {
                known.append(name)
            }
        }
        for name in BrokerConfigs.required where values[name] == nil {
            throw .missing(name: name)
        }
        for definition in BrokerConfigs.all where values[definition.name] == nil {
            guard let text = definition.defaultValue else { continue }
            values[definition.name] = try definition.parse(text)
        }
        self.values = values
    }

    /// Prefixes of keys that plug-ins read, so that they are nobody's mistake.
    private static func plugInPrefixes(_ set: [String: String]) -> [String] {
        [
            set["remote.log.storage.manager.impl.prefix"] ?? "rsm.config.",
            set["remote.log.metadata.manager.impl.prefix"] ?? "rlmm.config.",
            "config.providers.",
        ]
    }

    func number(_ name: String) -> Int64 {
        guard case .number(let value) = values[name] else {
            preconditionFailure("\(name) is no number with a value")
        }
        return value
    }

    func flag(_ name: String) -> Bool {
        guard case .boolean(let value) = values[name] else {
            preconditionFailure("\(name) is no boolean with a value")
        }
        return value
    }

    func list(_ name: String) -> [String] {
        guard let value = listIfSet(name) else {
            preconditionFailure("\(name) is no list with a value")
        }
        return value
    }

    func listIfSet(_ name: String) -> [String]? {
        guard case .list(let value) = values[name] else { return nil }
        return value
    }

    func text(_ name: String) -> String? {
        guard case .text(let value) = values[name] else { return nil }
        return value
    }

    /// One sentence on unknown keys, one on keys without effect yet, and those on odd combinations.
    func warnings(implemented: Set<String>?) -> [String] {
        var warnings: [String] = []
        func add(_ sentence: String, _ names: [String]) {
            if names.isEmpty { return }
            warnings.append("\(sentence): \(names.joined(separator: ", "))")
        }
        add("These config keys are not known and are ignored", unknown)
        if let implemented {
            add(
                "These config keys are known but have no effect in Martlet yet",
                known.filter { !implemented.contains(BrokerConfigs.listenerBaseName($0) ?? $0) })
        }
        add("These config keys can only be set dynamically and are ignored", dynamicOnly)
        return warnings + oddCombinations
    }

    private var oddCombinations: [String] {
        var warnings: [String] = []
        let heartbeat = number("broker.heartbeat.interval.ms")
        let session = number("broker.session.timeout.ms")
        if heartbeat * 2 > session {
            warnings.append(
                "broker.heartbeat.interval.ms (\(heartbeat)) should be at most half of "
                    + "broker.session.timeout.ms (\(session)), or brokers lose their lease.")
        }
        if list("process.roles") == ["broker"] {
            let names = list("controller.listener.names")
            if names.count > 1 {
                warnings.append(
                    "Only the first of controller.listener.names counts on a node that is no "
                        + "controller: \(names[0])")
            }
            for key in ["create.topic.policy.class.name", "alter.config.policy.class.name"]
            where known.contains(key) {
                warnings.append("\(key) has an effect on controllers only.")
            }
        }
        return warnings
    }
}
