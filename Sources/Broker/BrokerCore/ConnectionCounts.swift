import ClusterController

/// How many connections there may be, and how many new ones a second; Kafka's keys, which may
/// change while the node runs.
public struct ConnectionLimits: Sendable {
    /// `max.connections`: at so many, no more are accepted until one has ended.
    public var total = Int.max
    /// `max.connection.creation.rate`: no more are accepted in a second than so many.
    public var rate = Int.max
    /// The same two for one listener: `listener.name.NAME.…`, or else the broker's.
    public var listenerTotal = Int.max
    public var listenerRate = Int.max
    /// The listeners between brokers, where clients have another, and of the controller take no
    /// heed of the broker's limits: clients shall not keep them out.
    public var isProtected = false
    /// `max.connections.per.ip`: those beyond are closed at once.
    public var perAddress = Int.max
    /// `max.connections.per.ip.overrides`, by address.
    public var overrides: [String: Int] = [:]
    /// The client quota `connection_creation_rate` of an address (KIP-612): those beyond are
    /// closed.
    public var addressRate: @Sendable (String) -> Int = { _ in .max }

    public init() {}

    /// The limits in force for a listener.
    ///
    /// - Parameter brokerListeners: those of brokers and clients; any other is the controller's.
    public init(_ controller: Controller, listener: String, brokerListeners: [String]) {
        func number(_ key: String) -> Int? {
            controller.effectiveBrokerConfig(key).flatMap { Int($0) }
        }
        func own(_ key: String) -> Int? {
            controller.effectiveBrokerConfig(key, listener: listener).flatMap { Int($0) }
        }
        total = number("max.connections") ?? .max
        rate = number("max.connection.creation.rate") ?? .max
        listenerTotal = own("max.connections") ?? .max
        listenerRate = own("max.connection.creation.rate") ?? .max
        isProtected =
            !brokerListeners.contains(listener)
            || brokerListeners.count > 1
                && listener == ReplicationSettings.interBrokerListener(controller)
        perAddress = number("max.connections.per.ip") ?? .max
        let overrides = controller.effectiveBrokerConfig("max.connections.per.ip.overrides") ?? ""
        for entry in overrides.split(separator: ",") {
            guard let colon = entry.lastIndex(of: ":"),
                let count = Int(entry[entry.index(after: colon)...].filter { $0 != " " })
            else { continue }
            self.overrides[String(entry[..<colon].filter { $0 != " " })] = count
        }
        let quotas = controller.image.quotas
        addressRate = { quotas.connectionRate(of: $0) ?? .max }
    }

    func limit(of address: String) -> Int { overrides[address] ?? perAddress }
}

/// How often something happened of late, against a rate: a bucket that fills to a second's worth.
struct EventRate {
    /// What may still happen now; `nil` before the first.
    private var left: Double?
    private(set) var lastNs: Int64 = 0

    /// How long until one more may happen, in ns; `nil` when it may now.
    ///
    /// - Parameter rate: in events a second; `Int.max` for no bound.
    mutating func pauseNs(_ rate: Int, _ nowNs: Int64) -> Int64? {
        guard rate < .max else { return nil }
        fill(rate, nowNs)
        guard let left, left < 1 else { return nil }
        return Int64(min((1 - left) / Double(max(1, rate)) * 1e9, 1e9).rounded(.up))
    }

    /// One more happens.
    mutating func use(_ rate: Int, _ nowNs: Int64) {
        guard rate < .max else { return left = nil }
        fill(rate, nowNs)
        left = (left ?? 0) - 1
    }

    private mutating func fill(_ rate: Int, _ nowNs: Int64) {
        let most = Double(rate)
        let passed = Double(max(0, nowNs - lastNs)) / 1e9
        left = min(most, (left ?? most) + passed * most)
        lastNs = max(lastNs, nowNs)
    }
}

/// The connections of a node, in all, by listener and by the client's address.
public struct ConnectionCounts {
    public private(set) var total = 0
    private var byAddress: [String: Int] = [:]
    private var byListener: [String: Int] = [:]
    private var rate = EventRate()
    private var listenerRates: [String: EventRate] = [:]
    private var addressRates: [String: EventRate] = [:]

    /// Beyond so many addresses those are forgotten that have done nothing for a second.
    private static let ratedAddresses = 4096

    public init() {}

    /// Whether a listener may accept one more connection.
    public enum Room: Equatable, Sendable {
        case now
        /// Once another has ended.
        case whenOneEnds
        /// After so many ns.
        case after(Int64)
    }

    public mutating func room(
        on listener: String, _ limits: ConnectionLimits, nowNs: Int64
    ) -> Room {
        guard limits.isProtected || total < limits.total,
            byListener[listener, default: 0] < limits.listenerTotal
        else { return .whenOneEnds }
        let brokerPause = limits.isProtected ? nil : rate.pauseNs(limits.rate, nowNs)
        let ownPause = listenerRates[listener, default: EventRate()]
            .pauseNs(limits.listenerRate, nowNs)
        let pause = max(brokerPause ?? 0, ownPause ?? 0)
        return pause > 0 ? .after(pause) : .now
    }

    /// What becomes of a connection that was accepted.
    public enum Admission: Equatable, Sendable {
        case admitted
        /// Its address has as many as it may have: it is to be closed.
        case tooMany
        /// Its address opens them too fast: it is to be closed in so many ns.
        case tooFast(Int64)
    }

    /// Counts a connection that was accepted, until it ends.
    public mutating func accepted(
        from address: String, on listener: String, _ limits: ConnectionLimits, nowNs: Int64
    ) -> Admission {
        total += 1
        byAddress[address, default: 0] += 1
        byListener[listener, default: 0] += 1
        if let pause = addressPause(address, limits, nowNs) { return .tooFast(pause) }
        if !limits.isProtected { rate.use(limits.rate, nowNs) }
        listenerRates[listener, default: EventRate()].use(limits.listenerRate, nowNs)
        return byAddress[address, default: 0] <= limits.limit(of: address) ? .admitted : .tooMany
    }

    private mutating func addressPause(
        _ address: String, _ limits: ConnectionLimits, _ nowNs: Int64
    ) -> Int64? {
        let most = limits.addressRate(address)
        guard most < .max else { return nil }
        if addressRates.count >= Self.ratedAddresses, addressRates[address] == nil {
            addressRates = addressRates.filter { nowNs - $0.value.lastNs < 1_000_000_000 }
        }
        if let pause = addressRates[address, default: EventRate()].pauseNs(most, nowNs) {
            return pause
        }
        addressRates[address, default: EventRate()].use(most, nowNs)
        return nil
    }

    /// A connection that was counted has ended.
    public mutating func ended(from address: String, on listener: String) {
        guard let count = byAddress[address] else { return }
        total -= 1
        byAddress[address] = count > 1 ? count - 1 : nil
        byListener[listener, default: 1] -= 1
    }
}
