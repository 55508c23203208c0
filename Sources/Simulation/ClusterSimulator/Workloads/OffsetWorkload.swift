import KafkaProtocol
import KafkaWire

/// Commits offsets that only grow for a group without members, and reads them back: what is read
/// was asked for, and is never older than the last one acknowledged.
final class OffsetWorkload {
    private let world: SimulatedWorld
    private let client: SimulatedClient
    private let group: String
    private var acknowledged: Int64 = -1
    /// The same by who said so: a coordinator that has been replaced and does not know yet answers
    /// reads from what it has, as Kafka's do.
    private var acknowledgedBy: [Int32: Int64] = [:]
    private var asked: Int64 = -1
    /// Commits that were not answered: what was sent of them may still arrive, after later ones.
    private var unanswered: Set<Int64> = []
    private(set) var isChecked = false

    init(_ world: SimulatedWorld, _ group: String) {
        self.world = world
        self.group = group
        client = SimulatedClient(world, group)
    }

    func start() { step() }

    private func step() {
        guard !world.isHealed else { return }
        world.scheduler.after(world.draw(1...400) * 1_000_000) { [self] in
            if world.chance(30) { read { [self] in step() } } else { commit() }
        }
    }

    private func commit() {
        asked += 1
        let value = asked
        let request = OffsetCommitRequest(
            groupID: group, generationIDOrMemberEpoch: -1, memberID: "",
            topics: [
                .init(
                    name: "log",
                    partitions: [
                        .init(partitionIndex: 0, committedOffset: value, committedMetadata: "m")
                    ])
            ])
        client.call(request, version: 8, to: .group(group)) { [self] answer in
            if answer == nil { unanswered.insert(value) }
            let code = answer?.message.topics.first?.partitions.first?.errorCode
            switch code.flatMap({ KafkaError(rawValue: $0) }) {
            case KafkaError.none?:
                acknowledged = value
                acknowledgedBy[answer?.node ?? -1] = value
                world.history.countOperation()
            case nil, .notCoordinator?, .coordinatorLoadInProgress?, .coordinatorNotAvailable?,
                .unknownTopicOrPartition?, .requestTimedOut?:
                client.forgetRoutes()
            case let error?: world.violation("\(group): commit of \(value): \(error.name)")
            }
            step()
        }
    }

    /// Reads the offset back, until it gets an answer, and checks it.
    ///
    /// - Parameter isSettled: there is but one coordinator.
    func read(isSettled: Bool = false, _ done: @escaping () -> Void) {
        let known = (acknowledged, acknowledgedBy)
        let request = OffsetFetchRequest(
            groupID: group, topics: [.init(name: "log", partitionIndexes: [0])])
        client.call(request, version: 7, to: .group(group)) { [self] answer in
            guard let message = answer?.message, message.errorCode == 0,
                let found = message.topics.first?.partitions.first, found.errorCode == 0
            else {
                client.forgetRoutes()
                world.scheduler.after(world.draw(20...200) * 1_000_000) { [self] in
                    read(isSettled: isSettled, done)
                }
                return
            }
            let least = isSettled ? known.0 : known.1[answer?.node ?? -1] ?? -1
            let isLate = unanswered.contains(found.committedOffset)
            if found.committedOffset < least && !isLate || found.committedOffset > asked {
                world.violation(
                    "\(group): the offset \(found.committedOffset) is read, \(least) was "
                        + "acknowledged, \(asked) asked for last")
            }
            isChecked = true
            done()
        }
    }
}
