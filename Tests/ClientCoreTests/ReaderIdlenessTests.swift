import Testing

@testable import ClientCore

@Suite struct ReaderIdlenessTests {
    private func at(_ seconds: Int64) -> ClientInstant {
        ClientInstant(nanoseconds: seconds * 1_000_000_000)
    }

    @Test func isTheShareOfTheTimeSpentWaiting() {
        var idleness = ReaderIdleness()
        #expect(idleness.take(at(1)) == nil, "nobody has read")
        idleness.beginWait(at(10))
        idleness.endWait(at(13))
        #expect(idleness.take(at(20)) == 0.3)
        #expect(idleness.take(at(20)) == nil, "no time has passed")
        #expect(idleness.take(at(30)) == 0)
    }

    @Test func aWaitThatGoesOnCountsInEachSpanForItsPart() {
        var idleness = ReaderIdleness()
        idleness.beginWait(at(0))
        #expect(idleness.take(at(4)) == 1)
        idleness.endWait(at(5))
        #expect(idleness.take(at(8)) == 0.25)
        idleness.endWait(at(9))
        #expect(idleness.take(at(12)) == 0)
    }
}
