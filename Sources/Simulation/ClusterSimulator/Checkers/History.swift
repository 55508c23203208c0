/// What clients were told and what they read, over the whole simulation.
final class History {
    /// Values that were read, by offset: one value for ever.
    private var seen: [PartitionKey: [Int64: RecordID]] = [:]
    /// Values whose producer was told that they are held, by the offset it was told.
    private var acknowledged: [PartitionKey: [Int64: RecordID]] = [:]
    /// Acknowledged as a repetition, without an offset to be trusted.
    private var acknowledgedSomewhere: [PartitionKey: Set<RecordID>] = [:]
    /// Where the log is known to begin: what lies before it was deleted on request.
    private var deletedBefore: [PartitionKey: Int64] = [:]
    /// Behind the last offset that a client was told of.
    private var ends: [PartitionKey: Int64] = [:]
    /// Operations that had an outcome.
    private(set) var operations = 0

    func countOperation() { operations += 1 }

    /// A producer was told that the value has this offset.
    func acknowledge(_ id: RecordID, at offset: Int64, of key: PartitionKey) -> String? {
        if let other = acknowledged[key]?[offset], other != id {
            return "\(key): offset \(offset) was given to \(other) and to \(id)"
        }
        acknowledged[key, default: [:]][offset] = id
        ends[key] = max(end(of: key), offset + 1)
        return nil
    }

    func acknowledgeSomewhere(_ id: RecordID, of key: PartitionKey) {
        acknowledgedSomewhere[key, default: []].insert(id)
    }

    /// A reader saw the value at this offset.
    func see(_ id: RecordID, at offset: Int64, of key: PartitionKey) -> String? {
        if let other = seen[key]?[offset], other != id {
            return "\(key): offset \(offset) was read as \(other) and as \(id)"
        }
        seen[key, default: [:]][offset] = id
        ends[key] = max(end(of: key), offset + 1)
        return nil
    }

    /// Behind all that clients were told of: as far as the log was committed at least.
    func end(of key: PartitionKey) -> Int64 { ends[key] ?? 0 }

    /// Deletion up to `offset` was asked for, and may have had its effect.
    func mayDelete(before offset: Int64, of key: PartitionKey) {
        deletedBefore[key] = max(deletedBefore[key] ?? 0, offset)
    }

    func mayBeDeleted(before offset: Int64, of key: PartitionKey) -> Bool {
        offset <= deletedBefore[key] ?? 0
    }

    /// Compares everything that was promised with what a fresh reader finds at the end.
    func check(_ found: [Int64: RecordID], from start: Int64, of key: PartitionKey) -> [String] {
        var violations: [String] = []
        for (offset, id) in (acknowledged[key] ?? [:]).sorted(by: { $0.key < $1.key })
        where offset >= start && found[offset] != id {
            violations.append(
                "\(key): \(id), acknowledged at offset \(offset), is lost; there is "
                    + (found[offset]?.description ?? "nothing"))
        }
        for (offset, id) in (seen[key] ?? [:]).sorted(by: { $0.key < $1.key })
        where offset >= start && found[offset] != id {
            violations.append("\(key): \(id), read at offset \(offset), is gone")
        }
        let present = Set(found.values)
        let all = acknowledgedSomewhere[key] ?? []
        for id in all.sorted(by: { ($0.producer, $0.number) < ($1.producer, $1.number) })
        where start == 0 && !present.contains(id) {
            violations.append("\(key): \(id), acknowledged as a repetition, is lost")
        }
        return violations
    }
}
