import KafkaSecurity

extension NetworkSettings {
    /// Takes `security.protocol`, `ssl.*` and `sasl.*`.
    ///
    /// - Throws: `invalidSetting` also for what Kafka's Java client has and this one has not: other
    ///   stores than PEM, GSSAPI, login modules of one's own.
    mutating func applySecurity(_ properties: [String: String]) throws(ClientError) {
        let given = ClientProperties(values: properties)
        let name = properties["security.protocol"]?.uppercased()
        guard let name else { return }
        guard let kind = SecurityProtocol(rawValue: name) else {
            throw given.refuse(
                "security.protocol", "give PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL")
        }
        tls = kind.isEncrypted ? try TLSSettings(given, base: tls ?? TLSSettings()) : nil
        sasl = kind.isAuthenticated ? try SaslSettings(given, known: sasl) : nil
    }
}

/// `security.protocol`
private enum SecurityProtocol: String {
    case plaintext = "PLAINTEXT"
    case ssl = "SSL"
    case saslPlaintext = "SASL_PLAINTEXT"
    case saslSSL = "SASL_SSL"

    var isEncrypted: Bool { self == .ssl || self == .saslSSL }
    var isAuthenticated: Bool { self == .saslPlaintext || self == .saslSSL }
}

extension TLSSettings {
    fileprivate init(_ given: ClientProperties, base: TLSSettings) throws(ClientError) {
        self = base
        trusted =
            try Self.store(given, "ssl.truststore", inline: "ssl.truststore.certificates")
            ?? trusted
        if let chain = try Self.store(
            given, "ssl.keystore", inline: "ssl.keystore.certificate.chain")
        {
            certificateChain = chain
            // One file has the key as well.
            privateKey = given.values["ssl.keystore.key"].map { .text(Secret($0)) } ?? chain
        }
        if let password = given.values["ssl.key.password"] { keyPassword = Secret(password) }
        switch given.values["ssl.endpoint.identification.algorithm"]?.lowercased() {
        case nil: break
        case "https": verifiesHostName = true
        case "": verifiesHostName = false
        default:
            throw given.refuse(
                "ssl.endpoint.identification.algorithm", "give https, or nothing for no check")
        }
        if let text = given.values["ssl.enabled.protocols"] {
            let names = text.split(separator: ",").map { $0.drop { $0 == " " } }
            guard names.allSatisfy({ $0 == "TLSv1.2" || $0 == "TLSv1.3" }), !names.isEmpty else {
                throw given.refuse("ssl.enabled.protocols", "give TLSv1.2,TLSv1.3 or TLSv1.3")
            }
            allowsTLS12 = names.contains("TLSv1.2")
        }
    }

    /// What `<prefix>.location` or `inline` names, if it is PEM.
    private static func store(
        _ given: ClientProperties, _ prefix: String, inline: String
    ) throws(ClientError) -> PEM? {
        let location = given.values[prefix + ".location"]
        guard location != nil || given.values[inline] != nil else { return nil }
        guard given.values[prefix + ".type"]?.uppercased() == "PEM" else {
            throw given.refuse(
                prefix + ".type",
                "give PEM: Java's stores (JKS, which is the default, and PKCS12) are not read")
        }
        if let text = given.values[inline] { return .text(Secret(text)) }
        return location.map { .file($0) }
    }
}

extension SaslSettings {
    /// - Parameter known: what the code has set; the only way to a source of tokens.
    fileprivate init(_ given: ClientProperties, known: SaslSettings?) throws(ClientError) {
        let name = given.values["sasl.mechanism"] ?? known?.mechanism.rawValue ?? "GSSAPI"
        let all = SaslMechanism.allCases.map(\.rawValue).joined(separator: ", ")
        guard let mechanism = SaslMechanism(rawValue: name.uppercased()) else {
            let isDefault = given.values["sasl.mechanism"] == nil
            let what = isDefault ? "GSSAPI (Kerberos), the default," : name
            throw given.refuse("sasl.mechanism", "this client has no \(what); it has \(all)")
        }
        if mechanism == .oauthBearer {
            guard case .oauthBearer(let source) = known else {
                throw given.refuse(
                    "sasl.mechanism", "OAUTHBEARER takes its tokens from code: sasl = .oauthBearer")
            }
            self = .oauthBearer(source)
            return
        }
        guard let login = try JAASEntry(given) else {
            guard let known, known.mechanism == mechanism else {
                throw given.refuse("sasl.jaas.config", "give a login module with its username")
            }
            self = known
            return
        }
        let (username, password) = try login.userAndPassword(given, for: mechanism)
        switch mechanism {
        case .plain: self = .plain(username: username, password: password)
        case .scramSHA256: self = .scram(.sha256, username: username, password: password)
        default: self = .scram(.sha512, username: username, password: password)
        }
    }
}
