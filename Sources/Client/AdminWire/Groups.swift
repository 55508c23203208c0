import KafkaProtocol
import KafkaWire

/// State of a group, as brokers spell it.
public enum GroupState: String, Sendable, CaseIterable {
    case unknown = "Unknown"
    case preparingRebalance = "PreparingRebalance"
    case completingRebalance = "CompletingRebalance"
    case stable = "Stable"
    case dead = "Dead"
    case empty = "Empty"
    case assigning = "Assigning"
    case reconciling = "Reconciling"
    case notReady = "NotReady"

    /// The state of this name, in any case; `unknown` for others.
    public init(named name: String) {
        self = Self.allCases.first { $0.rawValue.lowercased() == name.lowercased() } ?? .unknown
    }

    /// The states that classic groups and consumer groups go through.
    public static let ofConsumerGroups: [GroupState] = [
        .preparingRebalance, .completingRebalance, .stable, .dead, .empty, .assigning, .reconciling,
    ]
}

/// Type of a group, as brokers spell it.
public enum GroupType: String, Sendable, CaseIterable {
    case unknown = "Unknown"
    case consumer = "Consumer"
    case classic = "Classic"
    case share = "Share"
    case streams = "Streams"

    /// The type of this name, in any case; `unknown` for others.
    public init(named name: String) {
        self = Self.allCases.first { $0.rawValue.lowercased() == name.lowercased() } ?? .unknown
    }
}

/// One line of ListGroups.
public struct GroupListing: Sendable, Equatable {
    public var id: String
    /// `consumer`, empty for groups that only commit offsets, or what another protocol uses.
    public var protocolType: String
    /// `nil` when the broker does not say.
    public var state: GroupState?
    /// `nil` when the broker does not say.
    public var type: GroupType?

    init(_ group: ListGroupsResponse.ListedGroup) {
        id = group.groupID
        protocolType = group.protocolType
        state = group.groupState.isEmpty ? nil : GroupState(named: group.groupState)
        type = group.groupType.isEmpty ? nil : GroupType(named: group.groupType)
    }

    /// Whether it is a group of consumers, of either protocol (ListGroups of Kafka's admin).
    public var isOfConsumers: Bool {
        type != .share && type != .streams && ["", "consumer"].contains(protocolType)
    }
}

extension AdminClient {
    /// All groups of all brokers, by id. Empty filters let everything pass.
    ///
    /// Waits while a coordinator is loading; throws the first error that a broker answers with.
    public func listGroups(
        states: [GroupState] = [], types: [GroupType] = []
    ) throws(AdminError) -> [GroupListing] {
        _ = try metadata(topics: [])
        var found: [String: GroupListing] = [:]
        for broker in addresses.keys.sorted() {
            for group in try listGroups(of: broker, states, types) { found[group.id] = group }
        }
        return found.values.sorted { $0.id < $1.id }
    }

    private func listGroups(
        of broker: BrokerID, _ states: [GroupState], _ types: [GroupType]
    ) throws(AdminError) -> [GroupListing] {
        let response = try retrying {
            () throws(AdminError) in
            let connection = try connection(to: broker)
            var request = ListGroupsRequest(statesFilter: states.map(\.rawValue))
            // Brokers before KIP-848 know two kinds of groups only, and no filter.
            let filters = try connection.version(of: ListGroupsRequest.self) >= 5
            if filters { request.typesFilter = types.map(\.rawValue) }
            let response = try call(request, broker: broker)
            try AdminError.check(response.errorCode, context: "Groups of broker \(broker)")
            return response
        }
        return response.groups.map(GroupListing.init).filter { group in
            types.isEmpty || group.type.map(types.contains) ?? true
        }
    }

    /// Deletes groups that have no members; the result of each.
    public func deleteGroups(_ ids: [String]) -> [String: Result<Void, AdminError>] {
        atCoordinators(of: ids, .group) { (broker, ids) throws(AdminError) in
            let response = try call(DeleteGroupsRequest(groupsNames: ids), broker: broker)
            var results: [String: Result<Void, AdminError>] = [:]
            for group in response.results {
                results[group.groupID] = Result { () throws(AdminError) in
                    try AdminError.check(group.errorCode, group.errorMessage)
                }
            }
            return results
        }
    }

    /// Runs `body` again while a coordinator is loading or away, for the operation's time at most.
    func retrying<Value>(
        _ body: () throws(AdminError) -> Value
    ) throws(AdminError) -> Value {
        let deadline = Deadline(milliseconds: settings.operationMilliseconds)
        while true {
            do { return try body() } catch {
                guard error.kafkaError != nil, error.passesWithTime, deadline.remaining > 0 else {
                    throw error
                }
            }
            Self.pause(milliseconds: min(Self.backoffMilliseconds, deadline.remaining))
        }
    }
}
