import KafkaWire

/// The uniform assignor for members with different subscriptions.
///
/// First the partitions that nobody has are given out, the topics with the most partitions a
/// subscriber first. Then, topic by topic, partitions move from loaded to less loaded subscribers,
/// as few as it takes, until no subscriber of a topic has two partitions more than another while
/// it has one of that topic, or the rounds are used up.
///
/// Both steps are the same: with what a member has of other topics taken as given, a topic's
/// partitions are poured over its subscribers like water into a vessel.
struct LevelledShares {
    /// Moves of one topic can unsettle another; each round roughly halves what is left to gain.
    private static let maxRounds = 16

    private var board: PartitionBoard

    init(_ task: AssignmentTask) { board = PartitionBoard(task) }

    consuming func assign() -> [PartitionsByTopic] {
        let order = topicsByDemand()
        for topic in order { giveOut(topic) }
        // A topic with one subscriber has nowhere to move to.
        let movable = order.filter { board.subscribers[$0].count > 1 }
        for _ in 0..<Self.maxRounds {
            var moved = 0
            for topic in movable { moved += level(topic) }
            if moved == 0 { break }
        }
        return board.assignment()
    }

    /// Topics with subscribers: most partitions a subscriber first, then fewest subscribers.
    private func topicsByDemand() -> [Int] {
        board.topics.indices.filter { !board.subscribers[$0].isEmpty }.sorted { a, b in
            let (sizeA, sizeB) = (board.partitionCount(of: a), board.partitionCount(of: b))
            let (countA, countB) = (board.subscribers[a].count, board.subscribers[b].count)
            if sizeA * countB != sizeB * countA { return sizeA * countB > sizeB * countA }
            return (countA, a) < (countB, b)
        }
    }

    private mutating func giveOut(_ topic: Int) {
        let free = (0..<board.partitionCount(of: topic)).filter { board.owner(topic, $0) == nil }
        let subscribers = board.subscribers[topic]
        let vessel = Vessel(fixed: subscribers.map { board.loads[$0] }, held: nil)
        deal(free[...], of: topic, vessel.pour(free.count), from: subscribers)
    }

    /// Moves what it takes to level the subscribers of `topic`; how many partitions moved.
    private mutating func level(_ topic: Int) -> Int {
        let subscribers = board.subscribers[topic]
        let places = Dictionary(uniqueKeysWithValues: zip(subscribers, subscribers.indices))
        var held = Array(repeating: 0, count: subscribers.count)
        let owners = (0..<board.partitionCount(of: topic)).map { partition in
            board.owner(topic, partition).flatMap { places[$0] }
        }
        for case let place? in owners { held[place] += 1 }
        let fixed = subscribers.indices.map { board.loads[subscribers[$0]] - held[$0] }
        let wanted = Vessel(fixed: fixed, held: held).pour(owners.count)
        guard wanted != held else { return 0 }
        var moving: [Int] = []
        var kept = Array(repeating: 0, count: subscribers.count)
        for (partition, place) in owners.enumerated() {
            if let place, kept[place] < wanted[place] {
                kept[place] += 1
            } else {
                moving.append(partition)
            }
        }
        let missing = zip(wanted, kept).map { $0 - $1 }
        deal(moving[...], of: topic, missing, from: subscribers)
        return moving.count
    }

    private mutating func deal(
        _ partitions: ArraySlice<Int>, of topic: Int, _ counts: [Int], from members: [Int]
    ) {
        var rest = partitions
        for (member, count) in zip(members, counts) {
            for partition in rest.prefix(count) { board.give(topic, partition, to: member) }
            rest = rest.dropFirst(count)
        }
    }
}

/// Columns of different height into which units are poured so that they come out level.
private struct Vessel {
    /// The height of each column before.
    let fixed: [Int]
    /// How many of the units each column has now; the odd units go first to who has them.
    let held: [Int]?

    /// How many of `units` each column gets.
    func pour(_ units: Int) -> [Int] {
        guard units > 0 else { return Array(repeating: 0, count: fixed.count) }
        let (level, odd) = level(units)
        var result = fixed.map { max(0, level - $0) }
        let reached = fixed.indices.filter { fixed[$0] <= level }
        let keepers = reached.filter { holds($0, more: result[$0]) }
        let others = reached.filter { !holds($0, more: result[$0]) }
        for column in (keepers + others).prefix(odd) { result[column] += 1 }
        return result
    }

    private func holds(_ column: Int, more count: Int) -> Bool { (held?[column] ?? 0) > count }

    /// The height that all columns that get anything reach, and how many get one unit more.
    private func level(_ units: Int) -> (level: Int, odd: Int) {
        let heights = fixed.sorted()
        var rest = units
        var level = heights[0]
        for (below, height) in heights.enumerated().dropFirst() {
            let need = (height - level) * below
            if need > rest { return (level + rest / below, rest % below) }
            rest -= need
            level = height
        }
        return (level + rest / heights.count, rest % heights.count)
    }
}
