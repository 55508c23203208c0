import ClientCore
import KafkaSecurity

extension SaslSettings {
    /// Has the client ask for a token before each authentication.
    ///
    ///     settings.network.sasl = .oauthBearer { try await identity.token() }
    ///
    /// What it throws ends the attempt to connect, and is told as `noCredentials`.
    public static func oauthBearer(
        _ token: @escaping @Sendable () async throws -> OAuthToken
    ) -> SaslSettings {
        .oauthBearer(
            OAuthTokenSource { answer in
                Task {
                    do { answer(.success(try await token())) } catch {
                        answer(.failure(.security(.noCredentials("\(error)"))))
                    }
                }
            })
    }

    /// Makes what one authentication begins with; `answer` is called once, at once or later, on
    /// whatever thread.
    func fetchCredentials(
        _ answer: @escaping @Sendable (Result<SaslCredentials, ClientError>) -> Void
    ) {
        switch self {
        case .plain(let username, let password):
            answer(.success(.plain(username: username, password: password)))
        case .scram(let hash, let username, let password):
            answer(
                .success(
                    .scram(hash, username: username, password: password, nonce: Self.newNonce())))
        case .oauthBearer(let source): source.ask { answer($0.map { .oauthBearer($0) }) }
        }
    }

    /// 192 bits that nobody can guess, as letters and digits.
    private static func newNonce() -> String {
        var source = SystemRandomNumberGenerator()
        return (0..<3).map { _ in
            let word: UInt64 = source.next()
            return String(word, radix: 36)
        }.joined()
    }
}
