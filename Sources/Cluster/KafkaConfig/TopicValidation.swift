extension TopicConfigs {
    /// Checks the overrides of a topic: names, values, and values against each other and against
    /// the defaults.
    ///
    /// - Parameters:
    ///   - overrides: keys set for the topic.
    ///   - defaults: values for keys that are not overridden, by topic key; where a key is missing,
    ///     Apache Kafka's default counts.
    ///   - remoteStorageAvailable: `remote.log.storage.system.enable` of the cluster.
    ///   - existing: overrides before the change; empty for a new topic.
    /// - Throws: `ConfigError` for the first key, by name, that does not hold.
    public static func validate(
        _ overrides: [String: String], defaults: [String: String] = [:],
        remoteStorageAvailable: Bool = false, existing: [String: String] = [:]
    ) throws(ConfigError) {
        var values: [String: ConfigValue] = [:]
        for name in overrides.keys.sorted() {
            guard let definition = definition(name), let text = overrides[name] else {
                throw .unknownKey(name: name, resource: "topic")
            }
            values[name] = try definition.parse(text)
        }
        for definition in all where values[definition.name] == nil {
            guard let text = defaults[definition.name] ?? definition.defaultValue else { continue }
            values[definition.name] = try definition.parse(text)
        }
        try checkTogether(
            TopicValues(values), remoteStorageAvailable: remoteStorageAvailable,
            wasRemote: existing["remote.storage.enable"]?.javaTrimmed.lowercased() == "true")
    }

    private static func checkTogether(
        _ values: TopicValues, remoteStorageAvailable: Bool, wasRemote: Bool
    ) throws(ConfigError) {
        let minimum = values.number("min.compaction.lag.ms")
        let maximum = values.number("max.compaction.lag.ms")
        if minimum > maximum {
            throw .conflict(
                "conflict topic config setting min.compaction.lag.ms (\(minimum)) > "
                    + "max.compaction.lag.ms (\(maximum))")
        }
        if values.flag("remote.storage.enable") {
            try checkRemote(values, available: remoteStorageAvailable)
        } else if wasRemote, !values.flag("remote.log.delete.on.disable") {
            throw .conflict(
                "remote.storage.enable cannot be turned off while its remote data stays. Keep the "
                    + "data readable with remote.storage.enable=true and "
                    + "remote.log.copy.disable=true, or delete it with "
                    + "remote.storage.enable=false and remote.log.delete.on.disable=true.")
        }
    }

    private static func checkRemote(
        _ values: TopicValues, available: Bool
    ) throws(ConfigError) {
        guard available else {
            throw .conflict(
                "remote.storage.enable=true needs tiered storage, which is off in this cluster "
                    + "(remote.log.storage.system.enable).")
        }
        let policies = values.list("cleanup.policy")
        guard policies.isEmpty || policies == ["delete"] else {
            throw .conflict(
                "remote.storage.enable=true needs cleanup.policy to be delete or empty, not "
                    + "\(policies.joined(separator: ",")).")
        }
        for unit in ["bytes", "ms"] {
            let total = values.number("retention.\(unit)")
            let local = values.number("local.retention.\(unit)")
            try checkLocalRetention(unit, local: local, total: total)
            try checkCopyLag(
                unit, lag: values.number("remote.copy.lag.\(unit)"),
                local: local == -2 ? total : local)
            if values.flag("remote.log.copy.disable"), local != -2, local != total {
                throw .conflict(
                    "remote.log.copy.disable=true needs local.retention.\(unit) (\(local)) to be "
                        + "-2 or equal to retention.\(unit) (\(total)).")
            }
        }
    }

    private static func checkLocalRetention(
        _ unit: String, local: Int64, total: Int64
    ) throws(ConfigError) {
        guard total > -1, local != -2 else { return }
        if local == -1 {
            throw .invalidValue(
                name: "local.retention.\(unit)", value: "-1",
                reason: "Value must not be -1 as retention.\(unit) value is set as \(total).")
        }
        if local > total {
            throw .invalidValue(
                name: "local.retention.\(unit)", value: String(local),
                reason: "Value must not be more than retention.\(unit) property value: \(total)")
        }
    }

    private static func checkCopyLag(
        _ unit: String, lag: Int64, local: Int64
    ) throws(ConfigError) {
        guard lag > 0, local >= 0, lag > local else { return }
        throw .invalidValue(
            name: "remote.copy.lag.\(unit)", value: String(lag),
            reason: "Value must not exceed local.retention.\(unit) (effective value: \(local))")
    }
}

/// Read values of all topic keys, by name.
struct TopicValues {
    private let values: [String: ConfigValue]

    init(_ values: [String: ConfigValue]) { self.values = values }

    func number(_ name: String) -> Int64 {
        guard case .number(let value) = values[name] else {
            preconditionFailure("\(name) is a number with a default")
        }
        return value
    }

    func flag(_ name: String) -> Bool {
        guard case .boolean(let value) = values[name] else {
            preconditionFailure("\(name) is a boolean with a default")
        }
        return value
    }

    func list(_ name: String) -> [String] {
        guard case .list(let value) = values[name] else {
            preconditionFailure("\(name) is a list with a default")
        }
        return value
    }
}
