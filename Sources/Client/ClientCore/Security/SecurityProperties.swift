import KafkaSecurity

extension NetworkSettings {
    /// Takes `security.protocol` and `sasl.*`.
    ///
    /// - Throws: `invalidSetting` also for what Kafka's Java client has and this one has not: TLS,
    ///   GSSAPI, login modules of one's own.
    mutating func applySecurity(_ properties: [String: String]) throws(ClientError) {
        let given = ClientProperties(values: properties)
        let name = properties["security.protocol"]?.uppercased()
        guard let name else { return }
        guard let kind = SecurityProtocol(rawValue: name) else {
            throw given.refuse(
                "security.protocol", "give PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL")
        }
        if kind.isEncrypted {
            throw given.refuse("security.protocol", "this version has no TLS")
        }
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
