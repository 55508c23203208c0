import LogStorage
import Testing

@testable import BrokerCore

/// The rate of throttled replicas.
@Suite struct ReplicationQuotaTests {
    private let quota = ReplicationQuota(lock: TestLock())

    private func at(_ ms: Int64) -> ClockReading {
        ClockReading(wallMs: ms, monotonicNs: ms * 1_000_000)
    }

    @Test func whatIsOverdrawnHasToBePaidBack() {
        #expect(!quota.isExceeded(rate: 1000, now: at(0)))
        quota.use(3000, rate: 1000, now: at(0))
        #expect(quota.pauseMs(rate: 1000, now: at(0)) == 2001)
        #expect(quota.isExceeded(rate: 1000, now: at(1999)))
        #expect(!quota.isExceeded(rate: 1000, now: at(2001)))
    }

    @Test func whatIsNotUsedIsKeptForASecondOnly() {
        quota.use(0, rate: 1000, now: at(0))
        quota.use(1500, rate: 1000, now: at(60_000))
        #expect(quota.pauseMs(rate: 1000, now: at(60_000)) == 501)
    }

    @Test func withoutARateNothingIsBounded() {
        quota.use(1 << 40, rate: nil, now: at(0))
        #expect(!quota.isExceeded(rate: nil, now: at(0)))
    }

    @Test func listsOfReplicasAreRead() {
        #expect(ThrottledReplicas(text: "") == .none)
        #expect(ThrottledReplicas(text: "*") == .all)
        let some = ThrottledReplicas(text: "0:1, 2:3")
        #expect(some.contains(partition: 0, broker: 1) && some.contains(partition: 2, broker: 3))
        #expect(!some.contains(partition: 0, broker: 3))
    }
}
