/// The broker's configs of the group coordinator, as they stand at one moment. Times are in ms.
public struct GroupSettings: Equatable, Sendable {
    /// `group.coordinator.rebalance.protocols`
    public var rebalanceProtocols = ["classic", "consumer", "streams"]

    /// `group.min.session.timeout.ms`
    public var minSessionTimeoutMs: Int32 = 6000
    /// `group.max.session.timeout.ms`
    public var maxSessionTimeoutMs: Int32 = 1_800_000
    /// `group.initial.rebalance.delay.ms`
    public var initialRebalanceDelayMs: Int32 = 3000
    /// `group.max.size`: most members of a classic group.
    public var maxSize: Int32 = .max

    /// `offset.metadata.max.bytes`: most bytes of text with a committed offset.
    public var offsetMetadataMaxBytes: Int32 = 4096
    /// `offsets.retention.minutes`, in ms.
    public var offsetsRetentionMs: Int64 = 10_080 * 60_000
    /// `offsets.retention.check.interval.ms`
    public var offsetsRetentionCheckIntervalMs: Int64 = 600_000

    public var consumer = Consumer()

    /// The `group.consumer.` keys (KIP-848).
    public struct Consumer: Equatable, Sendable {
        /// `session.timeout.ms`, with what a group may set it to.
        public var sessionTimeoutMs: Int32 = 45_000
        public var sessionTimeoutRange: ClosedRange<Int32> = 45_000...60_000
        /// `heartbeat.interval.ms`, with what a group may set it to.
        public var heartbeatIntervalMs: Int32 = 5000
        public var heartbeatIntervalRange: ClosedRange<Int32> = 5000...15_000
        /// `assignment.interval.ms`, with what a group may set it to.
        public var assignmentIntervalMs: Int32 = 1000
        public var assignmentIntervalRange: ClosedRange<Int32> = 0...15_000
        /// `max.size`: most members of a group.
        public var maxSize: Int32 = .max
        /// `assignors`, the first being the default: names or Kafka's class names.
        public var assignors = ["uniform", "range"]
        /// `migration.policy`: `bidirectional`, `upgrade`, `downgrade` or `disabled`.
        public var migrationPolicy = "bidirectional"
        /// `regex.refresh.interval.ms`
        public var regexRefreshIntervalMs: Int32 = 600_000
        public init() {}
    }

    /// Kafka's defaults.
    public init() {}

    /// Reads every key through `value`, `nil` for what is not set.
    public init(_ value: (String) -> String?) {
        self.init()
        read(value("group.min.session.timeout.ms"), &minSessionTimeoutMs)
        read(value("group.max.session.timeout.ms"), &maxSessionTimeoutMs)
        read(value("group.initial.rebalance.delay.ms"), &initialRebalanceDelayMs)
        read(value("group.max.size"), &maxSize)
        read(value("offset.metadata.max.bytes"), &offsetMetadataMaxBytes)
        if let minutes = value("offsets.retention.minutes").flatMap({ Int64($0) }) {
            offsetsRetentionMs = minutes * 60_000
        }
        read(value("offsets.retention.check.interval.ms"), &offsetsRetentionCheckIntervalMs)
        read(value("group.coordinator.rebalance.protocols"), &rebalanceProtocols)
        readConsumer(value)
    }

    private mutating func readConsumer(_ value: (String) -> String?) {
        func consumer(_ key: String) -> String? { value("group.consumer.\(key)") }
        func range(_ key: String, _ default: ClosedRange<Int32>) -> ClosedRange<Int32> {
            var low = `default`.lowerBound
            var high = `default`.upperBound
            read(consumer("min.\(key)"), &low)
            read(consumer("max.\(key)"), &high)
            return low...max(low, high)
        }
        let defaults = Consumer()
        read(consumer("session.timeout.ms"), &self.consumer.sessionTimeoutMs)
        self.consumer.sessionTimeoutRange = range(
            "session.timeout.ms", defaults.sessionTimeoutRange)
        read(consumer("heartbeat.interval.ms"), &self.consumer.heartbeatIntervalMs)
        self.consumer.heartbeatIntervalRange = range(
            "heartbeat.interval.ms", defaults.heartbeatIntervalRange)
        read(consumer("assignment.interval.ms"), &self.consumer.assignmentIntervalMs)
        self.consumer.assignmentIntervalRange = range(
            "assignment.interval.ms", defaults.assignmentIntervalRange)
        read(consumer("max.size"), &self.consumer.maxSize)
        read(consumer("assignors"), &self.consumer.assignors)
        if let policy = consumer("migration.policy") {
            self.consumer.migrationPolicy = policy.lowercased()
        }
        read(consumer("regex.refresh.interval.ms"), &self.consumer.regexRefreshIntervalMs)
    }

    private func read<Number: FixedWidthInteger>(_ text: String?, _ number: inout Number) {
        if let value = text.flatMap({ Number($0) }) { number = value }
    }

    private func read(_ text: String?, _ list: inout [String]) {
        guard let text else { return }
        list = text.split(separator: ",").map { part in
            var part = part
            while part.first == " " { part.removeFirst() }
            while part.last == " " { part.removeLast() }
            return String(part)
        }
    }
}
