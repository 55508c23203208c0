public import ClientCore
import KafkaProtocol
public import KafkaSecurity

/// A mechanism of RFC 5802.
public enum ScramMechanism: Int8, Sendable {
    case sha256 = 1
    case sha512 = 2
}

/// A credential to be kept by the cluster (KIP-554).
public struct ScramCredential: Sendable, Hashable {
    public var mechanism: ScramMechanism
    /// 4096 to 16384.
    public var iterations: Int32
    public var salt: [UInt8]
    /// `Hi(password, salt, iterations)` of RFC 5802: the password itself stays with the caller.
    public var saltedPassword: [UInt8]

    public init(
        _ mechanism: ScramMechanism, iterations: Int32, salt: [UInt8], saltedPassword: [UInt8]
    ) {
        self.mechanism = mechanism
        self.iterations = iterations
        self.salt = salt
        self.saltedPassword = saltedPassword
    }

    /// A credential of a password, with a salt of its own.
    public init(_ mechanism: ScramMechanism, password: Secret, iterations: Int32 = 4096) {
        var random = SystemRandomNumberGenerator()
        let salt = (0..<20).map { _ in UInt8.random(in: 0...255, using: &random) }
        let hash: ScramHash = mechanism == .sha256 ? .sha256 : .sha512
        self.init(
            mechanism, iterations: iterations, salt: salt,
            saltedPassword: hash.saltedPassword(
                Array(password.text.utf8), salt, Int(iterations)))
    }
}

/// An entry of an access control list, or, with `nil` for anything, a filter of them. Codes are
/// those of Kafka's `ResourceType`, `PatternType`, `AclOperation` and `AclPermissionType`.
public struct AccessRule: Sendable, Hashable {
    public enum Resource: Int8, Sendable {
        case topic = 2
        case group = 3
        case cluster = 4
        case transactionalID = 5
        case delegationToken = 6
        case user = 7
    }
    public enum Pattern: Int8, Sendable {
        /// In a filter: literal, prefixed and wildcard entries that apply to the name.
        case match = 2
        case literal = 3
        case prefixed = 4
    }
    public enum Operation: Int8, Sendable {
        case all = 2
        case read, write, create, delete, alter, describe, clusterAction, describeConfigs
        case alterConfigs, idempotentWrite, createTokens, describeTokens, twoPhaseCommit
    }
    public enum Permission: Int8, Sendable {
        case deny = 2
        case allow = 3
    }
    public var resource: Resource?
    public var name: String?
    public var pattern: Pattern?
    /// `User:alice`
    public var principal: String?
    /// An address, or `*`.
    public var host: String?
    public var operation: Operation?
    public var permission: Permission?

    public init(
        _ resource: Resource? = nil, _ name: String? = nil, pattern: Pattern? = .literal,
        principal: String? = nil, host: String? = nil, operation: Operation? = nil,
        permission: Permission? = nil
    ) {
        self.resource = resource
        self.name = name
        self.pattern = pattern
        self.principal = principal
        self.host = host
        self.operation = operation
        self.permission = permission
    }

    /// What filters say for "any".
    fileprivate static let any: Int8 = 1
    fileprivate var codes: (resource: Int8, pattern: Int8, operation: Int8, permission: Int8) {
        (
            resource?.rawValue ?? Self.any, pattern?.rawValue ?? Self.any,
            operation?.rawValue ?? Self.any, permission?.rawValue ?? Self.any
        )
    }
}

extension Admin {
    // MARK: SCRAM

    /// Mechanisms and iterations of users' credentials; of all users without a list.
    public func describeScramCredentials(
        _ users: [String]? = nil
    ) async throws(ClientError) -> [String: Result<[ScramMechanism: Int32], ClientError>] {
        let request = DescribeUserScramCredentialsRequest(
            users: users.map { $0.map { .init(name: $0) } })
        return try await call(.any, request) { answer throws(ClientError) in
            try ClientError.check(code: answer.errorCode, answer.errorMessage)
            return Dictionary(
                answer.results.map { result in
                    var known: [ScramMechanism: Int32] = [:]
                    for info in result.credentialInfos {
                        guard let mechanism = ScramMechanism(rawValue: info.mechanism) else {
                            continue
                        }
                        known[mechanism] = info.iterations
                    }
                    return (result.user, outcome(result.errorCode, result.errorMessage, known))
                }, uniquingKeysWith: { $1 })
        }
    }

