extension BrokerConfig {
    /// Checks values against each other, as Apache Kafka does at start.
    ///
    /// - Throws: `ConfigError.conflict` with a sentence that names the keys.
    func check() throws(ConfigError) {
        try checkIdentity()
        try checkLogs()
        try checkReplication()
        try checkQuorum()
        try checkListeners()
        try checkConnections()
        try TopicConfigs.validate([:], defaults: topicDefaults)
    }

    private func require(
        _ condition: Bool, _ sentence: @autoclosure () -> String
    ) throws(ConfigError) {
        if !condition { throw .conflict(sentence()) }
    }

    private func checkIdentity() throws(ConfigError) {
        let brokerID = number("broker.id")
        try require(
            staticConfigs["broker.id"] == nil || brokerID == Int64(nodeID),
            "node.id (\(nodeID)) and broker.id (\(brokerID)) must be set to the same value; "
                + "broker.id is deprecated.")
    }

    private func checkLogs() throws(ConfigError) {
        let rolls = numberIfSet("log.roll.ms") ?? 1
        try require(rolls >= 1, "log.roll.ms must be greater than or equal to 1, not \(rolls)")
        let jitter = numberIfSet("log.roll.jitter.ms") ?? 0
        try require(
            jitter >= 0, "log.roll.jitter.ms must be greater than or equal to 0, not \(jitter)")
        let retention =
            numberIfSet("log.retention.ms") ?? numberIfSet("log.retention.minutes")
            ?? number("log.retention.hours")
        try require(
            retention != 0,
            "log.retention.ms must be unlimited (-1) or, greater than or equal to 1, not 0")
        let threads = number("log.cleaner.threads")
        let buffer = number("log.cleaner.dedupe.buffer.size")
        try require(
            threads > 0 && buffer / threads > 1_048_576,
            "log.cleaner.dedupe.buffer.size (\(buffer)) must be more than 1 MiB for each of "
                + "log.cleaner.threads (\(threads)), of which there is at least one")
        let cordoned = list("cordoned.log.dirs")
        if cordoned.contains("*") {
            try require(
                cordoned.count == 1,
                "When cordoned.log.dirs is set to *, it must not contain other values")
        } else {
            let missing = cordoned.filter { !logDirs.contains($0) }
            try require(
                missing.isEmpty,
                "All entries in cordoned.log.dirs must be present in log.dirs or log.dir. Missing "
                    + "entries: \(missing.joined(separator: ", "))")
        }
    }

    private func checkReplication() throws(ConfigError) {
        let wait = number("replica.fetch.wait.max.ms")
        let timeout = number("replica.socket.timeout.ms")
        let lag = number("replica.lag.time.max.ms")
        try require(
            wait <= timeout,
            "replica.fetch.wait.max.ms (\(wait)) must not exceed replica.socket.timeout.ms "
                + "(\(timeout)), or fetches time out for nothing")
        try require(
            wait <= lag,
            "replica.fetch.wait.max.ms (\(wait)) must not exceed replica.lag.time.max.ms (\(lag)), "
                + "or replicas leave the ISR for nothing")
    }

    private func checkQuorum() throws(ConfigError) {
        try require(
            !quorumVoters.isEmpty || !quorumBootstrapServers.isEmpty,
            "With process.roles, either controller.quorum.bootstrap.servers or "
                + "controller.quorum.voters must name the controllers.")
        let isVoter = quorumVoters.contains { $0.id == nodeID }
        if isController {
            try require(
                quorumVoters.isEmpty || isVoter,
                "If process.roles contains the 'controller' role, the node id \(nodeID) must be "
                    + "included in controller.quorum.voters")
            let names = listeners.map(\.name)
            let strange = controllerListenerNames.filter { !names.contains($0) }
            try require(
                strange.isEmpty,
                "controller.listener.names must only contain values appearing in listeners when "
                    + "running the controller role, not \(strange.joined(separator: ","))")
        } else {
            try require(
                !isVoter,
                "If process.roles contains just the 'broker' role, the node id \(nodeID) must not "
                    + "be included in controller.quorum.voters")
            try require(
                !flag("controller.quorum.auto.join.enable"),
                "controller.quorum.auto.join.enable needs the 'controller' role in process.roles.")
            try require(
                controllerListeners.isEmpty,
                "controller.listener.names must not contain a value appearing in listeners when "
                    + "running just the broker role")
            let strange = controllerListenerNames.filter { securityProtocols[$0] == nil }
            try require(
                strange.isEmpty,
                "Controller listener \(strange.joined(separator: ",")) is not found in "
                    + "listener.security.protocol.map")
        }
    }

