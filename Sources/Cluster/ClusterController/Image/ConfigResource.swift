/// What a set of configs belongs to.
public struct ConfigResourceType: RawRepresentable, Hashable, Comparable, Sendable {
    /// Kafka's number of the type.
    public var rawValue: Int8
    /// A type by Kafka's number, known or not.
    public init(rawValue: Int8) { self.rawValue = rawValue }

    public static let topic = ConfigResourceType(rawValue: 2)
    public static let broker = ConfigResourceType(rawValue: 4)
    /// Log levels, which live in each process and are not in the metadata log.
    public static let brokerLogger = ConfigResourceType(rawValue: 8)
    /// Subscriptions of client metrics (KIP-714).
    public static let clientMetrics = ConfigResourceType(rawValue: 16)
    public static let group = ConfigResourceType(rawValue: 32)

    /// All that there are, in ascending order of their numbers.
    public static let all: [ConfigResourceType] = [
        .topic, .broker, .brokerLogger, .clientMetrics, .group,
    ]

    public static func < (a: ConfigResourceType, b: ConfigResourceType) -> Bool {
        a.rawValue < b.rawValue
    }
}

extension ConfigResourceType: CustomStringConvertible {
    /// Kafka's name of the type, as its error messages have it.
    public var description: String {
        switch self {
        case .topic: "TOPIC"
        case .broker: "BROKER"
        case .brokerLogger: "BROKER_LOGGER"
        case .clientMetrics: "CLIENT_METRICS"
        case .group: "GROUP"
        default: "UNKNOWN"
        }
    }
}

/// Something that has configs: a topic, one broker, all brokers (a broker resource with the empty
/// name), a group, a subscription of client metrics.
public struct ConfigResource: Hashable, Comparable, Sendable {
    public var type: ConfigResourceType
    public var name: String

    /// The resource `name` of `type`.
    public init(_ type: ConfigResourceType, _ name: String) {
        self.type = type
        self.name = name
    }

    /// The configs that hold for every broker that has not its own.
    public static let allBrokers = ConfigResource(.broker, "")

    /// The configs of one broker.
    public static func broker(_ id: Int32) -> ConfigResource { .init(.broker, "\(id)") }
    /// The configs of one topic.
    public static func topic(_ name: String) -> ConfigResource { .init(.topic, name) }

    public static func < (a: ConfigResource, b: ConfigResource) -> Bool {
        (a.type, a.name) < (b.type, b.name)
    }
}
