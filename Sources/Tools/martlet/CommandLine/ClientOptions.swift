/// The options that all tools share, and what is in them.
enum ClientOptions {
    /// `--bootstrap-server` and `--command-config`.
    static let specs: [OptionSpec] = [.bootstrapServer, .commandConfig]

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
