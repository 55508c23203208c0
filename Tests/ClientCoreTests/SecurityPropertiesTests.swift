import KafkaSecurity
import Testing

@testable import ClientCore

@Suite struct SecurityPropertiesTests {
    private func settings(
        _ properties: [String: String], sasl: SaslSettings? = nil
    ) throws -> NetworkSettings {
        var settings = NetworkSettings(bootstrap: [])
        settings.sasl = sasl
        try settings.apply(properties)
        return settings
    }

    private func refusal(_ properties: [String: String]) -> (key: String, text: String)? {
        do { _ = try settings(properties) } catch let error as ClientError {
            guard case .invalidSetting(let key, let value, let reason) = error else { return nil }
            return (key, "\(value) \(reason)")
        } catch {}
        return nil
    }

    @Test func protocolsSayWhatIsOn() throws {
        let plain = try settings(["security.protocol": "plaintext"])
        #expect(plain.tls == nil && plain.sasl == nil)
        let ssl = try settings(["security.protocol": "SSL"])
        #expect(ssl.tls?.trusted == nil && ssl.tls?.verifiesHostName == true && ssl.sasl == nil)
        #expect(refusal(["security.protocol": "TLS"])?.key == "security.protocol")
    }

    @Test func storesArePEM() throws {
        let tls = try #require(
            settings([
                "security.protocol": "SSL", "ssl.truststore.type": "PEM",
                "ssl.truststore.location": "/ca.pem", "ssl.keystore.type": "pem",
                "ssl.keystore.certificate.chain": "chain", "ssl.keystore.key": "key",
                "ssl.key.password": "sesame", "ssl.endpoint.identification.algorithm": "",
                "ssl.enabled.protocols": "TLSv1.3",
            ]).tls)
        guard case .file("/ca.pem")? = tls.trusted, case .text("chain")? = tls.certificateChain,
            case .text("key")? = tls.privateKey
        else { return #expect(Bool(false), "\(tls)") }
        #expect(tls.keyPassword == "sesame" && !tls.verifiesHostName && !tls.allowsTLS12)
        let one = try settings([
            "security.protocol": "SSL", "ssl.keystore.type": "PEM",
            "ssl.keystore.location": "/both.pem",
        ])
        guard case .file("/both.pem")? = one.tls?.privateKey else {
            return #expect(Bool(false), "\(one)")
        }
        let java = refusal(["security.protocol": "SSL", "ssl.truststore.location": "/a.jks"])
        #expect(java?.key == "ssl.truststore.type" && java?.text.contains("JKS") == true)
        #expect(
            refusal([
                "security.protocol": "SSL", "ssl.endpoint.identification.algorithm": "ldap",
            ]) != nil)
        #expect(refusal(["security.protocol": "SSL", "ssl.enabled.protocols": "TLSv1"]) != nil)
    }

    @Test(arguments: [
        ("PLAIN", "plain.PlainLoginModule"), ("SCRAM-SHA-256", "scram.ScramLoginModule"),
        ("SCRAM-SHA-512", "scram.ScramLoginModule"),
    ])
    func loginsAreThoseOfJAAS(mechanism: String, module: String) throws {
        let sasl = try settings([
            "security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": mechanism,
            "sasl.jaas.config":
                "org.apache.kafka.common.security.\(module) required\n username=\"al\\\"ice\""
                + " password='se;s=ame';",
        ]).sasl
        #expect(sasl?.mechanism.rawValue == mechanism)
        switch sasl {
        case .plain(let name, let password), .scram(_, let name, let password):
            #expect(name == "al\"ice" && password == "se;s=ame")
        default: #expect(Bool(false), "\(String(describing: sasl))")
        }
    }

    @Test(arguments: [
        "", "x.PlainLoginModule", "x.PlainLoginModule required", "x.PlainLoginModule maybe a=b;",
        "x.PlainLoginModule required username=\"a\" password=\"b\"",
        "x.PlainLoginModule required username=\"a\" password=\"b;",
        "x.PlainLoginModule required username=\"a\" username=\"b\" password=\"c\";",
        "x.PlainLoginModule required username=\"a\";", "x.PlainLoginModule required a==;",
        "x.PlainLoginModule required username=a password=b; more", "x.ScramLoginModule required;",
    ])
    func aLoginThatCannotBeReadIsToldWithoutItsPassword(text: String) {
        let refused = refusal([
            "security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN",
            "sasl.jaas.config": text,
        ])
        #expect(refused?.key == "sasl.jaas.config" && refused?.text.contains("(hidden)") == true)
    }

    @Test func mechanismsThatAreNotThereAreTold() throws {
        for properties in [[:], ["sasl.mechanism": "GSSAPI"]] {
            let refused = refusal(
                properties.merging(["security.protocol": "SASL_PLAINTEXT"]) { $1 })
            #expect(refused?.key == "sasl.mechanism")
            #expect(refused?.text.contains("no GSSAPI") == true)
            #expect(refused?.text.contains("SCRAM-SHA-512") == true)
        }
        let oauth = ["security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "OAUTHBEARER"]
        #expect(refusal(oauth)?.key == "sasl.mechanism")
        let source = SaslSettings.oauthBearer(OAuthTokenSource { $0(.success(OAuthToken("t"))) })
        #expect(try settings(oauth, sasl: source).sasl?.mechanism == .oauthBearer)
    }

    @Test func whatTheCodeHasSetStaysWithoutALogin() throws {
        let known = SaslSettings.scram(.sha512, username: "a", password: "b")
        let same = try settings(["security.protocol": "SASL_PLAINTEXT"], sasl: known)
        #expect(same.sasl?.mechanism == .scramSHA512)
        #expect(throws: ClientError.self) {
            try settings(
                ["security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN"], sasl: known)
        }
    }
}
