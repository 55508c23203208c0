import KafkaProtocol
import Testing

@testable import ClientCore

/// SASL on connections, against the model, in virtual time.
@Suite struct AuthenticationTests {
    private func driver(
        _ cluster: ModelCluster, password: String = "sesame"
    ) throws -> ProducerDriver {
        try ProducerDriver(cluster) {
            $0.network.sasl = .plain(username: "alice", password: .init(password))
            $0.network.reconnectBackoffMax = .milliseconds(50)
        }
    }

    @Test func requestsFollowTheAuthentication() throws {
        let cluster = ModelCluster(partitions: 2)
        let driver = try driver(cluster)
        try driver.open()
        #expect(
            cluster.seen.prefix(4) == [.apiVersions, .saslHandshake, .saslAuthenticate, .metadata])
        let waiters = (0..<2).compactMap { driver.append("a", partition: $0) }
        try driver.run { driver.delivered.count == 2 }
        #expect(Set(driver.delivered.keys) == Set(waiters))
        #expect(Set(cluster.sasl.attempts) == [0, 1])
    }

    @Test func aWrongPasswordIsToldAtOnceAndMayBeMended() throws {
        let cluster = ModelCluster(partitions: 1)
        let driver = try driver(cluster, password: "guess")
        driver.core.waitForTopic("t", waiter: 1, now: driver.now)
        try driver.run(for: .seconds(5)) { driver.resumed[1] != nil }
        #expect(driver.resumed[1] == .broker(.saslAuthenticationFailed, message: "no"))
        #expect(driver.resumed[1]??.isFatal == false)
        cluster.sasl.password = "guess"
        driver.core.waitForTopic("t", waiter: 2, now: driver.now)
        try driver.run(for: .seconds(5)) { driver.resumed[2] != nil }
        #expect(driver.resumed[2] == .some(nil))
    }

    @Test func aMechanismThatIsNotOfferedIsTold() throws {
        let cluster = ModelCluster(partitions: 1)
        cluster.sasl.mechanisms = ["SCRAM-SHA-512", "OAUTHBEARER"]
        let driver = try driver(cluster)
        driver.core.waitForTopic("t", waiter: 1, now: driver.now)
        try driver.run(for: .seconds(5)) { driver.resumed[1] != nil }
        let error = try #require(driver.resumed[1] ?? nil)
        #expect(error.kafkaError == .unsupportedSaslMechanism)
        #expect("\(error)".contains("it offers OAUTHBEARER, SCRAM-SHA-512"))
    }

    @Test func oneBrokerThatRefusesIsNotAll() throws {
        let cluster = ModelCluster(partitions: 2)
        cluster.sasl.closed = [0]
        let driver = try driver(cluster)
        driver.core.waitForTopic("t", waiter: 1, now: driver.now)
        try driver.run(for: .seconds(5)) { driver.resumed[1] != nil }
        #expect(driver.resumed[1] == .some(nil))
        _ = driver.append("a", partition: 1)
        try driver.run { driver.delivered.count == 1 }
    }

    /// KIP-368: between 85 and 95 percent of the lifetime, on the same connection.
    @Test func aSessionIsRenewedBeforeItEnds() throws {
        let cluster = ModelCluster(partitions: 1)
        cluster.sasl.lifetime = 10_000
        let driver = try driver(cluster)
        try driver.open()
        _ = driver.append("a")
        try driver.run { driver.delivered.count == 1 }
        let connections = driver.connections
        let (begin, attempts) = (driver.now, cluster.sasl.attempts.count)
        try driver.run(for: .seconds(20)) { cluster.sasl.attempts.count > attempts }
        let passed = driver.now - begin
        #expect(passed > .seconds(8) && passed <= .milliseconds(9_500))
        _ = driver.append("b")
        try driver.run { driver.delivered.count == 2 }
        #expect(driver.connections == connections && cluster.values == [["a", "b"]])
    }

    /// What is sent while the credentials are refused waits for better ones.
    @Test func recordsOutliveExpiredCredentials() throws {
        let cluster = ModelCluster(partitions: 1)
        cluster.sasl.lifetime = 1_000
        let driver = try driver(cluster)
        try driver.open()
        _ = driver.append("0")
        try driver.run { driver.delivered.count == 1 }
        cluster.sasl.password = "changed"
        let before = cluster.sasl.attempts.count
        for index in 1..<20 {
            _ = driver.append("\(index)")
            try driver.run(for: .milliseconds(200)) { false }
        }
        #expect(cluster.sasl.attempts.count > before + 2 && driver.delivered.count < 20)
        cluster.sasl.password = "sesame"
        try driver.run { driver.delivered.count == 20 }
        #expect(cluster.values == [(0..<20).map { "\($0)" }] && driver.failed.isEmpty)
    }
}
