import KafkaProtocol
import Testing

@testable import BrokerCore

/// The limits of connections, each at it and one past it.
@Suite struct ConnectionCountsTests {
    private var counts = ConnectionCounts()
    private var limits = ConnectionLimits()

    private mutating func accepted(_ address: String, ms: Int64 = 0) -> Bool {
        counts.accepted(from: address, on: "A", limits, nowNs: ms * 1_000_000) == .admitted
    }
    private mutating func room(_ listener: String = "A", ms: Int64 = 0) -> ConnectionCounts.Room {
        counts.room(on: listener, limits, nowNs: ms * 1_000_000)
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
        counts.ended(from: "a", on: "A")
        #expect(!accepted("a"))
        counts.ended(from: "a", on: "A")
        counts.ended(from: "a", on: "A")
        #expect(accepted("a"))
        #expect(counts.total == 1)
    }

    @Test mutating func inAllThereMayBeSoMany() {
        limits.total = 2
        #expect(room() == .now)
        _ = accepted("a")
        #expect(room() == .now)
        _ = accepted("b")
        #expect(room() == .whenOneEnds)
        #expect(room("B") == .whenOneEnds)
        limits.isProtected = true
        #expect(room("B") == .now, "clients do not keep brokers out")
        limits.isProtected = false
        counts.ended(from: "a", on: "A")
        #expect(room() == .now)
    }

    @Test mutating func aListenerMayHaveItsNumber() {
        limits.listenerTotal = 1
        _ = accepted("a")
        #expect(room("A") == .whenOneEnds)
        #expect(room("B") == .now)
        limits.isProtected = true
        #expect(room("A") == .whenOneEnds, "its own limit counts for every listener")
        counts.ended(from: "a", on: "A")
        #expect(room("A") == .now)
    }

    @Test mutating func newOnesComeAtTheRate() {
        limits.rate = 4
        for _ in 0..<4 {
            #expect(room() == .now)
            _ = accepted("a")
        }
        #expect(room() == .after(250_000_000))
        #expect(room("B") == .after(250_000_000))
        #expect(room(ms: 249) != .now)
        #expect(room(ms: 250) == .now)
        _ = accepted("a", ms: 250)
        #expect(room(ms: 250) == .after(250_000_000))
        limits.isProtected = true
        #expect(room("B", ms: 250) == .now)
        limits.isProtected = false
        limits.rate = .max
        #expect(room(ms: 250) == .now)
    }

    @Test mutating func aListenerHasItsOwnRate() {
        limits.listenerRate = 1
        limits.isProtected = true
        _ = accepted("a")
        #expect(room("A") == .after(1_000_000_000))
        #expect(room("B") == .now)
        #expect(room("A", ms: 1000) == .now)
    }

    @Test mutating func anAddressHasItsRate() {
        limits.addressRate = { $0 == "10.0.0.9" ? 2 : .max }
        limits.rate = 3
        #expect(accepted("10.0.0.9"))
        #expect(accepted("10.0.0.9"))
        let third = counts.accepted(from: "10.0.0.9", on: "A", limits, nowNs: 0)
        #expect(third == .tooFast(500_000_000))
        #expect(room() == .now, "the refused is not counted against the others' rate")
        #expect(accepted("10.0.0.1"))
        #expect(room() != .now)
        #expect(accepted("10.0.0.9", ms: 500))
    }

    /// Beyond the number of addresses that are kept those are forgotten that were idle.
    @Test mutating func anAddressThatIsBusyIsNotForgotten() {
        limits.addressRate = { _ in 2 }
        for number in 0..<4095 { #expect(accepted("\(number)")) }
        #expect(accepted("busy", ms: 1100))
        #expect(accepted("busy", ms: 1100))
        #expect(accepted("one more", ms: 1200))
        #expect(!accepted("busy", ms: 1200))
        #expect(accepted("busy", ms: 1600))
    }

    // MARK: Settings

    @Test func theLimitsAreThoseOfTheSettings() throws {
        let node = try TestNode {
            $0.staticConfigs["max.connections"] = "10"
            $0.staticConfigs["max.connection.creation.rate"] = "5"
            $0.staticConfigs["listener.name.plaintext.max.connections"] = "3"
            $0.staticConfigs["max.connections.per.ip"] = "4"
            $0.staticConfigs["max.connections.per.ip.overrides"] = "10.0.0.9: 1, fe80::1:2,junk"
        }
        let quota = AlterClientQuotasRequest(entries: [
            .init(
                entity: [.init(entityType: "ip", entityName: "10.0.0.8")],
                ops: [.init(key: "connection_creation_rate", value: 7)])
        ])
        #expect(try node.connect().call(quota).entries.map(\.errorCode) == [0])
        let controller = node.controller.controller
        let limits = ConnectionLimits(
            controller, listener: "PLAINTEXT", brokerListeners: ["PLAINTEXT"])
        #expect(limits.total == 10 && limits.rate == 5)
        #expect(limits.listenerTotal == 3 && limits.listenerRate == 5)
        #expect(limits.perAddress == 4 && limits.overrides == ["10.0.0.9": 1, "fe80::1": 2])
        #expect(limits.addressRate("10.0.0.8") == 7 && limits.addressRate("10.0.0.9") == .max)
    }

    @Test func theListenersOfBrokersAndControllersAreProtected() throws {
        let controller = try TestNode().controller.controller
        func isProtected(_ listener: String, _ brokers: [String]) -> Bool {
            ConnectionLimits(controller, listener: listener, brokerListeners: brokers).isProtected
        }
        #expect(isProtected("CONTROLLER", ["PLAINTEXT"]))
        #expect(!isProtected("PLAINTEXT", ["PLAINTEXT"]), "clients come by it too")
        #expect(isProtected("PLAINTEXT", ["PLAINTEXT", "CLIENTS"]))
        #expect(!isProtected("CLIENTS", ["PLAINTEXT", "CLIENTS"]))
    }
}
