import Testing

@testable import Coordinators

/// Timers that are put off by noting it, and looked at again when they come up.
@Suite struct GroupTimersTests {
    private var timers = GroupTimers()

    private func timer(_ member: String) -> GroupTimer {
        GroupTimer(kind: .classicSession, group: "g", member: member)
    }

    @Test mutating func timersAreDueInOrder() {
        timers.set(timer("b"), at: 20)
        timers.set(timer("a"), at: 10)
        timers.set(timer("c"), at: 20)
        #expect(timers.next == 10)
        #expect(timers.popDue(by: 9) == nil)
        #expect(timers.popDue(by: 20) == timer("a"))
        #expect(timers.popDue(by: 20) == timer("b"))
        #expect(timers.popDue(by: 20) == timer("c"))
        #expect(timers.popDue(by: .max) == nil && timers.next == nil)
    }

    @Test mutating func oneThatIsPutOffIsNotDueBefore() {
        timers.set(timer("a"), at: 10)
        for deadline in Int64(11)...30 { timers.set(timer("a"), at: deadline) }
        #expect(timers.popDue(by: 29) == nil)
        #expect(timers.next == 30 && timers.deadline(of: timer("a")) == 30)
        #expect(timers.popDue(by: 30) == timer("a"))
        #expect(timers.popDue(by: .max) == nil)
    }

    @Test mutating func oneThatIsBroughtForwardIsDueOnce() {
        timers.set(timer("a"), at: 30)
        timers.set(timer("a"), at: 10)
        #expect(timers.popDue(by: 10) == timer("a"))
        #expect(timers.popDue(by: .max) == nil)
    }

    @Test mutating func oneThatIsCancelledIsNeverDue() {
        timers.set(timer("a"), at: 10)
        timers.cancel(timer("a"))
        #expect(timers.popDue(by: 10) == nil)
        timers.set(timer("a"), at: 15)
        timers.cancel(timer("a"))
        timers.set(timer("a"), at: 40)
        #expect(timers.popDue(by: 39) == nil)
        #expect(timers.popDue(by: 40) == timer("a"))
    }
}
