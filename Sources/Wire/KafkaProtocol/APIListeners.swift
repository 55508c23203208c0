/// The kinds of listener that serve an API.
public struct APIListeners: OptionSet, Sendable {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }
    /// Listeners of brokers, to which clients connect.
    public static let broker = APIListeners(rawValue: 1)
    /// Listeners of controllers (`controller.listener.names`).
    public static let controller = APIListeners(rawValue: 2)
}

extension APIKey {
    /// The version of `RequestHeader` that goes before a request of `version`: 2 with tagged
    /// fields, else 1. The API version need not be a valid one.
    public func requestHeaderVersion(for version: Int16) -> Int16 {
        isFlexible(version) ? 2 : 1
    }

    /// The version of `ResponseHeader` that goes before a response of `version`: 1 with tagged
    /// fields, else 0. Always 0 for ApiVersions, whose client does not know yet what the server
    /// understands (KIP-511).
    public func responseHeaderVersion(for version: Int16) -> Int16 {
        self != .apiVersions && isFlexible(version) ? 1 : 0
    }

    /// Whether `version` has compact lengths and tagged fields.
    public func isFlexible(_ version: Int16) -> Bool {
        guard let first = firstFlexibleVersion else { return false }
        return version >= first
    }
}
