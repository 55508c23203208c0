import KafkaWire

/// 32-bit MurmurHash2 with Kafka's seed: what Kafka's clients partition by.
enum Murmur2 {
    static func hash(_ bytes: [UInt8]) -> UInt32 {
        let multiplier: UInt32 = 0x5BD1_E995
        var hash: UInt32 = 0x9747_B28C ^ UInt32(truncatingIfNeeded: bytes.count)
        let whole = bytes.count & ~3
        for start in stride(from: 0, to: whole, by: 4) {
            var word = UInt32(bytes[start])
            for byte in 1..<4 { word |= UInt32(bytes[start + byte]) << UInt32(8 * byte) }
            word &*= multiplier
            word ^= word >> 24
            hash = (hash &* multiplier) ^ (word &* multiplier)
        }
        if whole < bytes.count {
            for index in (whole..<bytes.count).reversed() {
                hash ^= UInt32(bytes[index]) << UInt32(8 * (index - whole))
            }
            hash &*= multiplier
        }
        hash ^= hash >> 13
        hash &*= multiplier
        return hash ^ (hash >> 15)
    }
}

/// CRC-32 as of zlib: what librdkafka's `consistent` partitioners hash keys by.
enum CRC32 {
    private static let table: [UInt32] = (0..<256).map { index in
        (0..<8).reduce(UInt32(index)) { value, _ in
            value & 1 == 0 ? value >> 1 : (value >> 1) ^ 0xEDB8_8320
        }
    }

    static func hash(_ bytes: [UInt8]) -> UInt32 {
        ~bytes.reduce(~UInt32(0)) { ($0 >> 8) ^ table[Int(($0 ^ UInt32($1)) & 0xFF)] }
    }
}

extension Partitioning {
    /// The partition of `count` that the key stands for; `nil` when any will do.
    func partition(of key: [UInt8]?, count: Int) -> Int32? {
        guard let key else { return nil }
        switch self {
        case .murmur2: return Int32(Murmur2.hash(key) & 0x7FFF_FFFF) % Int32(count)
        case .crc32:
            return key.isEmpty ? nil : Int32(CRC32.hash(key) % UInt32(count))
        }
    }
}

/// Chooses for records that may go anywhere: stays with a partition for a batch's worth of bytes,
/// then moves on, to shorter queues more often (KIP-794).
struct StickyPartition {
    private(set) var current: Int32?
    private var bytes = 0

    /// The partition to use now, among those that are `available`, each with its queue's length.
    mutating func choose(
        from available: [(partition: Int32, queued: Int)], using random: inout SplitMix64
    ) -> Int32 {
        let longest = available.map(\.queued).max() ?? 0
        let weights = available.map { longest + 1 - $0.queued }
        var mark = Int.random(in: 0..<weights.reduce(0, +), using: &random)
        var index = 0
        while mark >= weights[index] {
            mark -= weights[index]
            index += 1
        }
        current = available[index].partition
        bytes = 0
        return available[index].partition
    }

    /// Counts what went to the current partition; past `limit` bytes another will be chosen.
    mutating func count(_ size: Int, limit: Int) {
        bytes += size
        if bytes >= limit { current = nil }
    }
}
