import KafkaProtocol
import KafkaSecurity
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

    /// What a client is told that cannot authenticate, though nobody refuses its password.
    struct Trouble: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var sasl: SaslSettings
        var challenges: [String] = []
        var error: ClientError
    }

    static let troubles: [Trouble] = [
        Trouble(
            testDescription: "no username", sasl: .plain(username: "", password: "sesame"),
            error: .security(.noCredentials("give a username, and no zero bytes"))),
        Trouble(
            testDescription: "another's nonce",
            sasl: .scram(.sha256, username: "alice", password: "sesame"),
            challenges: ["r=other,s=c2FsdA==,i=4096"],
            error: .security(
                .brokerNotProven(
                    "\(SaslError.unacceptableChallenge("its nonce does not begin with ours"))"))),
        Trouble(
            testDescription: "an unknown user",
            sasl: .scram(.sha256, username: "alice", password: "sesame"),
            challenges: ["e=unknown-user"],
            error: .broker(.saslAuthenticationFailed, message: "unknown-user")),
        Trouble(
            testDescription: "a broker that does not know the password",
            sasl: .scram(.sha256, username: "alice", password: "sesame"),
            challenges: ["r=nonce1,s=c2FsdA==,i=4096", "v=bm8="],
            error: .security(.brokerNotProven("\(SaslError.serverNotProven)"))),
    ]

    @Test(arguments: troubles)
    func whatKeepsFromAuthenticatingIsTold(trouble: Trouble) throws {
        let cluster = ModelCluster(partitions: 1)
        cluster.sasl.mechanisms = [trouble.sasl.mechanism.rawValue]
        let driver = try ProducerDriver(cluster) { $0.network.sasl = trouble.sasl }
        driver.core.waitForTopic("t", waiter: 1, now: driver.now)
        try driver.run(for: .seconds(5)) {
            // Each of the brokers says the same.
            if cluster.sasl.challenges.isEmpty { cluster.sasl.challenges = trouble.challenges }
            return driver.resumed[1] != nil
        }
        #expect(driver.resumed[1] == trouble.error)
        #expect(!cluster.seen.contains(.metadata))
    }

    /// Kafka before 1.0 has another framing.
    @Test func brokersWithoutTheRequestsAreTold() throws {
        let cluster = ModelCluster(partitions: 1)
        cluster.versionLimits[.saslHandshake] = 0
        let old = try driver(cluster)
        old.core.waitForTopic("t", waiter: 1, now: old.now)
        try old.run(for: .seconds(5)) { old.resumed[1] != nil }
        guard case .unsupportedRequest(.saslHandshake, _)?? = old.resumed[1] else {
            Issue.record("\(String(describing: old.resumed[1]))")
            return
        }
        cluster.versionLimits = [:]
        cluster.withheld = [0: [.saslAuthenticate], 1: [.saslAuthenticate]]
        let odd = try driver(cluster)
        odd.core.waitForTopic("t", waiter: 1, now: odd.now)
        try odd.run(for: .seconds(5)) { odd.resumed[1] != nil }
        guard case .unsupportedRequest(.saslAuthenticate, _)?? = odd.resumed[1] else {
            Issue.record("\(String(describing: odd.resumed[1]))")
            return
        }
    }
}
