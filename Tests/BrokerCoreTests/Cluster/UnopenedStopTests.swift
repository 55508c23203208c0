import KafkaWire
import LogStorage
import Testing

@testable import BrokerCore

/// A node of several that finds no quorum, and is stopped before it has opened its partitions.
@Suite struct UnopenedStopTests {
    private let disk: MemoryFileSystem
    private var marker: CleanShutdownFile { CleanShutdownFile(in: "/data", fileSystem: disk) }

    init() throws {
        disk = MemoryFileSystem()
        try disk.createDirectory("/data")
        var random = SplitMix64(seed: 7)
        var ensemble = MetaPropertiesEnsemble.load(
            directories: ["/data"], metadataDirectory: "/data", from: disk)
        ensemble.complete(
            clusterID: "cluster-under-test--w", nodeID: BrokerID(1), in: disk, using: &random)
    }

    /// - Parameter epoch: of its registration, if it comes to that.
    private func startAndStop(registered epoch: Int64? = nil) throws {
        let node = try start()
        if let epoch { node.controller.lifecycle.epoch = epoch }
        node.controller.stop()
    }

    private func start() throws -> TestNode {
        try TestNode(on: disk) { $0.quorum = .firstOfThree }
    }

    @Test func afterACrashItIsNoProofOfAnOrderlyStop() throws {
        try startAndStop()
        #expect(try marker.read() == nil)
    }

    @Test func anEarlierProofStands() throws {
        try marker.write(brokerEpoch: 42)
        try startAndStop()
        #expect(try marker.read()?.brokerEpoch == 42)
    }

    /// A controller takes any other epoch than the last for a crash.
    @Test func anEarlierProofStandsForTheRegistrationSince() throws {
        try marker.write(brokerEpoch: 42)
        try startAndStop(registered: 50)
        #expect(try marker.read()?.brokerEpoch == 50)
    }

    @Test func aProofThatCannotBeRenewedIsNone() throws {
        try marker.write(brokerEpoch: 42)
        let node = try start()
        disk.fail(.init(prefix: "/data/.kafka_cleanshutdown", isPermanent: true))
        node.controller.stop()
        disk.fail(nil)
        #expect(node.reports.all.contains { $0.hasPrefix("/data: ") })
        #expect(try marker.read() == nil)
    }

    @Test func checkpointsStayAsTheyAre() throws {
        let offsets = [TopicPartition(topic: "t", partition: 0): Offset(7)]
        for kind in [OffsetCheckpoint.Kind.recoveryPoint, .highWatermark, .logStartOffset] {
            try OffsetCheckpoint(kind, in: "/data", fileSystem: disk).write(offsets)
        }
        try startAndStop()
        for kind in [OffsetCheckpoint.Kind.recoveryPoint, .highWatermark, .logStartOffset] {
            #expect(try OffsetCheckpoint(kind, in: "/data", fileSystem: disk).read() == offsets)
        }
    }
}
