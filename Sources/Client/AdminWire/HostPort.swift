/// One address of a node, `host:port`, as `--bootstrap-server` and Metadata responses give it.
public struct HostPort: Hashable, Sendable, CustomStringConvertible {
    /// A name, an IPv4 address, or an IPv6 address without its brackets.
    public var host: String
    /// 1 to 65535.
    public var port: UInt16

    public init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }

    /// Parses `host:port` or `[ipv6]:port`, with an optional `LISTENER://` before it.
    ///
    /// Throws `AdminError.badAddress` when the port is missing, is no number or is out of range.
    public init(_ text: String) throws(AdminError) {
        var rest = text[...]
        while rest.first?.isWhitespace == true { rest.removeFirst() }
        while rest.last?.isWhitespace == true { rest.removeLast() }
        if let scheme = Self.find("://", in: rest) { rest = rest[scheme.upperBound...] }
        guard let colon = rest.lastIndex(of: ":") else { throw .badAddress(text) }
        guard let port = UInt16(rest[rest.index(after: colon)...]), port > 0 else {
            throw .badAddress(text)
        }
        var host = rest[..<colon]
        if host.first == "[", host.last == "]" { host = host.dropFirst().dropLast() }
        guard !host.isEmpty else { throw .badAddress(text) }
        self.init(host: String(host), port: port)
    }

    /// Parses a comma-separated list of at least one address.
    public static func list(_ text: String) throws(AdminError) -> [HostPort] {
        var addresses: [HostPort] = []
        for part in text.split(separator: ",") where !part.allSatisfy(\.isWhitespace) {
            addresses.append(try HostPort(String(part)))
        }
        guard !addresses.isEmpty else { throw .badAddress(text) }
        return addresses
    }

    private static func find(_ needle: String, in text: Substring) -> Range<Substring.Index>? {
        var index = text.startIndex
        while index < text.endIndex {
            if text[index...].hasPrefix(needle) {
                return index..<text.index(index, offsetBy: needle.count)
            }
            index = text.index(after: index)
        }
        return nil
    }

    public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}
