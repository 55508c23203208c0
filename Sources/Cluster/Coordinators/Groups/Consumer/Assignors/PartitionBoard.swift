import KafkaWire

/// Who is to have each partition, while an assignor works it out. Members and topics are numbers
/// here: their places in the task and in `topics`.
struct PartitionBoard {
    private static let nobody: Int32 = -1

    /// All topics of the task, ascending.
    let topics: [KafkaUUID]
    /// The members that are subscribed to each topic, ascending.
    let subscribers: [[Int]]
    /// The member that has each partition of each topic; -1 for none.
    private var owners: [[Int32]]
    /// How many partitions each member has.
    private(set) var loads: [Int]

    /// A board on which each member has what it had, as far as it may keep it.
    init(_ task: AssignmentTask) {
        topics = task.partitionCounts.keys.sorted()
        let places = Dictionary(uniqueKeysWithValues: zip(topics, topics.indices))
        var subscribers = [[Int]](repeating: [], count: topics.count)
        owners = topics.map { topic in
            Array(repeating: Self.nobody, count: Int(task.partitionCounts[topic] ?? 0))
        }
        loads = Array(repeating: 0, count: task.members.count)
        for (number, member) in task.members.enumerated() {
            for topic in member.topics {
                guard let place = places[topic] else { continue }
                subscribers[place].append(number)
                for partition in member.previous[topic] ?? [] {
                    let index = Int(partition)
                    guard owners[place].indices.contains(index),
                        owners[place][index] == Self.nobody
                    else { continue }
                    owners[place][index] = Int32(number)
                    loads[number] += 1
                }
            }
        }
        self.subscribers = subscribers
    }

    /// The number of partitions on the board.
    var partitionTotal: Int { owners.reduce(0) { $0 + $1.count } }

    func partitionCount(of topic: Int) -> Int { owners[topic].count }

    /// The member that has a partition.
    func owner(_ topic: Int, _ partition: Int) -> Int? {
        let owner = owners[topic][partition]
        return owner == Self.nobody ? nil : Int(owner)
    }

    mutating func give(_ topic: Int, _ partition: Int, to member: Int) {
        take(topic, partition)
        owners[topic][partition] = Int32(member)
        loads[member] += 1
    }

    mutating func take(_ topic: Int, _ partition: Int) {
        if let owner = owner(topic, partition) { loads[owner] -= 1 }
        owners[topic][partition] = Self.nobody
    }

    /// What each member has.
    func assignment() -> [PartitionsByTopic] {
        var result = [PartitionsByTopic](repeating: [:], count: loads.count)
        for (place, topic) in topics.enumerated() {
            for (partition, owner) in owners[place].enumerated() where owner != Self.nobody {
                result[Int(owner)][topic, default: []].append(Int32(partition))
            }
        }
        return result
    }
}
