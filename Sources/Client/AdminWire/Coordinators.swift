import KafkaProtocol
import KafkaWire

/// What a coordinator keeps: `keyType` of FindCoordinator.
public enum CoordinatorType: Int8, Sendable {
    case group = 0
    case transaction = 1
}

extension AdminError {
    /// Whether the coordinator moved, is not there yet, or could not be reached: find it again.
    var losesCoordinator: Bool {
        switch self {
        case .connect, .closed, .broker(.notCoordinator, _, _),
            .broker(.coordinatorNotAvailable, _, _):
            true
        default: false
        }
    }

    /// Whether the same request may succeed after a pause.
    var passesWithTime: Bool {
        switch kafkaError {
        case .coordinatorLoadInProgress, .concurrentTransactions, .rebalanceInProgress: true
        default: losesCoordinator
        }
    }
}

extension AdminClient {
    /// Asks the coordinator of each key, those with the same coordinator in one go.
    ///
    /// `ask` gets a broker and the keys that it coordinates, and answers for each of them. While a
    /// key's coordinator is not found, is loading, has moved or cannot be reached, the key is asked
    /// for again after a pause, until the operation's time is over; then its last error is its
    /// result. Every key has a result.
    public func atCoordinators<Value>(
        of keys: [String], _ type: CoordinatorType,
        _ ask: (BrokerID, [String]) throws(AdminError) -> [String: Result<Value, AdminError>]
    ) -> [String: Result<Value, AdminError>] {
        var search = CoordinatorSearch<Value>(keys)
        let deadline = Deadline(milliseconds: settings.operationMilliseconds)
        while true {
            findCoordinators(&search, type)
            for (broker, keys) in search.homes {
                do { search.take(try ask(broker, keys), of: keys) } catch {
                    if error.kafkaError == nil { forget(broker) }
                    search.take(error, of: keys)
                }
            }
            guard !search.pending.isEmpty, deadline.remaining > 0 else { return search.finished }
            Self.pause(milliseconds: min(Self.backoffMilliseconds, deadline.remaining))
        }
    }

    /// Asks the coordinator of one key; see `atCoordinators`.
    public func atCoordinator<Value>(
        of key: String, _ type: CoordinatorType,
        _ ask: (BrokerID) throws(AdminError) -> Value
    ) throws(AdminError) -> Value {
        let results: [String: Result<Value, AdminError>] = atCoordinators(of: [key], type) {
            (broker, keys) throws(AdminError) in
            [key: .success(try ask(broker))]
        }
        guard let result = results[key] else { preconditionFailure("\(key) has no result") }
        return try result.get()
    }

    private func findCoordinators<Value>(
        _ search: inout CoordinatorSearch<Value>, _ type: CoordinatorType
    ) {
        let keys = search.homeless
        guard !keys.isEmpty else { return }
        do {
            let version = try anyConnection().version(of: FindCoordinatorRequest.self)
            if version >= 4 {
                let request = FindCoordinatorRequest(keyType: type.rawValue, coordinatorKeys: keys)
                for found in try call(request).coordinators {
                    search.find(found.key, found.nodeID, found.errorCode, found.errorMessage)
                }
                return
            }
            for key in keys {
                let found = try call(FindCoordinatorRequest(key: key, keyType: type.rawValue))
                search.find(key, found.nodeID, found.errorCode, found.errorMessage)
            }
        } catch {
            if error.kafkaError == nil { forgetBootstrap() }
            search.take(error, of: keys)
        }
    }
}

/// Where the keys of one operation are coordinated, and what came out so far.
struct CoordinatorSearch<Value> {
    /// Keys without a result, in the order of the operation.
    private(set) var pending: [String]
    private var brokers: [String: BrokerID] = [:]
    private var results: [String: Result<Value, AdminError>] = [:]
    private var lastErrors: [String: AdminError] = [:]

    init(_ keys: [String]) {
        var seen: Set<String> = []
        pending = keys.filter { seen.insert($0).inserted }
    }

    /// Pending keys whose coordinator is not known.
    var homeless: [String] { pending.filter { brokers[$0] == nil } }

    /// Pending keys by coordinator.
    var homes: [(broker: BrokerID, keys: [String])] {
        var homes: [BrokerID: [String]] = [:]
        for key in pending {
            if let broker = brokers[key] { homes[broker, default: []].append(key) }
        }
        return homes.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    /// The results, and the last errors of keys that have none.
    var finished: [String: Result<Value, AdminError>] {
        var all = results
        for key in pending {
            let missing = AdminError.broker(
                .coordinatorNotAvailable, message: "The broker named no coordinator.", context: key)
            all[key] = .failure(lastErrors[key] ?? missing)
        }
        return all
    }

    /// Takes what FindCoordinator said about a key.
    mutating func find(_ key: String, _ node: Int32, _ code: Int16, _ message: String?) {
        do {
            try AdminError.check(code, message, context: "Coordinator of '\(key)'")
            brokers[key] = BrokerID(node)
        } catch { take(error, of: [key]) }
    }

    /// Takes a coordinator's answer to `keys`; those it does not name stay pending.
    mutating func take(_ answer: [String: Result<Value, AdminError>], of keys: [String]) {
        for key in keys {
            switch answer[key] {
            case .failure(let error)?: take(error, of: [key])
            case let success?: settle(key, success)
            case nil: break
            }
        }
    }

    /// Takes an error that holds for all `keys`.
    mutating func take(_ error: AdminError, of keys: [String]) {
        for key in keys {
            lastErrors[key] = error
            if error.losesCoordinator { brokers[key] = nil }
            if !error.passesWithTime { settle(key, .failure(error)) }
        }
    }

    private mutating func settle(_ key: String, _ result: Result<Value, AdminError>) {
        results[key] = result
        pending.removeAll { $0 == key }
    }
}
