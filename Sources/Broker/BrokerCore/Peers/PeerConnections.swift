import KafkaWire

/// All connections of one owner (an event loop, the controller) to other nodes: one for each
/// endpoint and lane, made when there is a request for it.
///
/// Sans I/O: the shell carries out `takeEffects()` and tells what happens to each connection.
public struct PeerConnections {
    private struct Key: Hashable {
        let endpoint: PeerEndpoint
        let lane: PeerLane
    }

    private let settings: PeerSettings
    private var random: SplitMix64
    private var slots: [Key: UInt64] = [:]
    private var cores: [UInt64: (key: Key, core: PeerConnectionCore)] = [:]
    private var nextSlot: UInt64 = 1
    private var effects: [PeerEffect] = []

    public init(settings: PeerSettings, random: SplitMix64) {
        self.settings = settings
        self.random = random
    }

    /// Everything the shell has to do since the last call, in order.
    public mutating func takeEffects() -> [PeerEffect] {
        defer { effects.removeAll(keepingCapacity: true) }
        return effects
    }

    /// The instant (monotonic ns) of the next timer.
    public var nextDeadline: Int64? {
        cores.values.compactMap(\.core.nextDeadline).min()
    }

    /// Takes in a request.
    public mutating func submit(_ request: PeerRequest, now: ClockReading) {
        let key = Key(endpoint: request.to, lane: request.lane)
        let slot = slots[key] ?? open(key)
        with(slot) { $0.submit(request, now: now) }
    }

    /// The connection is there.
    public mutating func connected(_ id: PeerConnectionID) {
        with(id.slot) { $0.connected(id) }
    }

    /// The connection could not be made, or has ended.
    ///
    /// - Parameter wasRefused: the other machine said that nobody listens on the port.
    public mutating func closed(
        _ id: PeerConnectionID, reason: String, wasRefused: Bool = false, now: ClockReading
    ) {
        with(id.slot) { $0.closed(id, reason: reason, wasRefused: wasRefused, now: now) }
    }

    /// Bytes came in.
    public mutating func received(_ bytes: RawSpan, on id: PeerConnectionID, now: ClockReading) {
        with(id.slot) { $0.received(bytes, on: id, now: now) }
    }

    /// Runs what is due by `now`.
    public mutating func timersDue(now: ClockReading) {
        for slot in cores.keys.sorted() {
            guard let next = cores[slot]?.core.nextDeadline, next <= now.monotonicNs else {
                continue
            }
            with(slot) { $0.timersDue(now: now) }
        }
    }

    private mutating func open(_ key: Key) -> UInt64 {
        let slot = nextSlot
        nextSlot += 1
        slots[key] = slot
        let core = PeerConnectionCore(
            slot: slot, endpoint: key.endpoint, settings: settings,
            random: SplitMix64(seed: random.next()))
        cores[slot] = (key, core)
        return slot
    }

    private mutating func with(_ slot: UInt64, _ body: (inout PeerConnectionCore) -> Void) {
        guard var entry = cores.removeValue(forKey: slot) else { return }
        body(&entry.core)
        effects += entry.core.takeEffects()
        if entry.core.isIdle {
            slots[entry.key] = nil
        } else {
            cores[slot] = entry
        }
    }
}
