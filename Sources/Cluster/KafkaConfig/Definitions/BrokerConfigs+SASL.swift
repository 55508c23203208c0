extension BrokerConfigs {
    /// Keys of SASL and its OAuth login.
    static let sasl: [ConfigDefinition] = [
        define(
            "connections.max.reauth.ms", .long, "0", .any, .medium, .readOnly,
            "Milliseconds after which a SASL client has to authenticate again; 0 never."),
        define(
            "sasl.server.max.receive.size", .int, "524288", .any, .medium, .readOnly,
            "Largest message in bytes before SASL is done."),
        define(
            "sasl.mechanism.inter.broker.protocol", .string, "GSSAPI", .any, .medium, .perBroker,
            "SASL mechanism between brokers."),
        define(
            "sasl.enabled.mechanisms", .list, "GSSAPI", .list(of: [], allowsEmpty: true), .medium,
            .perBroker,
            "SASL mechanisms on offer."),
        define(
            "sasl.server.callback.handler.class", .class, nil, .any, .medium, .readOnly,
            "Plug-in that checks SASL credentials; prefixed by listener and mechanism."),
        define(
            "sasl.kerberos.principal.to.local.rules", .list, "DEFAULT",
            .list(of: [], allowsEmpty: true), .medium, .perBroker,
            "Rules that turn a Kerberos principal into a user name."),
        define(
            "sasl.jaas.config", .password, nil, .any, .medium, .perBroker,
            "Login module and its options, in JAAS notation."),
        define(
            "sasl.client.callback.handler.class", .class, nil, .any, .medium, .readOnly,
            "Plug-in that supplies SASL client credentials."),
        define(
            "sasl.login.class", .class, nil, .any, .medium, .readOnly,
            "Plug-in that logs in."),
        define(
            "sasl.login.callback.handler.class", .class, nil, .any, .medium, .readOnly,
            "Plug-in that supplies login credentials."),
        define(
            "sasl.kerberos.service.name", .string, nil, .any, .medium, .perBroker,
            "Kerberos service name of the brokers."),
        define(
            "sasl.kerberos.kinit.cmd", .string, "/usr/bin/kinit", .any, .medium, .perBroker,
            "Path of kinit."),
        define(
            "sasl.kerberos.ticket.renew.window.factor", .double, "0.8", .any, .medium, .perBroker,
            "Share of a ticket's life after which it is renewed."),
        define(
            "sasl.kerberos.ticket.renew.jitter", .double, "0.05", .any, .medium, .perBroker,
            "Random share added to the renewal time."),
        define(
            "sasl.kerberos.min.time.before.relogin", .long, "60000", .any, .medium, .perBroker,
            "Milliseconds between two renewals."),
        define(
            "sasl.login.refresh.window.factor", .double, "0.8", .any, .medium, .perBroker,
            "Share of a token's life after which it is refreshed."),
        define(
            "sasl.login.refresh.window.jitter", .double, "0.05", .any, .medium, .perBroker,
            "Random share of a token's life added to that time."),
        define(
            "sasl.login.refresh.min.period.seconds", .short, "60", .any, .medium, .perBroker,
            "Seconds between two refreshes at least."),
        define(
            "sasl.login.refresh.buffer.seconds", .short, "300", .any, .medium, .perBroker,
            "Seconds before expiry by which a token should be fresh."),
        define(
            "sasl.login.connect.timeout.ms", .int, nil, .any, .low, .readOnly,
            "Milliseconds to connect to the identity provider."),
        define(
            "sasl.login.read.timeout.ms", .int, nil, .any, .low, .readOnly,
            "Milliseconds to wait for the identity provider."),
        define(
            "sasl.login.retry.backoff.max.ms", .long, "10000", .any, .low, .readOnly,
            "Longest wait in milliseconds between two logins."),
        define(
            "sasl.login.retry.backoff.ms", .long, "100", .any, .low, .readOnly,
            "First wait in milliseconds between two logins."),
        define(
            "sasl.oauthbearer.jwt.retriever.class", .class,
            "org.apache.kafka.common.security.oauthbearer.DefaultJwtRetriever", .any, .medium,
            .readOnly,
            "Plug-in that fetches tokens."),
        define(
            "sasl.oauthbearer.jwt.validator.class", .class,
            "org.apache.kafka.common.security.oauthbearer.DefaultJwtValidator", .any, .medium,
            .readOnly,
            "Plug-in that checks tokens."),
        define(
            "sasl.oauthbearer.scope", .string, nil, .any, .medium, .readOnly,
            "Scope asked for in a token request."),
        define(
            "sasl.oauthbearer.client.credentials.client.id", .string, nil, .any, .medium, .readOnly,
            "Client id at the identity provider."),
        define(
            "sasl.oauthbearer.client.credentials.client.secret", .password, nil, .any, .medium,
            .readOnly,
            "Client secret at the identity provider."),
        define(
            "sasl.oauthbearer.assertion.algorithm", .string, "RS256",
            .oneOfIgnoringCase(["ES256", "RS256"]), .medium, .readOnly,
            "Algorithm that signs an assertion."),
        define(
            "sasl.oauthbearer.assertion.claim.aud", .string, nil, .any, .medium, .readOnly,
            "Audience claim of the assertion."),
        define(
            "sasl.oauthbearer.assertion.claim.exp.seconds", .int, "300", .between(0, 86400), .low,
            .readOnly,
            "Seconds until the assertion expires."),
        define(
            "sasl.oauthbearer.assertion.claim.iss", .string, nil, .any, .medium, .readOnly,
            "Issuer claim of the assertion."),
        define(
            "sasl.oauthbearer.assertion.claim.jti.include", .boolean, "false", .any, .medium,
            .readOnly,
            "Adds a unique id to the assertion."),
        define(
            "sasl.oauthbearer.assertion.claim.nbf.seconds", .int, "60", .between(0, 3600), .low,
            .readOnly,
            "Seconds in the past from which the assertion is valid."),
        define(
            "sasl.oauthbearer.assertion.claim.sub", .string, nil, .any, .medium, .readOnly,
            "Subject claim of the assertion."),
        define(
            "sasl.oauthbearer.assertion.file", .string, nil, .any, .medium, .readOnly,
            "File with a ready-made assertion."),
        define(
            "sasl.oauthbearer.assertion.private.key.file", .string, nil, .any, .medium, .readOnly,
            "PEM file of the key that signs assertions."),
        define(
            "sasl.oauthbearer.assertion.private.key.passphrase", .password, nil, .any, .medium,
            .readOnly,
            "Passphrase of that key."),
        define(
            "sasl.oauthbearer.assertion.template.file", .string, nil, .any, .medium, .readOnly,
            "File with fixed headers and claims of an assertion."),
        define(
            "sasl.oauthbearer.scope.claim.name", .string, "scope", .any, .low, .readOnly,
            "Claim that holds the scope."),
        define(
            "sasl.oauthbearer.sub.claim.name", .string, "sub", .any, .low, .readOnly,
            "Claim that holds the subject."),
        define(
            "sasl.oauthbearer.token.endpoint.url", .string, nil, .any, .medium, .readOnly,
            "Where tokens are requested."),
        define(
            "sasl.oauthbearer.jwks.endpoint.url", .string, nil, .any, .medium, .readOnly,
            "Where the provider's keys are found; http, https or file."),
        define(
            "sasl.oauthbearer.jwks.endpoint.refresh.ms", .long, "3600000", .any, .low, .readOnly,
            "Milliseconds after which the keys are loaded again."),
        define(
            "sasl.oauthbearer.jwks.endpoint.retry.backoff.ms", .long, "100", .any, .low, .readOnly,
            "First wait in milliseconds after the keys could not be loaded."),
        define(
            "sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms", .long, "10000", .any, .low,
            .readOnly,
            "Longest wait in milliseconds after the keys could not be loaded."),
        define(
            "sasl.oauthbearer.clock.skew.seconds", .int, "30", .any, .low, .readOnly,
            "Seconds that the provider's clock may differ."),
        define(
            "sasl.oauthbearer.allow.unverified.audience", .boolean, "false", .any, .medium,
            .readOnly,
            "Takes tokens without a check of their audience."),
        define(
            "sasl.oauthbearer.expected.audience", .list, "", .list(of: [], allowsEmpty: true),
            .high, .readOnly,
            "Audiences of which a token must name one."),
        define(
            "sasl.oauthbearer.allow.unverified.issuer", .boolean, "false", .any, .medium, .readOnly,
            "Takes tokens without a check of their issuer."),
        define(
            "sasl.oauthbearer.expected.issuer", .string, nil, .any, .high, .readOnly,
            "Issuer that a token must name."),
    ]
}
