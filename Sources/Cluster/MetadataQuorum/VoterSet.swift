import KafkaProtocol
import KafkaWire

/// A replica of the metadata log: a node, and the directory that holds its copy (KIP-853).
///
/// A node that lost its disk comes back under another directory id, and so is another replica.
public struct MemberKey: Hashable, Comparable, Sendable {
    public var id: BrokerID
    /// Zero where the quorum does not know directories (kraft.version 0).
    public var directoryID: KafkaUUID

    public init(_ id: BrokerID, _ directoryID: KafkaUUID = .zero) {
        self.id = id
        self.directoryID = directoryID
    }

    public static func < (a: MemberKey, b: MemberKey) -> Bool {
        (a.id, a.directoryID) < (b.id, b.directoryID)
    }

    /// Whether `other` is this replica; a key without a directory stands for any.
    func matches(_ other: MemberKey) -> Bool {
        id == other.id && (directoryID == .zero || directoryID == other.directoryID)
    }
}

/// Where a controller can be reached.
public struct QuorumEndpoint: Hashable, Sendable {
    public var host: String
    public var port: UInt16
    public init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }
}

/// A named listener of a controller.
public struct QuorumListener: Equatable, Sendable {
    public var name: String
    public var endpoint: QuorumEndpoint
    public init(name: String, endpoint: QuorumEndpoint) {
        self.name = name
        self.endpoint = endpoint
    }
}

/// One voter: who it is, where it listens, which kraft.versions it can do.
public struct Voter: Equatable, Sendable {
    public var key: MemberKey
    public var listeners: [QuorumListener]
    public var kraftVersions: ClosedRange<Int16>

    public init(
        key: MemberKey, listeners: [QuorumListener], kraftVersions: ClosedRange<Int16> = 0...1
    ) {
        self.key = key
        self.listeners = listeners
        self.kraftVersions = kraftVersions
    }

    /// The address of the listener of that name, or of the first one.
    func endpoint(_ listenerName: String) -> QuorumEndpoint? {
        (listeners.first { $0.name == listenerName } ?? listeners.first)?.endpoint
    }
}

/// The voters of the quorum, in order of their ids.
public struct VoterSet: Equatable, Sendable {
    public private(set) var voters: [Voter]

    public init(_ voters: [Voter] = []) {
        self.voters = voters.sorted { $0.key < $1.key }
    }

    public var count: Int { voters.count }
    public var ids: [BrokerID] { voters.map(\.key.id) }
    /// How many voters make a majority.
    var majority: Int { voters.count / 2 + 1 }

    public subscript(_ id: BrokerID) -> Voter? { voters.first { $0.key.id == id } }

    public func contains(_ key: MemberKey) -> Bool { self[key.id]?.key.matches(key) ?? false }

    func adding(_ voter: Voter) -> VoterSet { VoterSet(voters + [voter]) }

    /// `nil` when the replica is not a voter, or the only one.
    func removing(_ key: MemberKey) -> VoterSet? {
        guard voters.count > 1, self[key.id]?.key == key else { return nil }
        return VoterSet(voters.filter { $0.key != key })
    }

    /// Puts `voter` in the place of the one with its id; `nil` when there is none, or, unless
    /// directories are ignored, when it lies in another directory.
    func updating(_ voter: Voter, ignoringDirectory: Bool = false) -> VoterSet? {
        guard let old = self[voter.key.id], ignoringDirectory || old.key.matches(voter.key) else {
            return nil
        }
        return VoterSet(voters.map { $0.key.id == voter.key.id ? voter : $0 })
    }
}

extension VoterSet {
    init(_ record: VotersRecord) {
        self.init(
            record.voters.map { voter in
                let range = voter.kRaftVersionFeature
                return Voter(
                    key: MemberKey(BrokerID(voter.voterID), voter.voterDirectoryID),
                    listeners: voter.endpoints.map {
                        QuorumListener(
                            name: $0.name, endpoint: .init(host: $0.host, port: $0.port))
                    },
                    kraftVersions: range
                        .minSupportedVersion...max(
                            range.minSupportedVersion, range.maxSupportedVersion))
            })
    }

    var record: VotersRecord {
        VotersRecord(
            voters: voters.map { voter in
                VotersRecord.Voter(
                    voterID: voter.key.id.rawValue, voterDirectoryID: voter.key.directoryID,
                    endpoints: voter.listeners.map {
                        .init(name: $0.name, host: $0.endpoint.host, port: $0.endpoint.port)
                    },
                    kRaftVersionFeature: .init(
                        minSupportedVersion: voter.kraftVersions.lowerBound,
                        maxSupportedVersion: voter.kraftVersions.upperBound))
            })
    }
}
