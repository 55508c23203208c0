import Coordinators
import KafkaProtocol
import KafkaWire
import LogStorage
import Testing

@testable import BrokerCore

/// Logs of coordinators that cannot be loaded, wholly or in part.
@Suite struct CoordinatorLoadTests {
    /// Loads a shard's log once more; whether that went well, and what was told of it.
    private func load(_ cell: ShardCell<GroupMachine>) -> (isLoaded: Bool, reports: [String]) {
        let reports = Reports()
        let work = cell.loading(LeaderEpoch(99), report: { reports.add($0) }) {
            GroupMachine(random: SplitMix64(seed: 1))
        }
        return (work.load() != nil, reports.all)
    }

    @Test func whatALaterVersionWroteIsPassedOver() throws {
        let node = try GroupNodeTests.node()
        let client = node.connect()
        try client.commit(3, group: "g-1")
        let cell = try #require(node.view.groupShard(of: "g-1"))
        #expect(load(cell) == (true, []))
        // A key of type 99.
        let batch = try TestRecords.batch([(key: "\u{0}c...", value: "?")])
        var log = CellLog(cell.partition, durability: .flushed, now: node.clock.now.wallMs)
        guard case .success = log.append(batch, transactionVersion: 0) else {
            Issue.record("the log takes a coordinator's records")
            return
        }
        let told = load(cell)
        #expect(told.isLoaded && told.reports.count == 1)
        #expect(told.reports.first?.contains("1 records were passed over, the first at") == true)
        let next = try node.restarted()
        #expect(next.reports.all.contains { $0.contains("1 records were passed over") })
        #expect(try next.connect().committed(group: "g-1") == 3)
    }

    @Test func aLogThatCannotBeReadIsReported() throws {
        let node = try GroupNodeTests.node()
        try node.connect().commit(3, group: "g-1")
        let cell = try #require(node.view.groupShard(of: "g-1"))
        node.fileSystem.fail(.init(operation: "read", suffix: ".log", isPermanent: true))
        let told = load(cell)
        #expect(!told.isLoaded)
        #expect(told.reports.first?.contains("cannot be loaded") == true)
        node.fileSystem.fail(nil)
        #expect(load(cell) == (true, []))
    }

    /// What the disk did not take is as if it had never been asked for, also in memory.
    @Test func aCoordinatorWhoseDiskFailsLetsGoOfItsGroups() throws {
        let node = try GroupNodeTests.node()
        let client = node.connect()
        try client.commit(3, group: "g-1")
        let cell = try #require(node.view.groupShard(of: "g-1"))
        node.fileSystem.fail(.init(operation: "write", suffix: ".log"))
        let late = try client.call(TestClient.commitRequest(4, group: "g-1"), version: 9)
        #expect(late.topics[0].partitions[0].errorCode == KafkaError.notCoordinator.rawValue)
        #expect(!cell.serves(LeaderEpoch(0)))
        let next = try node.restartedAfterKill()
        #expect(try next.connect().committed(group: "g-1") == 3)
    }
}