    /// Sets and deletes credentials of users.
    public func alterScramCredentials(
        set: [String: [ScramCredential]] = [:], delete: [String: [ScramMechanism]] = [:]
    ) async throws(ClientError) -> [String: Result<Void, ClientError>] {
        let request = AlterUserScramCredentialsRequest(
            deletions: delete.sorted { $0.key < $1.key }.flatMap { user, mechanisms in
                mechanisms.map { .init(name: user, mechanism: $0.rawValue) }
            },
            upsertions: set.sorted { $0.key < $1.key }.flatMap { user, credentials in
                credentials.map {
                    .init(
                        name: user, mechanism: $0.mechanism.rawValue, iterations: $0.iterations,
                        salt: $0.salt, saltedPassword: $0.saltedPassword)
                }
            })
        return try await call(.controller, request) { answer throws(ClientError) in
            try Self.checkController(answer.results.map(\.errorCode))
            return Dictionary(
                answer.results.map { ($0.user, outcome($0.errorCode, $0.errorMessage, ())) },
                uniquingKeysWith: { $1 })
        }
    }

    // MARK: Access control lists

    /// The entries that the filter takes.
    public func describeACLs(_ filter: AccessRule) async throws(ClientError) -> [AccessRule] {
        let codes = filter.codes
        let request = DescribeAclsRequest(
            resourceTypeFilter: codes.resource, resourceNameFilter: filter.name,
            patternTypeFilter: codes.pattern, principalFilter: filter.principal,
            hostFilter: filter.host, operation: codes.operation, permissionType: codes.permission)
        return try await call(.any, request) { answer throws(ClientError) in
            try ClientError.check(code: answer.errorCode, answer.errorMessage)
            return answer.resources.flatMap { resource in
                resource.acls.map { acl in
                    AccessRule(
                        .init(rawValue: resource.resourceType), resource.resourceName,
                        pattern: .init(rawValue: resource.patternType), principal: acl.principal,
                        host: acl.host, operation: .init(rawValue: acl.operation),
                        permission: .init(rawValue: acl.permissionType))
                }
            }
        }
    }

    /// Adds entries; the results are in their order.
    public func createACLs(
        _ rules: [AccessRule]
    ) async throws(ClientError) -> [Result<Void, ClientError>] {
        let request = CreateAclsRequest(
            creations: rules.map { rule in
                let codes = rule.codes
                return .init(
                    resourceType: codes.resource, resourceName: rule.name ?? "",
                    resourcePatternType: codes.pattern, principal: rule.principal ?? "",
                    host: rule.host ?? "*", operation: codes.operation,
                    permissionType: codes.permission)
            })
        return try await call(.controller, request) { answer throws(ClientError) in
            try Self.checkController(answer.results.map(\.errorCode))
            return answer.results.map { outcome($0.errorCode, $0.errorMessage, ()) }
        }
    }

    /// Deletes the entries that the filters take; the results, in the order of the filters, name
    /// them.
    public func deleteACLs(
        _ filters: [AccessRule]
    ) async throws(ClientError) -> [Result<[AccessRule], ClientError>] {
        let request = DeleteAclsRequest(
            filters: filters.map { filter in
                let codes = filter.codes
                return .init(
                    resourceTypeFilter: codes.resource, resourceNameFilter: filter.name,
                    patternTypeFilter: codes.pattern, principalFilter: filter.principal,
                    hostFilter: filter.host, operation: codes.operation,
                    permissionType: codes.permission)
            })
        return try await call(.controller, request) { answer throws(ClientError) in
            try Self.checkController(answer.filterResults.map(\.errorCode))
            return answer.filterResults.map { result in
                outcome(
                    result.errorCode, result.errorMessage,
                    result.matchingAcls.map { acl in
                        AccessRule(
                            .init(rawValue: acl.resourceType), acl.resourceName,
                            pattern: .init(rawValue: acl.patternType), principal: acl.principal,
                            host: acl.host, operation: .init(rawValue: acl.operation),
                            permission: .init(rawValue: acl.permissionType))
                    })
            }
        }
    }
}
