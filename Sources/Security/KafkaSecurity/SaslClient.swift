/// How a client proves who it is; the names are those of `sasl.mechanism`.
public enum SaslMechanism: String, Sendable, CaseIterable {
    case plain = "PLAIN"
    case scramSHA256 = "SCRAM-SHA-256"
    case scramSHA512 = "SCRAM-SHA-512"
    case oauthBearer = "OAUTHBEARER"
}

/// What one authentication begins with.
public enum SaslCredentials: Sendable, Equatable {
    /// RFC 4616.
    case plain(username: String, password: Secret)
    /// RFC 5802. The nonce is new and not to be guessed, of printable ASCII without a comma.
    case scram(ScramHash, username: String, password: Secret, nonce: String)
    /// RFC 7628.
    case oauthBearer(OAuthToken)

    public var mechanism: SaslMechanism {
        switch self {
        case .plain: .plain
        case .scram(.sha256, _, _, _): .scramSHA256
        case .scram(.sha512, _, _, _): .scramSHA512
        case .oauthBearer: .oauthBearer
        }
    }
}

/// Why an authentication came to nothing.
public enum SaslError: Error, Equatable, Sendable {
    /// The credentials cannot be sent as they are.
    case unusableCredentials(String)
    /// The server has refused them.
    case refused(String)
    /// The server's message makes no sense, or asks for what must not be.
    case unacceptableChallenge(String)
    /// The server has not shown that it knows the password: it is not who it should be.
    case serverNotProven
}

extension SaslError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .unusableCredentials(let reason): "the credentials cannot be used: \(reason)"
        case .refused(let reason): "the credentials were refused: \(reason)"
        case .unacceptableChallenge(let reason): "the broker's challenge: \(reason)"
        case .serverNotProven: "the broker does not know the password"
        }
    }
}

/// The client's side of one authentication, without the connection: what the server says goes in,
/// what to answer comes out.
///
/// States: new → `begin` → `take`, once for each message of the server, until it is `done` or
/// throws; after either it is of no more use.
public struct SaslClient: Sendable {
    /// What follows a message of the server.
    public enum Step: Sendable, Equatable {
        case send([UInt8])
        /// The server has accepted the client and, where the mechanism has that, proven itself.
        case done
    }

    private enum Exchange {
        case plain(username: String, password: Secret)
        case scram(ScramClient)
        case oauthBearer(OAuthBearerClient)
    }

    /// The longest message of a server in bytes.
    public static let challengeLimit = 65_536

    public let mechanism: SaslMechanism
    private var exchange: Exchange

    public init(_ credentials: SaslCredentials) {
        mechanism = credentials.mechanism
        switch credentials {
        case .plain(let username, let password):
            exchange = .plain(username: username, password: password)
        case .scram(let hash, let username, let password, let nonce):
            exchange = .scram(
                ScramClient(hash, username: username, password: password, nonce: nonce))
        case .oauthBearer(let token): exchange = .oauthBearer(OAuthBearerClient(token))
        }
    }

    /// The first message.
    ///
    /// - Throws: `unusableCredentials`.
    public func begin() throws(SaslError) -> [UInt8] {
        switch exchange {
        case .plain(let username, let password):
            guard !username.isEmpty, !(username + password.text).utf8.contains(0) else {
                throw .unusableCredentials("give a username, and no zero bytes")
            }
            return Array("\0\(username)\0\(password.text)".utf8)
        case .scram(let client): return try client.first()
        case .oauthBearer(let client): return try client.first()
        }
    }

    /// Takes a message of the server.
    ///
    /// - Throws: what keeps the authentication from its end; no message follows then.
    public mutating func take(_ challenge: [UInt8]) throws(SaslError) -> Step {
        guard challenge.count <= Self.challengeLimit else {
            throw .unacceptableChallenge("\(challenge.count) bytes are too many")
        }
        switch exchange {
        case .plain:
            // The server has nothing to say; what it says nonetheless changes nothing.
            return .done
        case .scram(var client):
            let step = try client.take(challenge)
            exchange = .scram(client)
            return step
        case .oauthBearer(var client):
            let step = try client.take(challenge)
            exchange = .oauthBearer(client)
            return step
        }
    }
}
