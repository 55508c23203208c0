import Foundation
import KafkaSecurity
import MartletClient
import Synchronization
import Testing

/// SASL against a listener that speaks it, in front of a node.
@Suite(.timeLimit(.minutes(3))) struct SecurityTests {
    private func policy(_ mechanism: String) -> ListenerPolicy {
        var policy = ListenerPolicy()
        policy.mechanisms = [mechanism]
        policy.users = ["alice": "sesame,=\"ü"]
        policy.tokens = ["good"]
        return policy
    }

    /// Client properties under Kafka's names.
    private func properties(
        _ mechanism: String, password: String = "sesame,=\"ü"
    ) -> [String: String] {
        var all = ["security.protocol": "SASL_PLAINTEXT"]
        all["sasl.mechanism"] = mechanism
        guard mechanism != "OAUTHBEARER" else { return all }
        let module = mechanism == "PLAIN" ? "plain.PlainLoginModule" : "scram.ScramLoginModule"
        let quoted = password.replacingOccurrences(of: "\"", with: "\\\"")
        all["sasl.jaas.config"] =
            "org.apache.kafka.common.security.\(module) required username=\"alice\""
            + " password=\"\(quoted)\";"
        return all
    }

    private func producer(
        _ listener: SecureListener, _ properties: [String: String]
    ) throws -> Producer {
        var settings = ProducerSettings(
            network: .init(bootstrap: try BrokerAddress.list(listener.bootstrap)))
        if properties["sasl.mechanism"] == "OAUTHBEARER" {
            settings.network.sasl = .oauthBearer { OAuthToken("good") }
        }
        try settings.apply(properties)
        return try Producer(settings)
    }

    /// The values of the only partition of a topic, as the node itself has them.
    private func values(_ topic: String, _ count: Int, _ listener: SecureListener) async throws
        -> [String]
    {
        let consumer = try Consumer(bootstrap: listener.plainBootstrap) {
            $0.offsetReset = .earliest
        }
        try consumer.assign([TopicPartition(topic: topic, partition: 0)])
        var seen: [String] = []
        while seen.count < count, let batch = try await consumer.poll(timeout: .seconds(60)) {
            seen += batch.records.map { String(decoding: $0.value ?? [], as: UTF8.self) }
        }
        // Nothing may come after them.
        let id = TopicPartition(topic: topic, partition: 0)
        #expect(try await consumer.endOffsets([id]) == [id: Offset(Int64(count))])
        await consumer.close()
        return seen
    }

    @Test(arguments: SaslMechanism.allCases.map(\.rawValue))
    func recordsGoThereAndBack(mechanism: String) async throws {
        try await SecureListener.with(policy(mechanism)) { listener in
            let properties = self.properties(mechanism)
            let producer = try producer(listener, properties)
            for index in 0..<500 {
                try await producer.enqueue(ProducerRecord(topic: "t", value: "\(index)"))
            }
            try await producer.close()
            let consumer = try Consumer(bootstrap: listener.bootstrap) {
                $0.network.sasl = .oauthBearer { OAuthToken("good") }
                try? $0.apply(properties)
                $0.group = GroupSettings(id: "g")
                $0.offsetReset = .earliest
            }
            try consumer.subscribe(to: ["t"])
            var seen: [String] = []
            for try await record in consumer.records {
                seen.append(String(decoding: record.value ?? [], as: UTF8.self))
                if seen.count == 500 { break }
            }
            await consumer.close()
            #expect(seen == (0..<500).map { "\($0)" })
            #expect(listener.policy.authentications > 0)
            #expect(listener.policy.refusals == 0 && listener.policy.expired == 0)
        }
    }

    @Test(arguments: ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
    func aWrongPasswordIsToldToAll(mechanism: String) async throws {
        try await SecureListener.with(policy(mechanism)) { listener in
            let wrong = properties(mechanism, password: "guess")
            let refused = ClientError.broker(
                .saslAuthenticationFailed,
                message: "Authentication failed: Invalid username or password")
            let producer = try producer(listener, wrong)
            await #expect(throws: refused) { _ = try await producer.send("x", to: "t") }
            await producer.abandon()
            let admin = try listener.admin { try $0.apply(wrong) }
            await #expect(throws: refused) { _ = try await admin.listTopics() }
            await admin.close()
            var settings = ConsumerSettings(
                network: .init(bootstrap: try BrokerAddress.list(listener.bootstrap)))
            try settings.apply(wrong)
            let consumer = try Consumer(settings)
            try consumer.assign([TopicPartition(topic: "t", partition: 0)])
            await #expect(throws: refused) { _ = try await consumer.poll(timeout: .seconds(60)) }
            await #expect(throws: refused) { _ = try await consumer.partitions(of: "t") }
            await consumer.close()
            #expect(listener.policy.refusals > 0)
        }
    }

    @Test func aMechanismThatIsNotOfferedIsTold() async throws {
        try await SecureListener.with(policy("SCRAM-SHA-512")) { listener in
            let admin = try listener.admin { try $0.apply(properties("PLAIN")) }
            let error = await #expect(throws: ClientError.self) {
                _ = try await admin.listTopics()
            }
            #expect(error?.kafkaError == .unsupportedSaslMechanism)
            #expect("\(error.map { "\($0)" } ?? "")".contains("SCRAM-SHA-512"))
            await admin.close()
        }
    }

    /// Whoever poses as a broker without knowing the password, or has it hashed without end.
    @Test func aBrokerThatIsNotProvenIsTold() async throws {
        var policy = policy("SCRAM-SHA-256")
        policy.isImpostor = true
        try await SecureListener.with(policy) { listener in
            func error() async throws -> ClientError? {
                let admin = try listener.admin {
                    try $0.apply(properties("SCRAM-SHA-256"))
                }
                let error = await #expect(throws: ClientError.self) {
                    _ = try await admin.listTopics()
                }
                await admin.close()
                return error
            }
            #expect(
                try await error()
                    == .security(
                        .brokerNotProven("the broker does not know the password")))
            for iterations in [4095, 2_000_000_000] {
                listener.change { $0.iterations = iterations }
                guard case .security(.brokerNotProven(let reason)) = try await error() else {
                    return #expect(Bool(false))
                }
                #expect(reason.contains("\(iterations) iterations"))
            }
        }
    }

    @Test func tokensThatDoNotComeOrAreRefusedAreTold() async throws {
        struct NoToken: Error {}
        try await SecureListener.with(policy("OAUTHBEARER")) { listener in
            let none = try listener.admin { $0.sasl = .oauthBearer { throw NoToken() } }
            await #expect(throws: ClientError.security(.noCredentials("NoToken()"))) {
                _ = try await none.listTopics()
            }
            await none.close()
            let bad = try listener.admin { $0.sasl = .oauthBearer { OAuthToken("bad") } }
            let error = await #expect(throws: ClientError.self) { _ = try await bad.listTopics() }
            #expect(error?.kafkaError == .saslAuthenticationFailed)
            await bad.close()
        }
    }

    /// KIP-368: sessions of a second are renewed, on their connections and under load.
    @Test func sessionsAreRenewedInTime() async throws {
        var policy = policy("SCRAM-SHA-256")
        policy.lifetime = .seconds(1)
        policy.grace = .seconds(60)
        try await SecureListener.with(policy) { listener in
            let producer = try producer(listener, properties("SCRAM-SHA-256"))
            _ = try await producer.send("0", to: "t")
            let connections = listener.policy.connections
            var count = 1
            while listener.policy.authentications < connections + 3 {
                _ = try await producer.send("\(count)", to: "t")
                count += 1
            }
            #expect(listener.policy.connections == connections && listener.policy.expired == 0)
            try await producer.close()
            #expect(try await values("t", count, listener) == (0..<count).map { "\($0)" })
        }
    }

    /// A password is changed under load, and after a while the old one holds again.
    @Test func recordsOutliveExpiredCredentials() async throws {
        var policy = policy("PLAIN")
        // Long enough to be of use where the machine is busy.
        policy.lifetime = .seconds(3)
        try await SecureListener.with(policy) { listener in
            let producer = try producer(listener, properties("PLAIN"))
            _ = try await producer.send("0", to: "t")
            let password = listener.change { policy in
                policy.users.removeValue(forKey: "alice")
            }
            listener.dropAll()
            var count = 1
            while listener.policy.refusals < 5 || count < 500 {
                try await producer.enqueue(ProducerRecord(topic: "t", value: "\(count)"))
                count += 1
                try await Task.sleep(for: .milliseconds(1))
            }
            listener.change { $0.users["alice"] = password }
            try await producer.flush()
            try await producer.close()
            #expect(try await values("t", count, listener) == (0..<count).map { "\($0)" })
        }
    }
}
