/// A dictionary whose copies are cheap to change: entries are spread over a fixed number of shards,
/// and a write to a copy clones only the shard that it touches.
///
/// The metadata image is published to every event loop after each batch of records and then changed
/// again; a plain dictionary would be cloned whole each time. With 256 shards, a map of 100 000
/// entries clones about 400. Iteration order shows nowhere: ask for `sorted`.
public struct ShardedMap<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    /// How many shards there are; a power of two.
    static var shardCount: Int { 256 }

    private var shards: [[Key: Value]]
    /// How many entries there are.
    public private(set) var count = 0

    /// An empty map.
    public init() {
        shards = Array(repeating: [:], count: Self.shardCount)
    }

    private static func shard(of key: Key) -> Int {
        // The upper bits: the dictionary in the shard uses the lower ones to choose its bucket.
        Int(truncatingIfNeeded: UInt(bitPattern: key.hashValue) >> 40) & (shardCount - 1)
    }

    /// The value of `key`; setting `nil` removes the entry.
    public subscript(key: Key) -> Value? {
        get { shards[Self.shard(of: key)][key] }
        set {
            let shard = Self.shard(of: key)
            let before = shards[shard].count
            shards[shard][key] = newValue
            count += shards[shard].count - before
        }
    }

    /// Changes the value of `key` in place, without a copy when this map alone holds it.
    ///
    /// - Returns: what `change` returned, or `nil` when there is no such entry.
    @discardableResult
    public mutating func update<Result, Failure: Error>(
        _ key: Key, _ change: (inout Value) throws(Failure) -> Result
    ) throws(Failure) -> Result? {
        let shard = Self.shard(of: key)
        guard let index = shards[shard].index(forKey: key) else { return nil }
        return try change(&shards[shard].values[index])
    }

    /// All keys, in no particular order: only for results that do not depend on it.
    var unorderedKeys: some Sequence<Key> {
        shards.lazy.flatMap { $0.keys }
    }

    /// All values, in no particular order: only for results that do not depend on it.
    var unorderedValues: some Sequence<Value> {
        shards.lazy.flatMap { $0.values }
    }
}

extension ShardedMap where Key: Comparable {
    /// All keys in ascending order. Costs a sort.
    public var sortedKeys: [Key] { unorderedKeys.sorted() }
}

extension ShardedMap: Equatable where Value: Equatable {
    public static func == (a: ShardedMap, b: ShardedMap) -> Bool {
        a.count == b.count && a.shards == b.shards
    }
}
