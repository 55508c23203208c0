import KafkaWire

/// The hash by which a consumer group notices that its topics have changed (KIP-1101): it is part
/// of the group's record, so brokers of one cluster must agree on it to the bit.
///
/// Numbers are hashed as little-endian bytes, text as its UTF-16 units and then their number.
enum MetadataHash {
    /// The version of the topic hash.
    private static let version: UInt8 = 0

    /// The hash of one topic: its id, name, partition count, and the racks of each partition.
    static func topic(_ topic: GroupTopic) -> Int64 {
        var bytes: [UInt8] = [version]
        append(topic.id.high, to: &bytes)
        append(topic.id.low, to: &bytes)
        append(topic.name, to: &bytes)
        append(topic.partitionCount, to: &bytes)
        for partition in 0..<topic.partitionCount {
            append(partition, to: &bytes)
            guard Int(partition) < topic.racks.count else { continue }
            for rack in topic.racks[Int(partition)].sorted(by: javaOrder) {
                append(Int32(clamping: rack.utf16.count), to: &bytes)
                append(rack, to: &bytes)
            }
        }
        return Int64(bitPattern: XXH3.hash(bytes))
    }

    /// The hash of a group that is subscribed to topics with these hashes; 0 for none.
    static func group(_ topics: [String: Int64]) -> Int64 {
        guard !topics.isEmpty else { return 0 }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(topics.count * 8)
        for name in topics.keys.sorted(by: javaOrder) {
            if let hash = topics[name] { append(hash, to: &bytes) }
        }
        return Int64(bitPattern: XXH3.hash(bytes))
    }

    private static func append(_ number: some FixedWidthInteger, to bytes: inout [UInt8]) {
        for shift in stride(from: 0, to: number.bitWidth, by: 8) {
            bytes.append(UInt8(truncatingIfNeeded: number >> shift))
        }
    }

    private static func append(_ text: String, to bytes: inout [UInt8]) {
        for unit in text.utf16 { append(unit, to: &bytes) }
        append(Int32(clamping: text.utf16.count), to: &bytes)
    }

    /// The order of strings in Java: by UTF-16 units.
    private static func javaOrder(_ a: String, _ b: String) -> Bool {
        a.utf16.lexicographicallyPrecedes(b.utf16)
    }
}
