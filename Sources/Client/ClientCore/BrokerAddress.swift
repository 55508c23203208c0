/// Where a broker listens.
public struct BrokerAddress: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// A name, an IPv4 address, or an IPv6 address without its brackets.
    public var host: String
    /// 1 to 65535.
    public var port: UInt16

    public init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }

    /// Parses a comma-separated list of `host:port` or `[ipv6]:port`, at least one, each with an
    /// optional `LISTENER://` before it.
    ///
    /// - Parameter key: the setting that `text` is the value of.
    /// - Throws: `invalidSetting` of that.
    public static func list(
        _ text: String, of key: String = "bootstrap.servers"
    ) throws(ClientError) -> [BrokerAddress] {
        var addresses: [BrokerAddress] = []
        for part in text.split(separator: ",") {
            let part = part.drop { $0 == " " }
            guard !part.isEmpty else { continue }
            guard let address = BrokerAddress(part) else {
                throw .invalidSetting(
                    key: key, value: text, reason: "'\(part)' is not host:port")
            }
            addresses.append(address)
        }
        guard !addresses.isEmpty else {
            throw .invalidSetting(
                key: key, value: text, reason: "give at least one host:port")
        }
        return addresses
    }

    private init?(_ text: Substring) {
        var rest = text
        while rest.last == " " { rest.removeLast() }
        if let slash = rest.lastIndex(of: "/") { rest = rest[rest.index(after: slash)...] }
        guard let colon = rest.lastIndex(of: ":"),
            let port = UInt16(rest[rest.index(after: colon)...]), port > 0
        else { return nil }
        var host = rest[..<colon]
        if host.first == "[", host.last == "]" { host = host.dropFirst().dropLast() }
        guard !host.isEmpty else { return nil }
        self.init(host: String(host), port: port)
    }

    public static func < (a: BrokerAddress, b: BrokerAddress) -> Bool {
        (a.host, a.port) < (b.host, b.port)
    }
    public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}
