import KafkaProtocol
import KafkaWire

/// Names one SCRAM credential: a user has at most one for each mechanism.
public struct ScramCredentialKey: Hashable, Comparable, Sendable {
    public var user: String
    /// 1 SCRAM-SHA-256, 2 SCRAM-SHA-512.
    public var mechanism: Int8

    /// The credential of `user` for `mechanism`.
    public init(user: String, mechanism: Int8) {
        self.user = user
        self.mechanism = mechanism
    }

    public static func < (a: ScramCredentialKey, b: ScramCredentialKey) -> Bool {
        (a.mechanism, a.user) < (b.mechanism, b.user)
    }
}

/// ACLs, SCRAM credentials and delegation tokens, kept as the records that brought them.
public struct SecurityImage: Equatable, Sendable {
    public internal(set) var acls = ShardedMap<KafkaUUID, AccessControlEntryRecord>()
    public internal(set) var scram = ShardedMap<ScramCredentialKey, UserScramCredentialRecord>()
    /// By token id.
    public internal(set) var delegationTokens = ShardedMap<String, DelegationTokenRecord>()

    /// None of them.
    init() {}

    mutating func apply(_ record: AccessControlEntryRecord) { acls[record.id] = record }

    mutating func apply(_ record: RemoveAccessControlEntryRecord) throws(ReplayError) {
        guard acls[record.id] != nil else { throw .inconsistent("no ACL with id \(record.id)") }
        acls[record.id] = nil
    }

    mutating func apply(_ record: UserScramCredentialRecord) {
        scram[ScramCredentialKey(user: record.name, mechanism: record.mechanism)] = record
    }

    mutating func apply(_ record: RemoveUserScramCredentialRecord) throws(ReplayError) {
        let key = ScramCredentialKey(user: record.name, mechanism: record.mechanism)
        guard scram[key] != nil else {
            throw .inconsistent("no SCRAM credential of user \(record.name)")
        }
        scram[key] = nil
    }

    mutating func apply(_ record: DelegationTokenRecord) {
        delegationTokens[record.tokenID] = record
    }

    mutating func apply(_ record: RemoveDelegationTokenRecord) {
        delegationTokens[record.tokenID] = nil
    }
}
