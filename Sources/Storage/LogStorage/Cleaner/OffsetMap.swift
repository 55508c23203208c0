import KafkaWire

/// For each key of the dirty part of a log, the offset of its last record.
///
/// Open addressing with linear probing over 24 bytes an entry: the key's hash and the offset.
/// Nothing is ever removed. The memory is taken once, as much as the dirty part can need and never
/// more than `log.cleaner.dedupe.buffer.size`; past the load factor the map is full, and the
/// cleaning stops there.
struct OffsetMap {
    /// Bytes of one entry.
    static let bytesPerEntry = 24

    /// The offset up to which the dirty part has been read; -1 when nothing has been.
    private(set) var latestOffset = Offset(-1)
    /// Keys in the map.
    private(set) var count = 0
    /// Most keys that it takes.
    let capacity: Int
    private let secret: KeyHash.Secret
    private let slots: Int
    /// Three words a slot: hash, hash, offset + 1 (zero: the slot is free).
    private var words: [UInt64]

    /// - Parameters:
    ///   - memoryLimit: bytes; at least two entries' worth, so that every cleaning gets on.
    ///   - loadFactor: part of the slots that may be used, above 0 and below 1.
    ///   - keys: how many keys can come at most; fewer make a smaller map.
    init(memoryLimit: Int, loadFactor: Double, keys: Int, secret: KeyHash.Secret) {
        precondition(loadFactor > 0 && loadFactor < 1, "a load factor lies between 0 and 1")
        let most = max(2, memoryLimit / Self.bytesPerEntry)
        // One slot stays free at least: a search ends at a free slot.
        let wanted = Double(max(1, keys)) / loadFactor + 2
        slots = wanted < Double(most) ? Int(wanted) : most
        capacity = min(slots - 1, max(1, Int(Double(slots) * loadFactor)))
        self.secret = secret
        words = [UInt64](repeating: 0, count: 3 * slots)
    }

    /// Whether a new key would be refused.
    var isFull: Bool { count >= capacity }
    /// Part of the slots in use.
    var utilization: Double { Double(count) / Double(slots) }

    /// Sets the key's offset; false, and nothing is changed, when the key is new and the map is
    /// full.
    mutating func put(_ key: [UInt8], _ offset: Offset) -> Bool {
        precondition(offset >= .zero, "records have no negative offsets")
        let hash = KeyHash(key, secret)
        let slot = find(hash)
        if words[slot + 2] == 0 {
            guard !isFull else { return false }
            words[slot] = hash.high
            words[slot + 1] = hash.low
            count += 1
        }
        words[slot + 2] = UInt64(offset.rawValue) + 1
        latestOffset = max(latestOffset, offset)
        return true
    }

    /// The last offset of the key; `nil` when the dirty part has no record of it.
    func get(_ key: [UInt8]) -> Offset? {
        let slot = find(KeyHash(key, secret))
        let stored = words[slot + 2]
        return stored == 0 ? nil : Offset(Int64(stored - 1))
    }

    /// Notes that the dirty part has been read up to and including `offset`.
    mutating func advance(to offset: Offset) { latestOffset = max(latestOffset, offset) }

    /// The first word of the slot that holds the hash, or that is free for it.
    private func find(_ hash: KeyHash) -> Int {
        var slot = Int(hash.low % UInt64(slots))
        while true {
            let word = 3 * slot
            if words[word + 2] == 0 || (words[word] == hash.high && words[word + 1] == hash.low) {
                return word
            }
            slot = slot + 1 == slots ? 0 : slot + 1
        }
    }
}
