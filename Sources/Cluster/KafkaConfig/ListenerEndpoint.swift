/// An address of `listeners` or `advertised.listeners`: `NAME://host:port`.
public struct ListenerEndpoint: Sendable, Equatable {
    /// Name in capitals.
    public let name: String
    /// How its traffic is protected.
    public let securityProtocol: SecurityProtocol
    /// Host name or address; nil for every interface (advertised: this machine's own name).
    public let host: String?
    /// 0...65535; 0 takes a free port.
    public let port: Int

    /// Reads the entries of a list key.
    ///
    /// - Parameters:
    ///   - key: the key they come from, for messages.
    ///   - needsDistinctPorts: refuses two listeners on one port, unless it is 0 or one has an IPv4
    ///     and the other an IPv6 address.
    /// - Throws: `ConfigError` for another form, a name without protocol, a name or port taken
    ///   twice.
    static func parse(
        _ entries: [String], key: String, protocols: [String: SecurityProtocol],
        needsDistinctPorts: Bool
    ) throws(ConfigError) -> [ListenerEndpoint] {
        var endpoints: [ListenerEndpoint] = []
        for entry in entries {
            guard let parts = split(entry) else {
                throw .invalidValue(
                    name: key, value: entry, reason: "Expected NAME://host:port, port 0 to 65535")
            }
            guard let securityProtocol = protocols[parts.name] else {
                throw .invalidValue(
                    name: key, value: entry,
                    reason: "No security protocol defined for listener \(parts.name) in "
                        + "listener.security.protocol.map")
            }
            endpoints.append(
                ListenerEndpoint(
                    name: parts.name, securityProtocol: securityProtocol, host: parts.host,
                    port: parts.port))
        }
        try checkDistinct(endpoints, entries, key, needsDistinctPorts)
        return endpoints
    }

    /// The name in front of `://`, in capitals; nil when there is none.
    static func name(of entry: String) -> String? {
        guard let colon = entry.firstIndex(of: ":"), entry[colon...].hasPrefix("://") else {
            return nil
        }
        return entry[..<colon].uppercased()
    }

    private static func split(_ entry: String) -> (name: String, host: String?, port: Int)? {
        guard let name = name(of: entry), !name.isEmpty else { return nil }
        let address = entry.dropFirst(name.count + 3)
        guard let colon = address.lastIndex(of: ":"),
            let port = UInt16(address[address.index(after: colon)...])
        else { return nil }
        var host = address[..<colon]
        if host.first == "[", host.last == "]" { host = host.dropFirst().dropLast() }
        if host.isEmpty { return (name, nil, Int(port)) }
        guard isHostName(host) else { return nil }
        return (name, String(host), Int(port))
    }

    private static func checkDistinct(
        _ endpoints: [ListenerEndpoint], _ entries: [String], _ key: String, _ ports: Bool
    ) throws(ConfigError) {
        for (index, endpoint) in endpoints.enumerated() {
            for earlier in endpoints[..<index] {
                if earlier.name == endpoint.name {
                    throw .invalidValue(
                        name: key, value: entries.joined(separator: ","),
                        reason: "Each listener must have a different name")
                }
                guard ports, endpoint.port != 0, earlier.port == endpoint.port else { continue }
                let families = [earlier.isIPv4, earlier.isIPv6, endpoint.isIPv4, endpoint.isIPv6]
                if families == [true, false, false, true] { continue }
                if families == [false, true, true, false] { continue }
                throw .invalidValue(
                    name: key, value: entries.joined(separator: ","),
                    reason: "Each listener must have a different port unless one listener has an "
                        + "IPv4 address and the other an IPv6 address")
            }
        }
    }

    private var isIPv6: Bool { host?.contains(":") ?? false }

    private var isIPv4: Bool {
        guard let parts = host?.split(separator: ".", omittingEmptySubsequences: false) else {
            return false
        }
        return parts.count == 4 && parts.allSatisfy { UInt8($0) != nil }
    }
}
