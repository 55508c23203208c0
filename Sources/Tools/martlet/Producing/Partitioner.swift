/// Which partition a record goes to, as Kafka's producer chooses (KIP-480, KIP-794).
struct Partitioner {
    /// Partitions of the topic; at least 1.
    let count: Int32
    private var sticky: Int32
    private var generator: any RandomNumberGenerator

    init(count: Int32, generator: any RandomNumberGenerator = SystemRandomNumberGenerator()) {
        precondition(count > 0, "a topic has at least one partition")
        self.count = count
        self.generator = generator
        sticky = 0
        sticky = random()
    }

    private mutating func random() -> Int32 { Int32.random(in: 0..<count, using: &generator) }

    /// By the key's hash; without a key, one partition until `batchIsFull`.
    func partition(key: [UInt8]?) -> Int32 {
        guard let key else { return sticky }
        return Int32(bitPattern: Murmur2.hash(key) & 0x7FFF_FFFF) % count
    }

    /// Moves records without a key on to another partition.
    mutating func batchIsFull() {
        guard count > 1 else { return }
        let previous = sticky
        while sticky == previous { sticky = random() }
    }
}

/// The hash of keys that all of Kafka's clients agree on: 32-bit MurmurHash2 with a fixed seed.
enum Murmur2 {
    static func hash(_ bytes: [UInt8]) -> UInt32 {
        let multiplier: UInt32 = 0x5BD1_E995
        var hash: UInt32 = 0x9747_B28C ^ UInt32(truncatingIfNeeded: bytes.count)
        var index = 0
        while index + 4 <= bytes.count {
            var word =
                UInt32(bytes[index]) | UInt32(bytes[index + 1]) << 8
                | UInt32(bytes[index + 2]) << 16 | UInt32(bytes[index + 3]) << 24
            word &*= multiplier
            word ^= word >> 24
            word &*= multiplier
            hash = hash &* multiplier ^ word
            index += 4
        }
        let rest = bytes.count - index
        if rest >= 3 { hash ^= UInt32(bytes[index + 2]) << 16 }
        if rest >= 2 { hash ^= UInt32(bytes[index + 1]) << 8 }
        if rest >= 1 {
            hash ^= UInt32(bytes[index])
            hash &*= multiplier
        }
        hash ^= hash >> 13
        hash &*= multiplier
        return hash ^ hash >> 15
    }
}
