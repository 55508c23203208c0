public import ClientCore
import KafkaProtocol
public import KafkaSecurity

/// A token by which somebody may authenticate as another (KIP-48).
public struct DelegationToken: Sendable, Hashable {
    public var id: String
    /// As whom it authenticates, as `User:alice`.
    public var owner: String
    /// Who asked for it; `nil` for brokers before 3.3.
    public var requester: String?
    /// Milliseconds since the epoch.
    public var issued: Int64
    public var expires: Int64
    /// However often it is renewed.
    public var expiresAtLatest: Int64
    /// Who may renew it, besides its owner.
    public var renewers: [String]
    /// What proves it: the password of the token's id under SCRAM, as base64.
    public var hmac: TokenSecret
}

/// A token's secret, which descriptions leave out.
public struct TokenSecret: Sendable, Hashable, CustomStringConvertible, CustomReflectable {
    public var bytes: [UInt8]
    public init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// As SCRAM takes it for a password.
    public var password: Secret { Secret(Base64.encode(bytes)) }
    public var description: String { "hidden" }
    public var customMirror: Mirror { Mirror(self, children: []) }
}

extension Admin {
    /// Makes a token for this client's user, or for `owner` where that is allowed.
    ///
    /// - Parameters:
    ///   - renewers: who may renew it too, as `User:bob`.
    ///   - lifetime: at most so long, however often it is renewed; as the brokers have it without.
    public func createDelegationToken(
        owner: String? = nil, renewers: [String] = [], lifetime: Duration? = nil
    ) async throws(ClientError) -> DelegationToken {
        let (ownerType, ownerName) = try owner.map(Self.principal) ?? ("", "")
        var allowed: [CreateDelegationTokenRequest.CreatableRenewers] = []
        for renewer in renewers {
            let (type, name) = try Self.principal(renewer)
            allowed.append(.init(principalType: type, principalName: name))
        }
        let all = allowed
        return try await call(
            .controller,
            { version in
                var request = CreateDelegationTokenRequest(
                    renewers: all, maxLifetimeMs: Self.milliseconds(lifetime))
                if version >= 3 {
                    request.ownerPrincipalType = owner == nil ? nil : ownerType
                    request.ownerPrincipalName = owner == nil ? nil : ownerName
                }
                return request
            }
        ) { answer, version throws(ClientError) in
            try ClientError.check(code: answer.errorCode)
            return DelegationToken(
                id: answer.tokenID, owner: "\(answer.principalType):\(answer.principalName)",
                requester: version < 3
                    ? nil
                    : "\(answer.tokenRequesterPrincipalType):"
                        + answer.tokenRequesterPrincipalName,
                issued: answer.issueTimestampMs, expires: answer.expiryTimestampMs,
                expiresAtLatest: answer.maxTimestampMs, renewers: renewers,
                hmac: TokenSecret(answer.hmac))
        }
    }

    /// Lets a token live on; when it expires then, in milliseconds since the epoch.
    ///
    /// - Parameter period: from now; as the brokers have it without.
    public func renewDelegationToken(
        _ hmac: TokenSecret, for period: Duration? = nil
    ) async throws(ClientError) -> Int64 {
        let request = RenewDelegationTokenRequest(
            hmac: hmac.bytes, renewPeriodMs: Self.milliseconds(period))
        return try await call(.controller, request) { answer throws(ClientError) in
            try ClientError.check(code: answer.errorCode)
            return answer.expiryTimestampMs
        }
    }

    /// Has a token end; when it does, in milliseconds since the epoch.
    ///
    /// - Parameter period: from now; at once without.
    public func expireDelegationToken(
        _ hmac: TokenSecret, after period: Duration? = nil
    ) async throws(ClientError) -> Int64 {
        let request = ExpireDelegationTokenRequest(
            hmac: hmac.bytes, expiryTimePeriodMs: Self.milliseconds(period))
        return try await call(.controller, request) { answer throws(ClientError) in
            try ClientError.check(code: answer.errorCode)
            return answer.expiryTimestampMs
        }
    }

    /// The tokens that this client's user may see.
    ///
    /// - Parameter owners: only theirs, as `User:alice`; those of all without.
    public func describeDelegationTokens(
        owners: [String]? = nil
    ) async throws(ClientError) -> [DelegationToken] {
        var request = DescribeDelegationTokenRequest(owners: nil)
        if let owners {
            var asked: [DescribeDelegationTokenRequest.DescribeDelegationTokenOwner] = []
            for owner in owners {
                let (type, name) = try Self.principal(owner)
                asked.append(.init(principalType: type, principalName: name))
            }
            request.owners = asked
        }
        let complete = request
        return try await call(.any, { _ in complete }) { answer, version throws(ClientError) in
            try ClientError.check(code: answer.errorCode)
            return answer.tokens.map { token in
                DelegationToken(
                    id: token.tokenID, owner: "\(token.principalType):\(token.principalName)",
                    requester: version < 3
                        ? nil
                        : "\(token.tokenRequesterPrincipalType):"
                            + token.tokenRequesterPrincipalName,
                    issued: token.issueTimestamp, expires: token.expiryTimestamp,
                    expiresAtLatest: token.maxTimestamp,
                    renewers: token.renewers.map { "\($0.principalType):\($0.principalName)" },
                    hmac: TokenSecret(token.hmac))
            }.sorted { $0.id < $1.id }
        }
    }

    private static func milliseconds(_ duration: Duration?) -> Int64 {
        duration.map { $0.wholeNanoseconds / 1_000_000 } ?? -1
    }

    private static func principal(
        _ text: String
    ) throws(ClientError) -> (type: String, name: String) {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[0].isEmpty else {
            throw .invalidSetting(key: "principal", value: text, reason: "give TYPE:NAME")
        }
        return (String(parts[0]), String(parts[1]))
    }
}
