/// How the text of a config value is read. Raw values are the type codes of DescribeConfigs
/// (KIP-569).
public enum ConfigType: Int8, Sendable, Equatable {
    /// `true` or `false`, in any case.
    case boolean = 1
    /// Text, blanks at both ends cut off.
    case string = 2
    /// 32-bit signed number.
    case int = 3
    /// 16-bit signed number.
    case short = 4
    /// 64-bit signed number.
    case long = 5
    /// 64-bit floating point.
    case double = 6
    /// Entries separated by commas; blanks around a comma do not count (KIP-1161).
    case list = 7
    /// Name of a plug-in class.
    case `class` = 8
    /// Text that is never shown.
    case password = 9

    /// Name in messages, as Apache Kafka spells it (`INT`).
    public var name: String {
        switch self {
        case .boolean: "BOOLEAN"
        case .string: "STRING"
        case .int: "INT"
        case .short: "SHORT"
        case .long: "LONG"
        case .double: "DOUBLE"
        case .list: "LIST"
        case .class: "CLASS"
        case .password: "PASSWORD"
        }
    }
}

/// How much a key matters to an operator.
public enum ConfigImportance: String, Sendable, Equatable {
    case high, medium, low
}

/// Where a key may be set while the cluster runs (KIP-226).
public enum ConfigScope: String, Sendable, Equatable {
    /// A broker key that is only read at start.
    case readOnly = "read-only"
    /// A broker key that may change for one broker, not for all at once.
    case perBroker = "per-broker"
    /// A broker key that may change for one broker or for all.
    case clusterWide = "cluster-wide"
    /// A key of a topic, group or client metrics subscription; may always change.
    case resource
}

/// One config key: its name, how it is read, and what it means.
public struct ConfigDefinition: Sendable, Equatable {
    /// Name, as Apache Kafka spells it.
    public let name: String
    /// How the text is read.
    public let type: ConfigType
    /// Value when nobody sets it; nil when there is none.
    public let defaultValue: String?
    /// Values allowed beyond what the type says.
    public let validValues: ValidValues
    /// How much the key matters.
    public let importance: ConfigImportance
    /// Where it may change.
    public let scope: ConfigScope
    /// One sentence on what it does, units included.
    public let documentation: String
    /// Left out of descriptions unless it is set.
    public let isInternal: Bool

    /// Can only be given in the file, on the command line or in the environment.
    public var isReadOnly: Bool { scope == .readOnly }

    /// The value must not be shown.
    public var isSensitive: Bool { type == .password }
}

/// Makes the row of a public key; the tables read better without labels.
func define(
    _ name: String, _ type: ConfigType, _ defaultValue: String?, _ validValues: ValidValues,
    _ importance: ConfigImportance, _ scope: ConfigScope, _ documentation: String
) -> ConfigDefinition {
    ConfigDefinition(
        name: name, type: type, defaultValue: defaultValue, validValues: validValues,
        importance: importance, scope: scope, documentation: documentation, isInternal: false)
}

/// Makes the row of an internal key.
func hidden(
    _ name: String, _ type: ConfigType, _ defaultValue: String?, _ validValues: ValidValues,
    _ importance: ConfigImportance, _ scope: ConfigScope, _ documentation: String
) -> ConfigDefinition {
    ConfigDefinition(
        name: name, type: type, defaultValue: defaultValue, validValues: validValues,
        importance: importance, scope: scope, documentation: documentation, isInternal: true)
}
