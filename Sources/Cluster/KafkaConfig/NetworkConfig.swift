/// Listeners of a node and how they hang together.
struct NetworkConfig {
    let protocols: [String: SecurityProtocol]
    let controllerNames: [String]
    let listeners: [ListenerEndpoint]
    let advertised: [ListenerEndpoint]
    let advertisedControllers: [ListenerEndpoint]
    let interBrokerName: String
    let interBrokerProtocol: SecurityProtocol

    /// Reads them.
    ///
    /// - Throws: `ConfigError` for an entry of another form, a listener without protocol, a name or
    ///   port taken twice, or both ways to name the listener between brokers at once.
    init(_ reader: ConfigReader) throws(ConfigError) {
        let names = reader.list("controller.listener.names").map { $0.uppercased() }
        let protocols = try Self.protocols(reader, controllerNames: names)
        let listeners = try ListenerEndpoint.parse(
            reader.list("listeners"), key: "listeners", protocols: protocols,
            needsDistinctPorts: true)
        let own = reader.listIfSet("advertised.listeners")
        let advertised = try ListenerEndpoint.parse(
            own ?? [], key: "advertised.listeners", protocols: protocols,
            needsDistinctPorts: false)
        let all = own == nil ? listeners : advertised
        (interBrokerName, interBrokerProtocol) = try Self.interBroker(reader, protocols)
        controllerNames = names
        self.protocols = protocols
        self.listeners = listeners
        self.advertised = all.filter { !names.contains($0.name) }
        let voters = try QuorumVoter.parse(reader.list("controller.quorum.voters"))
        let voter = voters.first { Int64($0.id) == reader.number("node.id") }
        advertisedControllers = Self.advertisedControllers(
            names, advertised, listeners, voter: voter)
    }

    /// `listener.security.protocol.map`; when it is not set and nothing is protected, controller
    /// listeners are PLAINTEXT by themselves.
    private static func protocols(
        _ reader: ConfigReader, controllerNames: [String]
    ) throws(ConfigError) -> [String: SecurityProtocol] {
        let key = "listener.security.protocol.map"
        let text = reader.text(key) ?? ""
        var map: [String: SecurityProtocol] = [:]
        for entry in text.commaSeparated where !entry.isEmpty {
            guard let colon = entry.lastIndex(of: ":"),
                let securityProtocol = SecurityProtocol(
                    rawValue: String(entry[entry.index(after: colon)...]).javaTrimmed)
            else {
                throw .invalidValue(
                    name: key, value: entry,
                    reason: "Expected NAME:PROTOCOL with PROTOCOL one of "
                        + SecurityProtocol.names.joined(separator: ", "))
            }
            let name = String(entry[..<colon]).javaTrimmed.uppercased()
            guard map.updateValue(securityProtocol, forKey: name) == nil else {
                throw .invalidValue(
                    name: key, value: text, reason: "Listener \(name) is given twice")
            }
        }
        let isDefault = text == BrokerConfigs.definition(key)?.defaultValue
        let used = reader.list("listeners").compactMap(ListenerEndpoint.name) + controllerNames
        let isProtected = used.contains { ["SSL", "SASL_SSL", "SASL_PLAINTEXT"].contains($0) }
        if isDefault, !isProtected {
            for name in controllerNames where map[name] == nil { map[name] = .plaintext }
        }
        return map
    }

    private static func interBroker(
        _ reader: ConfigReader, _ protocols: [String: SecurityProtocol]
    ) throws(ConfigError) -> (String, SecurityProtocol) {
        let securityProtocol = reader.text("security.inter.broker.protocol") ?? ""
        guard let name = reader.text("inter.broker.listener.name")?.uppercased() else {
            return (securityProtocol, SecurityProtocol(rawValue: securityProtocol) ?? .plaintext)
        }
        guard securityProtocol == SecurityProtocol.plaintext.rawValue else {
            throw .conflict(
                "Only one of inter.broker.listener.name and security.inter.broker.protocol "
                    + "should be set.")
        }
        guard let known = protocols[name] else {
            throw .conflict(
                "Listener with name \(name) defined in inter.broker.listener.name not found in "
                    + "listener.security.protocol.map.")
        }
        return (name, known)
    }

    /// For each controller listener name its advertised address, else its listener. The address of
    /// this node among the voters stands in for the first when that listens everywhere.
    private static func advertisedControllers(
        _ names: [String], _ advertised: [ListenerEndpoint], _ listeners: [ListenerEndpoint],
        voter: QuorumVoter?
    ) -> [ListenerEndpoint] {
        names.enumerated().compactMap { index, name in
            if let endpoint = advertised.first(where: { $0.name == name }) { return endpoint }
            guard let endpoint = listeners.first(where: { $0.name == name }) else { return nil }
            guard endpoint.host == nil || endpoint.host == "0.0.0.0" else { return endpoint }
            let address = index == 0 ? voter?.address : nil
            return ListenerEndpoint(
                name: name, securityProtocol: endpoint.securityProtocol, host: address?.host,
                port: address?.port ?? endpoint.port)
        }
    }
}
