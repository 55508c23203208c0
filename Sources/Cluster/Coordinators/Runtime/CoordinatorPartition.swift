/// Which partition of a coordinator's topic a group or a transactional id belongs to.
public enum CoordinatorPartition {
    /// Kafka's rule: the absolute value of Java's `String.hashCode` (over UTF-16), modulo the
    /// number of partitions; the hash whose absolute value does not exist counts as 0.
    public static func of(_ name: String, partitions: Int32) -> Int32 {
        var hash: Int32 = 0
        for unit in name.utf16 { hash = hash &* 31 &+ Int32(unit) }
        return (hash == .min ? 0 : abs(hash)) % partitions
    }
}
