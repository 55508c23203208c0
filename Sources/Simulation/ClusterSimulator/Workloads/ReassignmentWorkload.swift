import KafkaProtocol
import KafkaWire

/// Moves replicas between brokers while clients are at work (KIP-455): plans drawn by chance, some
/// of which are given up before they are done.
///
/// In the end a partition's replicas are where the last plan that was accepted wants them.
final class ReassignmentWorkload {
    private struct Belief {
        /// Replicas as the last answer leaves them, any of these.
        var expected: Set<[Int32]>
        /// What giving up a plan may go back to.
        var earlier: Set<[Int32]>
        /// Plans without an answer: they may still come into force.
        var late: Set<[Int32]> = []
        /// A plan was given up, or may have been.
        var isGivenUp = false

        var all: Set<[Int32]> { earlier.union(expected).union(late) }

        /// Whether replicas may be there.
        ///
        /// A plan that replaced another one and is given up leaves, besides what was there, what
        /// the first one had added and the second was to take away (so does Kafka).
        func allows(_ replicas: [Int32]) -> Bool {
            if expected.union(late).contains(replicas) { return true }
            guard isGivenUp, Set(all.joined()).isSuperset(of: replicas) else { return false }
            return all.contains { Set(replicas).isSuperset(of: $0) }
        }
    }
    private let world: SimulatedWorld
    private let client: SimulatedClient
    private var beliefs: [PartitionKey: Belief] = [:]

    /// Topics that are there from the beginning to the end.
    private static let topics = [
        "log", "txn", "keyed", "expiring", "__consumer_offsets", "__transaction_state",
    ]

    init(_ world: SimulatedWorld) {
        self.world = world
        client = SimulatedClient(world, "reassigner")
    }

    func start() { world.operating(world.options.changes.reassignMs) { [self] in change() } }

    private func change() {
        // One at a time: what an answer says is then what holds.
        guard client.inFlight == 0 else { return }
        let all = world.checker.partitions(of: Self.topics)
        guard let (key, partition) = world.operators.pick(all) else { return }
        if beliefs[key] == nil {
            let now: Set = [partition.replicas.sorted()]
            beliefs[key] = Belief(expected: now, earlier: now)
        }
        if partition.isReassigning, world.operators.chance(40) { return ask(key, nil) }
        // Two or more: what is acknowledged must outlive the loss of a disk.
        let brokers = world.options.topology.brokers.filter {
            world.checker.image.brokers[$0] != nil
        }
        let least = min(2, brokers.count)
        let count = world.operators.draw(Int64(least)...Int64(min(4, brokers.count)))
        ask(key, world.operators.pick(Int(count), of: brokers))
    }

    private func ask(_ key: PartitionKey, _ plan: [Int32]?) {
        let text = plan.map { "goes to \($0)" } ?? "stays where it was"
        world.fault("\(key) \(text)")
        let request = AlterPartitionReassignmentsRequest(
            timeoutMs: 5000,
            topics: [
                .init(
                    name: key.topic,
                    partitions: [.init(partitionIndex: key.partition, replicas: plan)])
            ])
        client.call(request, version: 0) { [self] answer in
            let error = answer.flatMap { answer -> KafkaError? in
                let message = answer.message
                if message.errorCode != 0 { return KafkaError(rawValue: message.errorCode) }
                let code = message.responses.first?.partitions.first?.errorCode
                return code.flatMap { KafkaError(rawValue: $0) }
            }
            take(error, of: plan, for: key)
        }
    }

    private func take(_ error: KafkaError?, of plan: [Int32]?, for key: PartitionKey) {
        guard var belief = beliefs[key] else { return }
        world.trace.note(world.scheduler.now, "\(key), reassignment: \(error?.name ?? "-")")
        let all = belief.all
        switch error {
        case KafkaError.none?:
            world.history.countOperation()
            belief.earlier = all
            belief.expected = plan.map { [$0.sorted()] } ?? all
            belief.isGivenUp = plan == nil || (belief.isGivenUp && !belief.late.isEmpty)
        case .unknownTopicOrPartition?: break
        // Forwarded again, for its answer was lost, a plan that was given up is none any more.
        case .noReassignmentInProgress?:
            belief.late.formUnion(all)
            belief.isGivenUp = true
        // To go back may take a leader that lacks records.
        case .invalidReplicaAssignment? where plan == nil: break
        case .invalidReplicaAssignment?, .invalidRequest?:
            world.violation("\(key): a plan for brokers that are there is refused")
        default:
            belief.late.formUnion(plan.map { [$0.sorted()] } ?? all)
            if plan == nil { belief.isGivenUp = true }
        }
        beliefs[key] = belief
    }

    // MARK: In the end

    /// What is on its way still; `nil` when nothing is.
    var obstacle: String? {
        for topic in world.checker.image.topics.sorted {
            for partition in topic.partitions where partition.isReassigning {
                return "\(topic.name)-\(partition.id) goes from \(partition.removingReplicas) to "
                    + "\(partition.addingReplicas)"
            }
        }
        return client.inFlight > 0 ? "a plan is not answered" : nil
    }

    func check() {
        for (key, belief) in beliefs.sorted(by: { $0.key < $1.key }) {
            let partition = world.checker.image.topics[key.topic]?[key.partition]
            let replicas = partition?.replicas.sorted() ?? []
            guard !belief.allows(replicas) else { continue }
            world.violation(
                "\(key) is on \(replicas), and not where the last plan wants it: "
                    + "\(belief.expected.sorted { $0.lexicographicallyPrecedes($1) })")
        }
    }
}
