/// How much of a rate is used up (KIP-73), shared by the node's event loops.
///
/// A bucket that fills with the rate, to a second's worth; what is used may overdraw it once, so
/// that a large answer passes and the next has to wait.
final class ReplicationQuota: @unchecked Sendable {
    // Sendable: all state is reached only with `lock` held.
    private let lock: any PartitionLock
    /// Bytes that may still be used; negative when overdrawn.
    private var left: Double?
    private var lastNs: Int64 = 0

    init(lock: any PartitionLock) { self.lock = lock }

    /// Whether nothing may be used at `now`.
    ///
    /// - Parameter rate: in bytes a second; `nil` for no bound.
    func isExceeded(rate: Int64?, now: ClockReading) -> Bool {
        pauseMs(rate: rate, now: now) != nil
    }

    /// How long it takes until something may be used again, in ms; `nil` when it may now.
    func pauseMs(rate: Int64?, now: ClockReading) -> Int64? {
        guard let rate else { return nil }
        let left = locked { refilled(rate, now) }
        return left > 0 ? nil : Int64(min(1 - left / Double(max(1, rate)) * 1000, 1e9))
    }

    /// Notes that so many bytes were used.
    func use(_ bytes: Int, rate: Int64?, now: ClockReading) {
        guard let rate, bytes > 0 else { return }
        locked { left = refilled(rate, now) - Double(bytes) }
    }

    private func refilled(_ rate: Int64, _ now: ClockReading) -> Double {
        let rate = Double(rate)
        let passed = Double(max(0, now.monotonicNs - lastNs)) / 1e9
        let filled = min(rate, (left ?? rate) + passed * rate)
        left = filled
        lastNs = max(lastNs, now.monotonicNs)
        return filled
    }

    private func locked<R>(_ body: () -> R) -> R {
        lock.enter()
        defer { lock.leave() }
        return body()
    }
}

/// What this node sends to followers and takes from leaders under a throttle.
struct ReplicationQuotas: Sendable {
    let leader: ReplicationQuota
    let follower: ReplicationQuota

    init(makeLock: () -> any PartitionLock) {
        leader = ReplicationQuota(lock: makeLock())
        follower = ReplicationQuota(lock: makeLock())
    }
}
