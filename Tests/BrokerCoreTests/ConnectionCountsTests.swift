import BrokerCore
import Testing

/// The limits of connections, each at it and one past it.
@Suite struct ConnectionCountsTests {
    private var counts = ConnectionCounts()
    private var limits = ConnectionLimits()

    private mutating func accepted(_ address: String) -> Bool {
        counts.accepted(from: address, limits)
    }

    @Test mutating func anAddressMayHaveItsNumber() {
        limits.perAddress = 2
        limits.overrides = ["10.0.0.9": 1]
        #expect(accepted("10.0.0.1"))
        #expect(accepted("10.0.0.1"))
        #expect(!accepted("10.0.0.1"))
        #expect(accepted("10.0.0.2"))
        #expect(accepted("10.0.0.9"))
        #expect(!accepted("10.0.0.9"))
    }

    @Test mutating func theRefusedCountUntilTheyHaveEnded() {
        limits.perAddress = 1
        #expect(accepted("a"))
        #expect(!accepted("a"))
        counts.ended(from: "a")
        #expect(!accepted("a"))
        counts.ended(from: "a")
        counts.ended(from: "a")
        #expect(accepted("a"))
        #expect(counts.total == 1)
    }

    @Test mutating func inAllThereMayBeSoMany() {
        limits.total = 2
        #expect(counts.hasRoom(limits))
        _ = accepted("a")
        #expect(counts.hasRoom(limits))
        _ = accepted("b")
        #expect(!counts.hasRoom(limits))
        counts.ended(from: "a")
        #expect(counts.hasRoom(limits))
    }
}