    private func checkListeners() throws(ConfigError) {
        let unroutable = (advertisedListeners + advertisedControllerListeners)
            .contains { $0.host == "0.0.0.0" }
        try require(
            !unroutable,
            "advertised.listeners cannot use the nonroutable meta-address 0.0.0.0; set it to an "
                + "address that clients reach")
        guard isBroker else {
            try require(
                brokerListeners.isEmpty,
                "listeners must only contain names of controller.listener.names when "
                    + "process.roles=controller")
            try require(
                text("inter.broker.listener.name") == nil
                    || !controllerListenerNames.contains(interBrokerListenerName),
                "controller.listener.names must not contain inter.broker.listener.name when "
                    + "process.roles=controller")
            return
        }
        let names = advertisedListeners.map(\.name)
        try require(
            !names.isEmpty,
            "There must be at least one broker advertised listener. Perhaps all listeners appear "
                + "in controller.listener.names?")
        try require(
            names.contains(interBrokerListenerName),
            "inter.broker.listener.name (\(interBrokerListenerName)) must be a listener name "
                + "defined in advertised.listeners: \(names.joined(separator: ","))")
        let all = listeners.map(\.name)
        try require(
            names.allSatisfy(all.contains),
            "advertised.listeners (\(names.joined(separator: ","))) must only have listener names "
                + "that are defined in listeners (\(all.joined(separator: ",")))")
        let prefix = "listener.name.\(interBrokerListenerName.lowercased())."
        let mechanisms =
            staticConfigs[prefix + "sasl.enabled.mechanisms"]?.commaSeparated
            ?? list("sasl.enabled.mechanisms")
        let mechanism = text("sasl.mechanism.inter.broker.protocol") ?? ""
        try require(
            !interBrokerSecurityProtocol.usesSASL || mechanisms.contains(mechanism),
            "sasl.mechanism.inter.broker.protocol (\(mechanism)) must be included in "
                + "sasl.enabled.mechanisms when brokers use SASL among themselves")
    }

    private func checkConnections() throws(ConfigError) {
        let queued = number("queued.max.request.bytes")
        let largest = number("socket.request.max.bytes")
        try require(
            queued <= 0 || queued >= largest,
            "queued.max.request.bytes (\(queued)) must be larger or equal to "
                + "socket.request.max.bytes (\(largest))")
        let overrides = (text("max.connections.per.ip.overrides") ?? "").commaSeparated
        for entry in overrides {
            guard let colon = entry.lastIndex(of: ":"), isHostName(entry[..<colon]),
                Int32(entry[entry.index(after: colon)...].drop { $0 == " " }) != nil
            else {
                throw .invalidValue(
                    name: "max.connections.per.ip.overrides", value: entry,
                    reason: "Expected host:count")
            }
        }
        try require(
            number("max.connections.per.ip") != 0 || !overrides.isEmpty,
            "max.connections.per.ip can be set to zero only if max.connections.per.ip.overrides "
                + "is set.")
        let idle = number("connections.max.idle.ms")
        let delay = number("connection.failed.authentication.delay.ms")
        try require(
            idle < 0 || delay < idle,
            "connection.failed.authentication.delay.ms (\(delay)) must be less than "
                + "connections.max.idle.ms (\(idle))")
    }
}
