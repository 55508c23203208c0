import MartletClient

/// Administration by the tools.
enum AdminSession {
    /// Has `body` work with the cluster of `--bootstrap-server`, with the settings of
    /// `--command-config`, TLS and SASL among them; blocks until it is done.
    ///
    /// - Parameter id: the name that brokers log and count quotas by, unless the settings say one.
    static func run<Value: Sendable>(
        _ options: ParsedOptions, id: String,
        _ body: @escaping @Sendable (Admin) async throws -> Value
    ) throws -> Value {
        let servers = try BrokerAddress.list(try options.required("--bootstrap-server"))
        var settings = AdminSettings(network: .init(bootstrap: servers))
        settings.network.clientID = id
        settings.endsUnreachable = true
        if let file = options.value("--command-config") {
            try settings.apply(try ClientOptions.properties(file))
            settings.network.bootstrap = servers
        }
        let chosen = settings
        do {
            return try blocking {
                let admin = try Admin(chosen)
                do {
                    let value = try await body(admin)
                    await admin.close()
                    return value
                } catch {
                    await admin.close()
                    throw error
                }
            }
        } catch ClientError.disconnected(let reason) {
            throw Failure("\(reason).", remedy: "Is a broker running and listening there?")
        }
    }
}
