/// A level of the feature `metadata.version`: which records the metadata log may hold and in which
/// versions (KIP-584, KIP-778).
///
/// Levels 7 to 33 exist in Apache Kafka 4.4. A level is written as a release with an internal
/// version, `4.0-IV3`; a release alone means the newest level of it.
public struct MetadataVersion: RawRepresentable, Hashable, Comparable, Sendable {
    /// The feature's level, 7 to 33.
    public let rawValue: Int16

    /// The feature's name in records and requests.
    public static let featureName = "metadata.version"

    /// A level that this build knows; `nil` for any other.
    public init?(rawValue: Int16) {
        guard Self.minimum.rawValue...Self.latest.rawValue ~= rawValue else { return nil }
        self.rawValue = rawValue
    }

    private init(level: Int16) { rawValue = level }

    /// The oldest level that Kafka 4.x starts with, `3.3-IV3`.
    public static let minimum = MetadataVersion(level: 7)
    /// The newest level that is declared stable on Kafka's branch 4.4, `4.3-IV0`.
    public static let latestProduction = MetadataVersion(level: 30)
    /// The newest level that there is, `4.4-IV2`; needs `unstable.feature.versions.enable`.
    public static let latest = MetadataVersion(level: 33)

    /// Every level, oldest first.
    public static var all: [MetadataVersion] {
        (minimum.rawValue...latest.rawValue).map { MetadataVersion(level: $0) }
    }

    public static func < (a: MetadataVersion, b: MetadataVersion) -> Bool {
        a.rawValue < b.rawValue
    }

    /// Whether a cluster may use this level without `unstable.feature.versions.enable`.
    public var isProduction: Bool { self <= .latestProduction }
}

/// One row of the table of levels.
private struct Level {
    let release: String
    let internalVersion: Int
    /// Whether records or their versions changed: a downgrade below such a level loses metadata.
    let changesRecords: Bool

    init(_ release: String, _ internalVersion: Int, _ changesRecords: Bool) {
        self.release = release
        self.internalVersion = internalVersion
        self.changesRecords = changesRecords
    }
}

/// Levels from 7 on, in order.
private let levels = [
    Level("3.3", 3, true), Level("3.4", 0, true), Level("3.5", 0, false), Level("3.5", 1, false),
    Level("3.5", 2, true), Level("3.6", 0, false), Level("3.6", 1, true), Level("3.6", 2, true),
    Level("3.7", 0, true), Level("3.7", 1, false), Level("3.7", 2, true), Level("3.7", 3, false),
    Level("3.7", 4, false), Level("3.8", 0, false), Level("3.9", 0, false), Level("4.0", 0, false),
    Level("4.0", 1, true), Level("4.0", 2, false), Level("4.0", 3, false), Level("4.1", 0, false),
    Level("4.1", 1, false), Level("4.2", 0, false), Level("4.2", 1, false), Level("4.3", 0, true),
    Level("4.4", 0, false), Level("4.4", 1, true), Level("4.4", 2, true),
]

extension MetadataVersion: CustomStringConvertible {
    private var row: Level { levels[Int(rawValue - Self.minimum.rawValue)] }

    /// The release that introduced the level, `4.0`.
    public var release: String { row.release }

    /// The level's full name, `4.0-IV3`.
    public var description: String { "\(row.release)-IV\(row.internalVersion)" }

    /// Reads a release or a full name: `4.0`, `4.0.1`, `4.0-IV3`.
    ///
    /// Digits behind the second dot are ignored, as Kafka does. A release alone means its newest
    /// stable level. `nil` for an unknown name, and for a level that is not stable unless
    /// `allowUnstable`.
    public init?(name: String, allowUnstable: Bool) {
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        let key = parts.count > 2 ? parts.prefix(2).joined(separator: ".") : name
        let byName = Self.all.first { $0.description == key }
        let byRelease = Self.all.last { $0.release == key && $0.isProduction }
        guard let found = byName ?? byRelease, found.isProduction || allowUnstable else {
            return nil
        }
        self = found
    }

    /// Whether some record's shape differs between this level and `other`: if so, a downgrade from
    /// the higher to the lower one could lose metadata.
    public func recordsDiffer(from other: MetadataVersion) -> Bool {
        let low = min(self, other)
        let high = max(self, other)
        return Self.all.contains { $0 > low && $0 <= high && $0.row.changesRecords }
    }
}

extension MetadataVersion {
    /// SCRAM credentials are kept in the metadata log (KIP-900).
    public var supportsScram: Bool { rawValue >= 11 }
    /// A shrinking ISR need not raise the leader epoch any more (KAFKA-15021).
    public var bumpsLeaderEpochOnShrink: Bool { rawValue < 12 }
    /// Records may be grouped in metadata transactions (KIP-868).
    public var supportsTransactions: Bool { rawValue >= 13 }
    /// Delegation tokens are kept in the metadata log.
    public var supportsDelegationTokens: Bool { rawValue >= 14 }
    /// Controllers register themselves (KIP-919).
    public var supportsControllerRegistration: Bool { rawValue >= 15 }
    /// Partitions record the log directory of each replica (KIP-858).
    public var supportsDirectories: Bool { rawValue >= 17 }
    /// Partitions record eligible leader replicas (KIP-966).
    public var supportsEligibleLeaderReplicas: Bool { rawValue >= 23 }
    /// Brokers report cordoned log directories (KIP-1066).
    public var supportsCordonedDirectories: Bool { rawValue >= 30 }
    /// A controller's registration can be removed (KIP-1312).
    public var supportsControllerUnregistration: Bool { rawValue >= 33 }

    /// The version of `RegisterBrokerRecord` to write.
    public var registerBrokerVersion: Int16 {
        if supportsCordonedDirectories { return 4 }
        if supportsDirectories { return 3 }
        return rawValue >= 8 ? 2 : 1
    }

    /// The version of `PartitionRecord` and `PartitionChangeRecord` to write.
    public var partitionVersion: Int16 {
        if supportsEligibleLeaderReplicas { return 2 }
        return supportsDirectories ? 1 : 0
    }
}
