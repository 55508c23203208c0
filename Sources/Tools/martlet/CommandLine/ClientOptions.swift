import AdminWire

/// Makes clients from the options that all tools share.
enum ClientOptions {
    /// `--bootstrap-server` and `--command-config`.
    static let specs: [OptionSpec] = [.bootstrapServer, .commandConfig]

    /// A client for the servers of `--bootstrap-server` or, where the tool has that option, of
    /// `--bootstrap-controller`, with the settings of `--command-config`.
    ///
    /// `timeout`: milliseconds for each operation, whatever the settings say.
    static func client(
        _ options: ParsedOptions, id: String, timeout: Int? = nil
    ) throws -> AdminClient {
        let controllers = options.value("--bootstrap-controller")
        if controllers != nil {
            try options.forbid("--bootstrap-controller", with: ["--bootstrap-server"])
        }
        let servers: String =
            if let controllers { controllers } else { try options.required("--bootstrap-server") }
        var settings = AdminSettings(bootstrap: try HostPort.list(servers), clientID: id)
        settings.asksControllers = controllers != nil
        if let file = options.value("--command-config") {
            try settings.apply(try properties(file))
        }
        if let timeout {
            settings.operationMilliseconds = timeout
            settings.requestMilliseconds = min(settings.requestMilliseconds, timeout)
        }
        return AdminClient(settings)
    }

    /// The settings in a properties file.
    static func properties(_ path: String) throws -> [String: String] {
        try PropertiesText.parse(try TextFile.read(path), path)
    }

    /// `key=value` arguments as settings; a missing value is the empty text.
    static func pairs(_ arguments: [String]) -> [String: String] {
        var pairs: [String: String] = [:]
        for argument in arguments {
            let parts = argument.split(
                separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            pairs[String(parts[0])] = parts.count > 1 ? String(parts[1]) : ""
        }
        return pairs
    }
}
