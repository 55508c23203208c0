import KafkaProtocol
import KafkaWire

/// A member of a classic group.
final class ClassicMember {
    /// A protocol that the member offers, with what it tells the others about itself.
    typealias OfferedProtocol = JoinGroupRequest.JoinGroupRequestProtocol

    /// Who waits for the answer to a JoinGroup.
    struct JoinWaiter {
        var caller: Caller
        var version: Int16
    }

    let memberID: String
    /// Set for a static member (KIP-345).
    let instanceID: String?
    let clientID: String
    let clientHost: String
    /// Where the member stands among those of its group: they are told in this order.
    var number: UInt64 = 0
    var rebalanceTimeoutMs: Int32
    var sessionTimeoutMs: Int32
    /// In the order of the member's preference.
    var protocols: [OfferedProtocol]
    var assignment: [UInt8]
    var joinWaiter: JoinWaiter?
    var syncWaiter: Caller?
    /// Whether the member waits for its first generation: it may then time out while it waits,
    /// since it has no id yet to send heartbeats with.
    var isNew = false

    init(
        memberID: String, instanceID: String?, clientID: String, clientHost: String,
        rebalanceTimeoutMs: Int32, sessionTimeoutMs: Int32, protocols: [OfferedProtocol],
        assignment: [UInt8] = []
    ) {
        self.memberID = memberID
        self.instanceID = instanceID
        self.clientID = clientID
        self.clientHost = clientHost
        self.rebalanceTimeoutMs = rebalanceTimeoutMs
        self.sessionTimeoutMs = sessionTimeoutMs
        self.protocols = protocols
        self.assignment = assignment
    }

    /// The static member that takes the place of `old`, which waits for nothing.
    convenience init(replacing old: ClassicMember, memberID: String) {
        self.init(
            memberID: memberID, instanceID: old.instanceID, clientID: old.clientID,
            clientHost: old.clientHost, rebalanceTimeoutMs: old.rebalanceTimeoutMs,
            sessionTimeoutMs: old.sessionTimeoutMs, protocols: old.protocols,
            assignment: old.assignment)
    }

    var isAwaitingJoin: Bool { joinWaiter != nil }

    /// Whether the coordinator owes the member an answer, so that it cannot be asked for a
    /// heartbeat.
    var isExcusedFromHeartbeats: Bool { !isNew && (joinWaiter != nil || syncWaiter != nil) }

    /// The names of its protocols, without repetition.
    var protocolNames: Set<String> { Set(protocols.map(\.name)) }

    /// What the member tells the others under a protocol.
    func metadata(of name: String) -> [UInt8] {
        protocols.first { $0.name == name }?.metadata ?? []
    }

    /// Whether it offers exactly these protocols.
    func offers(_ other: [OfferedProtocol]) -> Bool {
        protocols.count == other.count
            && zip(protocols, other).allSatisfy { $0.name == $1.name && $0.metadata == $1.metadata }
    }

    /// The protocol of its choice among `candidates`.
    func vote(_ candidates: Set<String>) -> String? {
        protocols.first { candidates.contains($0.name) }?.name
    }
}
