/// Keys of replicas in the order in which they came, each once.
struct ReplicaKeyList {
    private(set) var keys: [ReplicaKey] = []
    private var members: Set<ReplicaKey> = []

    var isEmpty: Bool { keys.isEmpty }

    /// Adds a key behind the others, unless it is there.
    mutating func append(_ key: ReplicaKey) {
        if members.insert(key).inserted { keys.append(key) }
    }

    /// Removes and returns the keys that `shallGo` picks, in their order.
    mutating func removeAll(where shallGo: (ReplicaKey) -> Bool) -> [ReplicaKey] {
        var gone: [ReplicaKey] = []
        keys.removeAll { key in
            guard shallGo(key) else { return false }
            gone.append(key)
            return true
        }
        for key in gone { members.remove(key) }
        return gone
    }

    /// Empties the list.
    mutating func takeAll() -> [ReplicaKey] {
        defer { self = ReplicaKeyList() }
        return keys
    }
}
