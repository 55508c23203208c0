extension BrokerConfigs {
    /// Keys of TLS, principals and delegation tokens.
    static let security: [ConfigDefinition] = [
        define(
            "security.providers", .string, nil, .any, .low, .readOnly,
            "Java security providers; has no effect in Martlet."),
        define(
            "principal.builder.class", .class,
            "org.apache.kafka.common.security.authenticator.DefaultKafkaPrincipalBuilder", .any,
            .medium, .perBroker,
            "Plug-in that names the principal of a connection."),
        define(
            "ssl.client.auth", .string, "none", .oneOf(["required", "requested", "none"]), .medium,
            .perBroker,
            "Whether clients must show a certificate."),
        define(
            "ssl.principal.mapping.rules", .string, "DEFAULT", .any, .low, .readOnly,
            "Rules that turn a certificate's subject into a user name."),
        define(
            "ssl.allow.dn.changes", .boolean, "false", .any, .low, .readOnly,
            "Lets a reloaded certificate have another subject."),
        define(
            "ssl.allow.san.changes", .boolean, "false", .any, .low, .readOnly,
            "Lets a reloaded certificate have other alternative names."),
        define(
            "ssl.protocol", .string, "TLSv1.3", .any, .medium, .perBroker,
            "Highest TLS version."),
        define(
            "ssl.provider", .string, nil, .any, .medium, .perBroker,
            "Java provider of TLS; has no effect in Martlet."),
        define(
            "ssl.enabled.protocols", .list, "TLSv1.2,TLSv1.3", .list(of: [], allowsEmpty: true),
            .medium, .perBroker,
            "TLS versions on offer."),
        define(
            "ssl.keystore.type", .string, "JKS", .any, .medium, .perBroker,
            "Format of the key store: JKS, PKCS12 or PEM."),
        define(
            "ssl.keystore.location", .string, nil, .any, .medium, .perBroker,
            "Path of the key store."),
        define(
            "ssl.keystore.password", .password, nil, .any, .medium, .perBroker,
            "Password of the key store file."),
        define(
            "ssl.key.password", .password, nil, .any, .medium, .perBroker,
            "Password of the private key."),
        define(
            "ssl.keystore.key", .password, nil, .any, .medium, .perBroker,
            "Private key as PEM text."),
        define(
            "ssl.keystore.certificate.chain", .password, nil, .any, .medium, .perBroker,
            "Certificate chain as PEM text."),
        define(
            "ssl.truststore.type", .string, "JKS", .any, .medium, .perBroker,
            "Format of the trust store: JKS, PKCS12 or PEM."),
        define(
            "ssl.truststore.location", .string, nil, .any, .medium, .perBroker,
            "Path of the trust store."),
        define(
            "ssl.truststore.password", .password, nil, .any, .medium, .perBroker,
            "Password of the trust store file."),
        define(
            "ssl.truststore.certificates", .password, nil, .any, .medium, .perBroker,
            "Trusted certificates as PEM text."),
        define(
            "ssl.keymanager.algorithm", .string, "SunX509", .any, .medium, .perBroker,
            "Java key manager; has no effect in Martlet."),
        define(
            "ssl.trustmanager.algorithm", .string, "PKIX", .any, .medium, .perBroker,
            "Java trust manager; has no effect in Martlet."),
        define(
            "ssl.endpoint.identification.algorithm", .string, "https", .any, .low, .perBroker,
            "How a server's host name is checked; empty for not at all."),
        define(
            "ssl.secure.random.implementation", .string, nil, .any, .low, .perBroker,
            "Java random source; has no effect in Martlet."),
        define(
            "ssl.cipher.suites", .list, "", .list(of: [], allowsEmpty: true), .medium, .perBroker,
            "Cipher suites allowed; empty for the library's choice."),
        define(
            "ssl.engine.factory.class", .class, nil, .any, .low, .perBroker,
            "Plug-in that makes TLS engines."),
        define(
            "delegation.token.secret.key", .password, nil, .any, .medium, .readOnly,
            "Key that signs delegation tokens, the same on every node."),
        define(
            "delegation.token.max.lifetime.ms", .long, "604800000", .atLeast(1), .medium, .readOnly,
            "Milliseconds after which a token cannot be renewed."),
        define(
            "delegation.token.expiry.time.ms", .long, "86400000", .atLeast(1), .medium, .readOnly,
            "Milliseconds that a token is valid between two renewals."),
        define(
            "delegation.token.expiry.check.interval.ms", .long, "3600000", .atLeast(1), .low,
            .readOnly,
            "Milliseconds between two looks for expired tokens."),
    ]
}
