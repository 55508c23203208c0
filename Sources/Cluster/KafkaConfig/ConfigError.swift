/// A config that cannot be used. `description` names key, value and what is allowed, and is what
/// clients get as the text of INVALID_CONFIG.
public enum ConfigError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The value does not fit the key; `reason` says what is allowed.
    case invalidValue(name: String, value: String, reason: String)
    /// A list breaks a rule that has no single value to blame (KIP-1161).
    case invalidList(name: String, reason: String)
    /// No value, no default.
    case missing(name: String)
    /// A key that the resource does not have; `resource` is `topic`, `group`, `client metrics` or
    /// `broker`.
    case unknownKey(name: String, resource: String)
    /// The key cannot be changed in this way; `reason` is the whole sentence.
    case notAllowed(name: String, reason: String)
    /// Values that are fine alone contradict each other.
    case conflict(String)
    /// A line of a properties file, counted from 1, cannot be read.
    case syntax(line: Int, reason: String)

    public var description: String {
        switch self {
        case .invalidValue(let name, let value, let reason):
            "Invalid value \(value) for configuration \(name): \(reason)"
        case .invalidList(let name, let reason):
            "Configuration '\(name)' \(reason)"
        case .missing(let name):
            "Missing required configuration \"\(name)\" which has no default value."
        case .unknownKey(let name, let resource):
            "Unknown \(resource) config name: \(name)"
        case .notAllowed(_, let reason), .conflict(let reason):
            reason
        case .syntax(let line, let reason):
            "Line \(line): \(reason)"
        }
    }
}
