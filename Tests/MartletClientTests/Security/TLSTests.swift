import KafkaSecurity
import MartletClient
import NIOSSL
import Testing

/// TLS against a listener that speaks it, in front of a node.
@Suite(.timeLimit(.minutes(3))) struct TLSTests {
    private func serverContext(
        _ certificates: TestCertificates, _ name: String, asksForCertificate: Bool = false
    ) throws -> NIOSSLContext {
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: try NIOSSLCertificate.fromPEMFile(certificates.certificate(name))
                .map { .certificate($0) },
            privateKey: .privateKey(
                try NIOSSLPrivateKey(file: certificates.key(name), format: .pem)))
        if asksForCertificate {
            configuration.certificateVerification = .noHostnameVerification
            configuration.trustRoots = .file(certificates.authority)
        }
        return try NIOSSLContext(configuration: configuration)
    }

    /// Client properties under Kafka's names.
    private func properties(_ certificates: TestCertificates) -> [String: String] {
        [
            "security.protocol": "SSL", "ssl.truststore.type": "PEM",
            "ssl.truststore.location": certificates.authority,
        ]
    }

    @Test(arguments: [nil, SaslMechanism.scramSHA256])
    func recordsGoThereAndBack(mechanism: SaslMechanism?) async throws {
        let certificates = try TestCertificates()
        try certificates.sign("broker", for: "DNS:localhost")
        var policy = ListenerPolicy()
        policy.mechanisms = mechanism.map { [$0.rawValue] } ?? []
        policy.users = ["alice": "sesame"]
        let tls = try serverContext(certificates, "broker")
        try await SecureListener.with(tls: tls, policy) { listener in
            var properties = self.properties(certificates)
            if let mechanism {
                properties["security.protocol"] = "SASL_SSL"
                properties["sasl.mechanism"] = mechanism.rawValue
                properties["sasl.jaas.config"] =
                    "x.ScramLoginModule required username=alice password=sesame;"
            }
            var producing = ProducerSettings(
                network: .init(bootstrap: try BrokerAddress.list(listener.bootstrap)))
            try producing.apply(properties)
            let producer = try Producer(producing)
            let value = [UInt8](repeating: 7, count: 2000)
            for _ in 0..<500 {
                try await producer.enqueue(ProducerRecord(topic: "t", value: value))
            }
            try await producer.close()
            var consuming = ConsumerSettings(network: producing.network)
            consuming.offsetReset = .earliest
            let consumer = try Consumer(consuming)
            try await consumer.assign(topic: "t")
            var count = 0
            for try await record in consumer.records {
                #expect(record.value == value)
                count += 1
                if count == 500 { break }
            }
            await consumer.close()
            #expect((listener.policy.authentications > 0) == (mechanism != nil))
        }
    }

    @Test func certificatesAreChecked() async throws {
        let certificates = try TestCertificates()
        try certificates.sign("elsewhere", for: "DNS:elsewhere.example")
        let tls = try serverContext(certificates, "elsewhere")
        try await SecureListener.with(tls: tls) { listener in
            func topics(_ configure: (inout TLSSettings) -> Void) async throws {
                let admin = try listener.admin {
                    var tls = TLSSettings()
                    tls.trusted = .file(certificates.authority)
                    configure(&tls)
                    $0.tls = tls
                }
                do { _ = try await admin.listTopics() } catch {
                    await admin.close()
                    throw error
                }
                await admin.close()
            }
            let wrongName = await #expect(throws: ClientError.self) { try await topics { _ in } }
            guard case .security(.wrongHostName) = wrongName else {
                return #expect(Bool(false), "\(String(describing: wrongName))")
            }
            try await topics { $0.verifiesHostName = false }
            let other = try TestCertificates()
            let untrusted = await #expect(throws: ClientError.self) {
                try await topics { $0.trusted = .file(other.authority) }
            }
            guard case .security(.untrustedCertificate) = untrusted else {
                return #expect(Bool(false), "\(String(describing: untrusted))")
            }
            await #expect(throws: ClientError.self) {
                try await topics { $0.trusted = .file("/nowhere.pem") }
            }
        }
    }

    @Test func aBrokerMayAskForACertificate() async throws {
        let certificates = try TestCertificates()
        try certificates.sign("broker", for: "DNS:localhost,IP:127.0.0.1")
        try certificates.sign("client", for: "DNS:client")
        let tls = try serverContext(certificates, "broker", asksForCertificate: true)
        try await SecureListener.with(tls: tls) { listener in
            var all = self.properties(certificates)
            let without = try listener.admin { try $0.apply(all) }
            let error = await #expect(throws: ClientError.self) {
                _ = try await without.listTopics()
            }
            guard case .security(.tls) = error else {
                return #expect(Bool(false), "\(String(describing: error))")
            }
            await without.close()
            all["ssl.keystore.type"] = "PEM"
            all["ssl.keystore.location"] = try certificates.keystore("client")
            let with = try listener.admin {
                try $0.apply(all)
                // By its address, which the certificate names too.
                $0.bootstrap[0].host = "127.0.0.1"
            }
            _ = try await with.listTopics()
            await with.close()
        }
    }

    @Test func whoDoesNotSpeakTLSIsTold() async throws {
        let certificates = try TestCertificates()
        try certificates.sign("broker", for: "DNS:localhost")
        let tls = try serverContext(certificates, "broker")
        try await SecureListener.with(tls: tls) { listener in
            func failure(_ bootstrap: String, _ tls: TLSSettings?) async throws -> ClientError? {
                let admin = try Admin(bootstrap: bootstrap) {
                    $0.network.tls = tls
                    $0.apiTimeout = .seconds(10)
                }
                let error = await #expect(throws: ClientError.self) {
                    _ = try await admin.listTopics()
                }
                await admin.close()
                return error
            }
            let plain = try await failure(listener.bootstrap, nil)
            #expect(plain != nil)
            let encrypted = try await failure(listener.plainBootstrap, TLSSettings())
            #expect(encrypted != nil)
        }
    }
}
