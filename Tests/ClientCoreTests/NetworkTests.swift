import KafkaProtocol
import KafkaWire
import Testing

@testable import ClientCore

/// Connections, versions and metadata, as any client has them.
@Suite struct NetworkTests {
    private let long = String(repeating: "x", count: Int(Int16.max) + 1)

    /// A consumer's wait for a topic, and what it comes to.
    private func partitions(of topic: String, _ driver: ConsumerDriver) throws -> Result<
        [Int32], ClientError
    > {
        let waiter = UInt64(driver.outputs.count)
        driver.core.findPartitions(of: topic, waiter: waiter, now: driver.now)
        var end: Result<[Int32], ClientError>?
        try driver.run {
            for case .partitions(waiter, let result) in driver.outputs { end = result }
            return end != nil
        }
        return try #require(end)
    }

    /// Those refuse the version of ApiVersions that they do not know in the one that all know.
    @Test func brokersFromBeforeKIP511AreAskedAgain() throws {
        let cluster = ScriptedCluster()
        cluster.isOld = true
        cluster.add("t", leaders: [0, 1])
        let driver = ConsumerDriver(cluster)
        #expect(try partitions(of: "t", driver) == .success([0, 1]))
        #expect(cluster.calls.prefix(2).map(\.version) == [3, 0])
        #expect(cluster.calls.prefix(2).map(\.key) == [.apiVersions, .apiVersions])
    }

    @Test func brokersWithoutMetadataAreTold() throws {
        let cluster = ScriptedCluster()
        cluster.off(.metadata)
        let end = try partitions(of: "t", ConsumerDriver(cluster))
        guard case .failure(.unsupportedRequest(.metadata, _)) = end else {
            Issue.record("\(end)")
            return
        }
    }

    /// KIP-1102: a broker that is none of the cluster's any more says so.
    @Test(arguments: [true, false])
    func aBrokerMaySendItsClientsBackToTheBeginning(rebootstraps: Bool) throws {
        let cluster = ScriptedCluster()
        cluster.add("t", leaders: [0])
        let driver = ConsumerDriver(cluster) { $0.network.rebootstraps = rebootstraps }
        #expect(try partitions(of: "t", driver) == .success([0]))
        #expect(driver.core.network.nodes.keys.sorted() == [0, 1].map { .broker(BrokerID($0)) })
        cluster.refusals[.metadata] = [.rebootstrapRequired]
        driver.core.network.refresh.request()
        try driver.run { cluster.hasRefused }
        let bootstrap = [NodeKey.bootstrap(0), .bootstrap(1)]
        let known = driver.core.network.nodes.keys.sorted()
        #expect(known == (rebootstraps ? bootstrap : [0, 1].map { .broker(BrokerID($0)) }))
        let asked = cluster.count(.metadata)
        try driver.run { cluster.count(.metadata) > asked }
        #expect(cluster.count(.metadata) == asked + 1)
    }

    /// A client has as many names as users make up; the protocol has room for 32 KiB.
    @Test func aTopicThatCannotBeNamedIsInvalidAndNoTroubleToOthers() throws {
        let cluster = ScriptedCluster()
        cluster.add("t", leaders: [0])
        let driver = ConsumerDriver(cluster)
        let end = try partitions(of: long, driver)
        #expect(end == .failure(.broker(.invalidTopicException, message: long)))
        #expect(driver.now.nanoseconds < 1_000_000_000)
        #expect(try partitions(of: "t", driver) == .success([0]))
        let limit = String(long.dropFirst())
        cluster.add(limit, leaders: [1])
        #expect(try partitions(of: limit, driver) == .success([0]))
    }

    @Test func aClientIDThatCannotBeSentIsTold() throws {
        let cluster = ScriptedCluster()
        let driver = ConsumerDriver(cluster) { $0.network.clientID = long }
        let end = try partitions(of: "t", driver)
        guard case .failure(.invalidSetting("client.id", let value, _)) = end else {
            Issue.record("\(end)")
            return
        }
        #expect(value.count < 30 && cluster.calls.isEmpty)
    }

    /// Certificates are renewed; but whoever waits is told at once.
    @Test(arguments: [
        SecurityFailure.untrustedCertificate("expired"), .wrongHostName("b"), .tls("no version"),
    ])
    func aConnectionThatCannotBeTrustedIsTold(failure: SecurityFailure) throws {
        let cluster = ScriptedCluster()
        cluster.add("t", leaders: [0])
        let driver = ConsumerDriver(cluster)
        driver.distrust = failure
        #expect(try partitions(of: "t", driver) == .failure(.security(failure)))
        #expect(driver.now.nanoseconds < 1_000_000_000 && cluster.calls.isEmpty)
        #expect(driver.core.takeMeasures(now: driver.now, timestamp: 0).refusals >= 2)
        driver.distrust = nil
        #expect(try partitions(of: "t", driver) == .success([0]))
    }

    /// A socket may have had something to say when the client was done with it.
    @Test func whatIsHeardOfConnectionsThatAreGoneMeansNothing() throws {
        let cluster = ScriptedCluster()
        cluster.add("t", leaders: [0])
        let driver = ConsumerDriver(cluster)
        #expect(try partitions(of: "t", driver) == .success([0]))
        let gone = ConnectionID(rawValue: 999)
        let events: [ConnectionEvent] = [
            .connected(gone), .closed(gone, reason: "late"), .received(gone, [1, 2, 3]),
            .distrusted(gone, .tls("late")),
            .credentials(gone, .failure(.security(.noCredentials("late")))),
        ]
        for event in events { driver.core.handle(event, now: driver.now) }
        driver.core.advance(now: driver.now)
        #expect(driver.core.takeEffects().isEmpty && driver.core.takeError() == nil)
        #expect(driver.core.takeMeasures(now: driver.now, timestamp: 0).refusals == 0)
    }

    @Test func aFrameIsAsLongAsItsPieces() throws {
        var writer = WireWriter()
        writer.write(Int16(1))
        try writer.write(.external(token: 1, count: 2), compact: false)
        writer.write(Int16(2))
        try writer.write(.external(token: 0, count: 3), compact: false)
        let frame = OutgoingFrame(
            fields: writer.toArray(), splices: writer.splices, payloads: [[8, 8, 8], [9, 9]])
        #expect(frame.bytes == [0, 1, 0, 0, 0, 2, 9, 9, 0, 2, 0, 0, 0, 3, 8, 8, 8])
        #expect(frame.byteCount == frame.bytes.count)
    }
}
