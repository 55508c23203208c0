/// A broker key whose value serves as the default of a topic key.
public struct ConfigSynonym: Sendable, Equatable {
    /// Unit of the broker key, where the topic key counts milliseconds.
    public enum Unit: Int64, Sendable {
        case same = 1
        case minutes = 60_000
        case hours = 3_600_000
    }

    /// Name of the broker key.
    public let name: String
    /// Unit of its value.
    public let unit: Unit

    /// The broker value in the unit of the topic key; a retention below zero is -1, no limit. A
    /// value that is no number, or too large, is returned as it is, for validation to refuse.
    public func convert(_ value: String) -> String {
        guard let number = Int64(value.javaTrimmed) else { return value }
        if number < 0, Self.retentionTimes.contains(name) { return "-1" }
        guard unit != .same else { return value }
        let (product, overflow) = number.multipliedReportingOverflow(by: unit.rawValue)
        return overflow ? value : String(product)
    }

    private static let retentionTimes = [
        "log.retention.ms", "log.retention.minutes", "log.retention.hours",
    ]
}

extension TopicConfigs {
    /// Broker keys that give a topic key its default, the strongest first; empty when there is
    /// none.
    public static func synonyms(_ name: String) -> [ConfigSynonym] { synonymTable[name] ?? [] }

    private static let synonymTable: [String: [ConfigSynonym]] = {
        var table: [String: [ConfigSynonym]] = [:]
        for (topicKey, brokerKey) in plainSynonyms {
            table[topicKey] = [ConfigSynonym(name: brokerKey, unit: .same)]
        }
        table["segment.ms"] = [
            ConfigSynonym(name: "log.roll.ms", unit: .same),
            ConfigSynonym(name: "log.roll.hours", unit: .hours),
        ]
        table["segment.jitter.ms"] = [
            ConfigSynonym(name: "log.roll.jitter.ms", unit: .same),
            ConfigSynonym(name: "log.roll.jitter.hours", unit: .hours),
        ]
        table["retention.ms"] = [
            ConfigSynonym(name: "log.retention.ms", unit: .same),
            ConfigSynonym(name: "log.retention.minutes", unit: .minutes),
            ConfigSynonym(name: "log.retention.hours", unit: .hours),
        ]
        table["flush.ms"] = [
            ConfigSynonym(name: "log.flush.interval.ms", unit: .same),
            ConfigSynonym(name: "log.flush.scheduler.interval.ms", unit: .same),
        ]
        return table
    }()

    private static let plainSynonyms: [(String, String)] = [
        ("segment.bytes", "log.segment.bytes"),
        ("segment.index.bytes", "log.index.size.max.bytes"),
        ("flush.messages", "log.flush.interval.messages"),
        ("retention.bytes", "log.retention.bytes"),
        ("max.message.bytes", "message.max.bytes"),
        ("index.interval.bytes", "log.index.interval.bytes"),
        ("delete.retention.ms", "log.cleaner.delete.retention.ms"),
        ("min.compaction.lag.ms", "log.cleaner.min.compaction.lag.ms"),
        ("max.compaction.lag.ms", "log.cleaner.max.compaction.lag.ms"),
        ("file.delete.delay.ms", "log.segment.delete.delay.ms"),
        ("min.cleanable.dirty.ratio", "log.cleaner.min.cleanable.ratio"),
        ("cleanup.policy", "log.cleanup.policy"),
        ("unclean.leader.election.enable", "unclean.leader.election.enable"),
        ("min.insync.replicas", "min.insync.replicas"),
        ("compression.type", "compression.type"),
        ("compression.gzip.level", "compression.gzip.level"),
        ("compression.lz4.level", "compression.lz4.level"),
        ("compression.zstd.level", "compression.zstd.level"),
        ("preallocate", "log.preallocate"),
        ("message.timestamp.type", "log.message.timestamp.type"),
        ("message.timestamp.before.max.ms", "log.message.timestamp.before.max.ms"),
        ("message.timestamp.after.max.ms", "log.message.timestamp.after.max.ms"),
        ("local.retention.ms", "log.local.retention.ms"),
        ("local.retention.bytes", "log.local.retention.bytes"),
        ("remote.copy.lag.ms", "log.remote.copy.lag.ms"),
        ("remote.copy.lag.bytes", "log.remote.copy.lag.bytes"),
    ]
}

extension GroupConfigs {
    /// The broker key that gives a group key its default; nil when there is none.
    public static func brokerSynonym(_ name: String) -> String? {
        if name == "streams.assignor.name" { return "group.streams.assignors" }
        if withoutSynonym.contains(name) { return nil }
        return definition(name) == nil ? nil : "group." + name
    }

    private static let withoutSynonym = [
        "share.auto.offset.reset", "share.isolation.level", "share.renew.acknowledge.enable",
        "errors.deadletterqueue.topic.name", "errors.deadletterqueue.copy.record.enable",
    ]
}
