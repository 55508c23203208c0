import ClientCore
import KafkaSecurity

/// What a broker says while a client authenticates, and the client's own properties.
let securityTargets = [
    FuzzTarget("sasl", fuzzSasl), FuzzTarget("security-properties", fuzzSecurityProperties),
]

/// The first byte chooses the mechanism; each piece is what the server says next.
private func fuzzSasl(_ bytes: RawSpan) {
    var input = FuzzInput(bytes)
    let password = "pencil"
    let credentials: SaslCredentials = input.pick([
        .scram(.sha256, username: "user", password: Secret(password), nonce: "nonce"),
        .scram(.sha512, username: "u,=r", password: Secret(password), nonce: "nonce"),
        .plain(username: "user", password: Secret(password)),
        .oauthBearer(OAuthToken("abc.def", extensions: ["traceId": "1"])),
    ])
    var client = SaslClient(credentials)
    guard let first = try? client.begin() else {
        return require(false, "good credentials cannot be sent")
    }
    require(!first.isEmpty, "a first message says nothing")
    for _ in 0..<4 {
        let challenge = input.piece()
        guard let step = try? client.take(challenge), case .send(let answer) = step else { return }
        let text = String(decoding: answer, as: UTF8.self)
        require(!text.contains(password), "the password goes over the wire")
        if case .scram = credentials {
            require(text.hasPrefix("c=biws,r=nonce"), "a proof for another nonce")
        }
    }
    require(false, "an authentication has no end")
}

private func fuzzSecurityProperties(_ bytes: RawSpan) {
    var input = FuzzInput(bytes)
    let protocols = ["SASL_SSL", "SASL_PLAINTEXT", "SSL", "PLAINTEXT"]
    var properties = ["security.protocol": input.pick(protocols)]
    properties["sasl.mechanism"] = input.pick(["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "GSSAPI"])
    let keys = [
        "ssl.truststore.type", "ssl.truststore.location", "ssl.keystore.type",
        "ssl.keystore.location", "ssl.endpoint.identification.algorithm", "ssl.enabled.protocols",
        "ssl.key.password",
    ]
    let chosen = input.byte()
    for (index, key) in keys.enumerated() where chosen & 1 << UInt8(index) != 0 {
        properties[key] = input.pick(
            ["PEM", "JKS", "", "https", "TLSv1.3", "TLSv1.2,TLSv1.3", "/x"])
    }
    properties["sasl.jaas.config"] = String(decoding: input.rest(), as: UTF8.self)
    var settings = NetworkSettings(bootstrap: [])
    do throws(ClientError) { try settings.apply(properties) } catch {
        guard case .invalidSetting = error else {
            return require(false, "a setting is refused as \(error)")
        }
        return
    }
    let name = properties["security.protocol"] ?? ""
    require((settings.tls != nil) == name.hasSuffix("SSL"), "TLS")
    require((settings.sasl != nil) == name.hasPrefix("SASL"), "SASL")
}
