import KafkaWire

extension Assignor {
    /// Shares out all partitions of the topics that members subscribe to.
    ///
    /// - Parameter counts: partitions of each topic; topics without are left out.
    /// - Returns: the partitions of each member; every member is there.
    func assign(
        _ members: [MemberSubscription], counts: [String: Int]
    ) -> [String: [TopicPartition]] {
        // Static members sort by their own names, so that a restart changes nothing (KIP-345).
        let sorted = members.sorted {
            ($0.instanceID == nil ? 1 : 0, $0.instanceID ?? $0.memberID)
                < ($1.instanceID == nil ? 1 : 0, $1.instanceID ?? $1.memberID)
        }
        switch self {
        case .range: return Self.ranges(sorted, counts)
        case .roundRobin: return Self.roundRobin(sorted, counts)
        case .sticky: return StickyAssignment(sorted, counts).result
        case .cooperativeSticky:
            let balanced = StickyAssignment(sorted, counts).result
            return Self.withoutTransfers(balanced, members)
        }
    }

    private static func ranges(
        _ members: [MemberSubscription], _ counts: [String: Int]
    ) -> [String: [TopicPartition]] {
        var result = Dictionary(
            members.map { ($0.memberID, [TopicPartition]()) }, uniquingKeysWith: { $1 })
        for (topic, count) in counts.sorted(by: { $0.key < $1.key }) {
            let takers = members.filter { $0.topics.contains(topic) }
            guard !takers.isEmpty else { continue }
            var next = 0
            for (index, taker) in takers.enumerated() {
                let share = count / takers.count + (index < count % takers.count ? 1 : 0)
                result[taker.memberID]? += (next..<next + share).map {
                    TopicPartition(topic: topic, partition: Int32($0))
                }
                next += share
            }
        }
        return result
    }

    private static func roundRobin(
        _ members: [MemberSubscription], _ counts: [String: Int]
    ) -> [String: [TopicPartition]] {
        var result = Dictionary(
            members.map { ($0.memberID, [TopicPartition]()) }, uniquingKeysWith: { $1 })
        var turn = 0
        for partition in StickyAssignment.all(counts) {
            guard members.contains(where: { $0.topics.contains(partition.topic) }) else { continue }
            while !members[turn % members.count].topics.contains(partition.topic) { turn += 1 }
            result[members[turn % members.count].memberID]?.append(partition)
            turn += 1
        }
        return result
    }

    /// Leaves out what another member still owns: it gives that up first, and the group assigns
    /// it in the rebalance that follows (KIP-429).
    private static func withoutTransfers(
        _ assignment: [String: [TopicPartition]], _ members: [MemberSubscription]
    ) -> [String: [TopicPartition]] {
        var owners: [TopicPartition: String] = [:]
        let latest = members.map(\.generation).max() ?? -1
        for member in members where member.generation == latest || member.generation < 0 {
            for partition in member.owned { owners[partition] = member.memberID }
        }
        var result = assignment
        for (member, partitions) in assignment {
            result[member] = partitions.filter { owners[$0].map { $0 == member } ?? true }
        }
        return result
    }
}

/// A balanced assignment that keeps what members have where it can.
///
/// Invariants at the end: no member could take a partition from another that has two more of them;
/// of the partitions of the last generation, none moved that balance did not ask for.
struct StickyAssignment {
    private(set) var result: [String: [TopicPartition]] = [:]
    private let topics: [String: Set<String>]
    private let order: [String]

    static func all(_ counts: [String: Int]) -> [TopicPartition] {
        counts.sorted { $0.key < $1.key }.flatMap { topic, count in
            (0..<count).map { TopicPartition(topic: topic, partition: Int32($0)) }
        }
    }

    init(_ members: [MemberSubscription], _ counts: [String: Int]) {
        topics = Dictionary(
            members.map { ($0.memberID, Set($0.topics)) }, uniquingKeysWith: { $1 })
        order = members.map(\.memberID)
        for member in order { result[member] = [] }
        let free = keepOwned(members, counts)
        for partition in free {
            guard let taker = least(subscribedTo: partition.topic) else { continue }
            result[taker]?.append(partition)
        }
        balance()
        for member in order { result[member]?.sort() }
    }

    /// Gives members what they have; where two claim the same, the later generation has it.
    private mutating func keepOwned(
        _ members: [MemberSubscription], _ counts: [String: Int]
    ) -> [TopicPartition] {
        var owner: [TopicPartition: (member: String, generation: Int32)] = [:]
        var contested: Set<TopicPartition> = []
        for member in members {
            for partition in member.owned
            where member.topics.contains(partition.topic)
                && Int(partition.partition) < counts[partition.topic] ?? 0
            {
                if let other = owner[partition] {
                    if other.generation > member.generation { continue }
                    if other.generation == member.generation { contested.insert(partition) }
                }
                owner[partition] = (member.memberID, member.generation)
            }
        }
        var free: [TopicPartition] = []
        for partition in Self.all(counts) {
            if let member = owner[partition]?.member, !contested.contains(partition) {
                result[member]?.append(partition)
            } else {
                free.append(partition)
            }
        }
        return free
    }

    private func count(_ member: String) -> Int { result[member]?.count ?? 0 }

    private func least(subscribedTo topic: String) -> String? {
        order.filter { topics[$0]?.contains(topic) == true }.min { count($0) < count($1) }
    }

    /// Moves partitions from those that have most to those that have least, until no move helps.
    private mutating func balance() {
        var moved = true
        while moved {
            moved = false
            for giver in order.sorted(by: { count($0) > count($1) }) {
                for partition in (result[giver] ?? []).reversed() {
                    guard let taker = least(subscribedTo: partition.topic),
                        count(taker) + 1 < count(giver)
                    else { continue }
                    result[giver]?.removeAll { $0 == partition }
                    result[taker]?.append(partition)
                    moved = true
                }
            }
        }
    }
}
