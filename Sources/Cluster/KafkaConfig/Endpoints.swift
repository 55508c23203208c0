/// A host and a port.
public struct HostPort: Sendable, Equatable {
    /// Name or address; an IPv6 address without brackets.
    public let host: String
    /// 0...65535.
    public let port: Int

    /// Makes it of its parts.
    public init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// Reads `host:port` or `[address]:port`; nil for another form.
    public init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"),
            let port = UInt16(text[text.index(after: colon)...])
        else { return nil }
        var host = text[..<colon]
        if host.first == "[", host.last == "]" { host = host.dropFirst().dropLast() }
        guard isHostName(host) else { return nil }
        self.init(host: String(host), port: Int(port))
    }

    /// Reads an entry of `controller.quorum.bootstrap.servers`.
    ///
    /// - Throws: `ConfigError.invalidValue` for another form than host:port.
    init(bootstrapServer text: String) throws(ConfigError) {
        guard let address = HostPort(text) else {
            throw .invalidValue(
                name: "controller.quorum.bootstrap.servers", value: text,
                reason: "Each entry should be in the form {host}:{port}")
        }
        self = address
    }
}

/// A fixed voter of the metadata quorum: an entry of `controller.quorum.voters`.
public struct QuorumVoter: Sendable, Equatable {
    /// Node id of the voter.
    public let id: Int32
    /// Where it listens.
    public let address: HostPort

    /// Reads `id@host:port` entries.
    ///
    /// - Throws: `ConfigError.invalidValue` for another form, a negative id or an id given twice.
    static func parse(_ entries: [String]) throws(ConfigError) -> [QuorumVoter] {
        var voters: [QuorumVoter] = []
        for entry in entries {
            let parts = entry.split(separator: "@", omittingEmptySubsequences: false)
            guard parts.count == 2, let id = Int32(parts[0]), id >= 0,
                let address = HostPort(String(parts[1])),
                !voters.contains(where: { $0.id == id })
            else {
                throw .invalidValue(
                    name: "controller.quorum.voters", value: entry,
                    reason: "Each entry should be in the form {id}@{host}:{port}, each id once")
            }
            voters.append(QuorumVoter(id: id, address: address))
        }
        return voters
    }
}

/// Letters, digits and `-._:%`, at least one: what Apache Kafka takes for a host name or address.
func isHostName(_ text: Substring) -> Bool {
    !text.isEmpty && text.utf8.allSatisfy(isHostByte)
}

/// A byte that may stand in a host name or address.
func isHostByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
        UInt8(ascii: "A")...UInt8(ascii: "Z"):
        true
    default: "-._:%".utf8.contains(byte)
    }
}

/// How a listener's traffic is protected.
public enum SecurityProtocol: String, Sendable, Equatable, CaseIterable {
    case plaintext = "PLAINTEXT"
    case ssl = "SSL"
    case saslPlaintext = "SASL_PLAINTEXT"
    case saslSSL = "SASL_SSL"

    /// All names, in Apache Kafka's order.
    static let names = allCases.map(\.rawValue)

    /// Code in broker registrations and Metadata (KIP-103).
    public var code: Int16 {
        switch self {
        case .plaintext: 0
        case .ssl: 1
        case .saslPlaintext: 2
        case .saslSSL: 3
        }
    }

    /// Clients have to authenticate with SASL.
    public var usesSASL: Bool { self == .saslPlaintext || self == .saslSSL }
}
