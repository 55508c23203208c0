import KafkaProtocol
import KafkaSecurity

@testable import ClientCore

/// The brokers' side of PLAIN.
struct ModelSasl {
    var mechanisms = ["PLAIN"]
    var password = "sesame"
    var lifetime: Int64 = 0
    /// What is said to the tokens of mechanisms other than PLAIN, in order.
    var challenges: [String] = []
    /// Nodes that refuse whoever comes.
    var closed: Set<Int32> = []
    /// Nodes at which an authentication was asked for, in order.
    private(set) var attempts: [Int32] = []

    /// What the shell gives for a session.
    func credentials(_ settings: SaslSettings) -> Result<SaslCredentials, ClientError> {
        switch settings {
        case .plain(let username, let password):
            .success(.plain(username: username, password: password))
        case .scram(let hash, let username, let password):
            .success(.scram(hash, username: username, password: password, nonce: "nonce"))
        case .oauthBearer: .success(.oauthBearer(OAuthToken("token")))
        }
    }

    mutating func answer(
        _ request: SaslHandshakeRequest, at node: Int32
    ) -> SaslHandshakeResponse {
        attempts.append(node)
        let isOffered = mechanisms.contains(request.mechanism)
        return SaslHandshakeResponse(
            errorCode: isOffered ? 0 : KafkaError.unsupportedSaslMechanism.code,
            mechanisms: mechanisms)
    }

    mutating func answer(
        _ request: SaslAuthenticateRequest, at node: Int32
    ) -> SaslAuthenticateResponse {
        if !challenges.isEmpty {
            return SaslAuthenticateResponse(authBytes: Array(challenges.removeFirst().utf8))
        }
        let isRight = request.authBytes == Array("\0alice\0\(password)".utf8)
        guard isRight, !closed.contains(node) else {
            return SaslAuthenticateResponse(
                errorCode: KafkaError.saslAuthenticationFailed.code, errorMessage: "no")
        }
        return SaslAuthenticateResponse(sessionLifetimeMs: lifetime)
    }
}
