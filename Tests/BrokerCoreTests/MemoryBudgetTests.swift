import BrokerCore
import Testing

/// Who may take in more once memory is short.
@Suite struct MemoryBudgetTests {
    private static let small = MemoryBudget.smallBytes
    private static let limit = 10 * small
    private var budget = MemoryBudget(limit: limit)
    private let a = ConnectionID(1)
    private let b = ConnectionID(2)
    private let c = ConnectionID(3)

    private mutating func holds(
        _ connection: ConnectionID, _ bytes: Int, now: Int64
    ) -> [MemoryBudget.Order] {
        budget.holds(connection, bytes, now: now)
    }
    private mutating func check(now: Int64) -> [MemoryBudget.Order] { budget.check(now: now) }

    @Test mutating func belowTheLimitNobodyIsPaused() {
        #expect(holds(a, Self.limit / 2, now: 0) == [])
        #expect(holds(b, Self.limit / 2 - 1, now: 0) == [])
        #expect(budget.total == Self.limit - 1 && !budget.isShort)
    }

    @Test mutating func atTheLimitOneGoesOn() {
        _ = holds(a, Self.limit / 2, now: 0)
        #expect(holds(b, Self.limit / 2, now: 0) == [], "the first to reach it is favoured")
        #expect(budget.isShort)
        #expect(holds(a, Self.limit / 2 + 1, now: 0) == [.pause(a)])
        #expect(holds(b, 3 * Self.limit, now: 0) == [], "whatever the size of its frame")
    }

    @Test mutating func smallUsersGoOn() {
        _ = holds(a, Self.limit, now: 0)
        #expect(holds(b, Self.small, now: 0) == [])
        #expect(holds(b, Self.small + 1, now: 0) == [.pause(b)])
        #expect(holds(b, Self.small, now: 0) == [.resume(b)])
    }

    @Test mutating func theNextIsTheLargest() {
        _ = holds(a, Self.limit, now: 0)
        _ = holds(b, 2 * Self.small, now: 0)
        _ = holds(c, 11 * Self.small, now: 0)
        #expect(holds(a, 0, now: 0) == [.resume(c)])
        #expect(holds(c, 0, now: 0) == [.resume(b)], "below the limit all go on")
        #expect(budget.total == 2 * Self.small)
    }

    @Test mutating func whoMakesNoProgressIsClosed() {
        let patience = MemoryBudget.patienceMs * 1_000_000
        _ = holds(a, Self.limit, now: 0)
        _ = holds(b, Self.limit, now: 0)
        #expect(holds(a, Self.limit + 1, now: 10) == [])
        #expect(check(now: patience + 10) == [])
        #expect(check(now: patience + 11) == [.close(a)])
        #expect(holds(a, 0, now: patience + 12) == [.resume(b)])
        #expect(check(now: patience + 13) == [], "the next has its own time")
    }

    @Test mutating func aPausedConnectionMayLeave() {
        _ = holds(a, Self.limit, now: 0)
        _ = holds(b, Self.limit, now: 0)
        #expect(holds(b, 0, now: 0) == [])
        #expect(holds(a, 0, now: 0) == [])
        #expect(budget.total == 0)
    }
}
