public import KafkaSecurity

/// How a client proves who it is: `sasl.mechanism` with what it takes.
public enum SaslSettings: Sendable {
    case plain(username: String, password: Secret)
    case scram(ScramHash, username: String, password: Secret)
    case oauthBearer(OAuthTokenSource)

    public var mechanism: SaslMechanism {
        switch self {
        case .plain: .plain
        case .scram(.sha256, _, _): .scramSHA256
        case .scram(.sha512, _, _): .scramSHA512
        case .oauthBearer: .oauthBearer
        }
    }
}

/// Where tokens come from. It is asked for one before each authentication and each
/// re-authentication (KIP-368), and may give the same as long as that is good.
public struct OAuthTokenSource: Sendable {
    /// Takes what comes of the question.
    public typealias Answer = @Sendable (Result<OAuthToken, ClientError>) -> Void

    /// Calls the answer once, from whatever thread, and does not block.
    public let ask: @Sendable (@escaping Answer) -> Void

    public init(_ ask: @escaping @Sendable (@escaping Answer) -> Void) { self.ask = ask }
}

/// Why a connection is not safe to use, or could not be made so.
public enum SecurityFailure: Error, Equatable, Sendable {
    /// The broker's certificate is not vouched for by whom the settings trust, or is out of date.
    case untrustedCertificate(String)
    /// The broker's certificate is for another name.
    case wrongHostName(String)
    /// TLS cannot be agreed on: another protocol, no version in common, no client certificate.
    case tls(String)
    /// The broker did not show that it knows the password, or what it says makes no sense.
    case brokerNotProven(String)
    /// There are no credentials, or they cannot be sent.
    case noCredentials(String)
}

extension SecurityFailure: CustomStringConvertible {
    public var description: String {
        switch self {
        case .untrustedCertificate(let reason): "the broker's certificate is not trusted: \(reason)"
        case .wrongHostName(let reason): "the broker's certificate is for another name: \(reason)"
        case .tls(let reason): "TLS: \(reason)"
        case .brokerNotProven(let reason): reason
        case .noCredentials(let reason): "no credentials: \(reason)"
        }
    }
}

extension ClientError {
    /// What an authentication that failed is told as.
    init(_ error: SaslError) {
        self =
            switch error {
            case .refused(let reason): .broker(.saslAuthenticationFailed, message: reason)
            case .unusableCredentials(let reason): .security(.noCredentials(reason))
            case .unacceptableChallenge, .serverNotProven:
                .security(.brokerNotProven("\(error)"))
            }
    }
}
