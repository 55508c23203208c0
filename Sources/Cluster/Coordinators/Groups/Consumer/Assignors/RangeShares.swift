import KafkaWire

/// The range assignor: the partitions of each topic are cut into as many ranges as the topic has
/// subscribers, the longer ones first. Static members come first, by instance id, so that they keep
/// their ranges when others come and go.
struct RangeShares {
    private let task: AssignmentTask

    init(_ task: AssignmentTask) { self.task = task }

    func assign() -> [PartitionsByTopic] {
        var subscribers: [KafkaUUID: [Int]] = [:]
        for member in order() {
            for topic in task.members[member].topics {
                subscribers[topic, default: []].append(member)
            }
        }
        var result = [PartitionsByTopic](repeating: [:], count: task.members.count)
        for (topic, members) in subscribers {
            let partitions = Int(task.partitionCounts[topic] ?? 0)
            let (share, longer) = partitions.quotientAndRemainder(dividingBy: members.count)
            var next = 0
            for (place, member) in members.enumerated() {
                let end = next + share + (place < longer ? 1 : 0)
                if next < end { result[member][topic] = (next..<end).map(Int32.init) }
                next = end
            }
        }
        return result
    }

    private func order() -> [Int] {
        task.members.indices.sorted { a, b in
            switch (task.members[a].instanceID, task.members[b].instanceID) {
            case (let x?, let y?): (x, a) < (y, b)
            case (_?, nil): true
            case (nil, _?): false
            case (nil, nil): a < b
            }
        }
    }
}
