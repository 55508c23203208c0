import KafkaWire

/// The uniform assignor for members that are all subscribed to the same topics.
///
/// Each gets the same number of partitions or one more. A member keeps what it had up to its
/// share; those that had more than the smaller share are the first to get the larger one, so no
/// partition moves that need not.
struct EqualShares {
    private var board: PartitionBoard

    init(_ task: AssignmentTask) { board = PartitionBoard(task) }

    consuming func assign() -> [PartitionsByTopic] {
        let shares = shares()
        revokeExcess(over: shares)
        fill(upTo: shares)
        return board.assignment()
    }

    private func shares() -> [Int] {
        let members = board.loads.count
        let (share, remainder) = board.partitionTotal.quotientAndRemainder(dividingBy: members)
        var shares = Array(repeating: share, count: members)
        let holding = board.loads.indices.filter { board.loads[$0] > share }
        let others = board.loads.indices.filter { board.loads[$0] <= share }
        for member in (holding + others).prefix(remainder) { shares[member] += 1 }
        return shares
    }

    private mutating func revokeExcess(over shares: [Int]) {
        var kept = Array(repeating: 0, count: shares.count)
        for topic in board.topics.indices {
            for partition in 0..<board.partitionCount(of: topic) {
                guard let owner = board.owner(topic, partition) else { continue }
                if kept[owner] < shares[owner] {
                    kept[owner] += 1
                } else {
                    board.take(topic, partition)
                }
            }
        }
    }

    private mutating func fill(upTo shares: [Int]) {
        var member = 0
        for topic in board.topics.indices {
            for partition in 0..<board.partitionCount(of: topic)
            where board.owner(topic, partition) == nil {
                while board.loads[member] >= shares[member] { member += 1 }
                board.give(topic, partition, to: member)
            }
        }
    }
}
