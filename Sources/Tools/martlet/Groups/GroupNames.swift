import MartletClient

/// A word of the brokers.
protocol BrokerWord: RawRepresentable, CaseIterable where RawValue == String {
    /// Stands for words that are none of them.
    static var unknown: Self { get }
}

extension BrokerWord {
    /// The one of this name, in any case; `unknown` for others.
    init(named name: String) {
        self = Self.allCases.first { $0.rawValue.lowercased() == name.lowercased() } ?? .unknown
    }
}

/// State of a group, as brokers spell it.
enum GroupState: String, BrokerWord {
    case unknown = "Unknown"
    case preparingRebalance = "PreparingRebalance"
    case completingRebalance = "CompletingRebalance"
    case stable = "Stable"
    case dead = "Dead"
    case empty = "Empty"
    case assigning = "Assigning"
    case reconciling = "Reconciling"
    case notReady = "NotReady"

    /// The states that classic groups and consumer groups go through.
    static let ofConsumerGroups: [GroupState] = [
        .preparingRebalance, .completingRebalance, .stable, .dead, .empty, .assigning, .reconciling,
    ]
}

/// Type of a group, as brokers spell it.
enum GroupType: String, BrokerWord {
    case unknown = "Unknown"
    case consumer = "Consumer"
    case classic = "Classic"
    case share = "Share"
    case streams = "Streams"
}

extension GroupListing {
    /// `nil` when the broker does not say.
    var groupType: GroupType? { type.isEmpty ? nil : GroupType(named: type) }
    var typeName: String { GroupType(named: type).rawValue }
    var stateName: String { GroupState(named: state).rawValue }

    /// Whether it is a group of consumers, of either protocol.
    var isOfConsumers: Bool {
        groupType != .share && groupType != .streams && ["", "consumer"].contains(protocolType)
    }
}

extension AdminSession {
    /// Groups of consumers by id, each with its own result: groups of others are refused.
    func describeConsumerGroups(
        _ ids: [String]
    ) throws -> [String: Result<GroupDescription, ClientError>] {
        try ask { await $0.describeGroups(ids) }.mapValues { result in
            result.flatMap { group in
                guard group.isOfConsumers else {
                    let message =
                        "Group '\(group.id)': The group is not of consumers but of "
                        + "'\(group.protocolType)'."
                    return .failure(.broker(.inconsistentGroupProtocol, message: message))
                }
                return .success(group)
            }
        }
    }
}

extension GroupDescription {
    var groupState: GroupState { GroupState(named: state) }

    /// Whether it is a group of consumers, or one of which nobody knows.
    fileprivate var isOfConsumers: Bool { ["", "consumer"].contains(protocolType) }
}
