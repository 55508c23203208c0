public import KafkaSecurity

/// How a client's connections are encrypted, and whom it trusts; keys and certificates are PEM.
public struct TLSSettings: Sendable {
    /// PEM: in memory, or in a file that is read when the client is made.
    public enum PEM: Sendable {
        case text(Secret)
        case file(String)
    }

    /// `ssl.truststore.*`: the certificates of who may vouch for a broker; `nil` for those that
    /// the system trusts.
    public var trusted: PEM?
    /// `ssl.keystore.*`: this client's own certificate and those that vouch for it, for brokers
    /// that ask for one.
    public var certificateChain: PEM?
    /// The private key of `certificateChain`.
    public var privateKey: PEM?
    /// `ssl.key.password`
    public var keyPassword: Secret?
    /// `ssl.endpoint.identification.algorithm`: whether a broker's certificate must be for the name
    /// that it was connected to by. Without, whoever has any trusted certificate can pose as it.
    public var verifiesHostName = true
    /// Whether TLS 1.2 is accepted beside TLS 1.3.
    public var allowsTLS12 = true

    public init() {}
}
