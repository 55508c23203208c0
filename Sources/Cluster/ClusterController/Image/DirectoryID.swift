import KafkaWire

/// The reserved values of a log directory's id in partition records (KIP-858). The first hundred
/// ids are reserved; every other one names a directory by its `meta.properties`.
public enum DirectoryID {
    /// Not recorded: the replica lies in some directory that was chosen before directories had ids.
    public static let migrating = KafkaUUID(high: 0, low: 0)
    /// Not chosen yet: the broker places the replica and then says where.
    public static let unassigned = KafkaUUID(high: 0, low: 1)
    /// In a directory that is offline, the broker cannot say which.
    public static let lost = KafkaUUID(high: 0, low: 2)

    /// Whether `id` is one of the first hundred, which no directory may have.
    public static func isReserved(_ id: KafkaUUID) -> Bool { id.high == 0 && id.low < 100 }
}
