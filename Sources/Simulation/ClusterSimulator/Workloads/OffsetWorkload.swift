import KafkaProtocol
import KafkaWire

/// Commits offsets that only grow for a group without members, and reads them back: what is read
/// was asked for, and is never older than the last one acknowledged.
final class OffsetWorkload {
    private let world: SimulatedWorld
    private let client: SimulatedClient
    private let group: String
    private var acknowledged: Int64 = -1
    private var asked: Int64 = -1
    private(set) var isChecked = false

    init(_ world: SimulatedWorld, _ group: String) {
        self.world = world
        self.group = group
        client = SimulatedClient(world, group)
    }

    func start() {
        client.call(
            FindCoordinatorRequest(keyType: 0, coordinatorKeys: [group]), version: 4
        ) { [self] answer in
            guard answer?.message.coordinators.first?.errorCode == 0 else {
                world.scheduler.after(100_000_000) { [self] in start() }
                return
            }
            step()
        }
    }

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
        client.call(request, version: 8) { [self] answer in
            let code = answer?.message.topics.first?.partitions.first?.errorCode
            switch code.flatMap({ KafkaError(rawValue: $0) }) {
            case KafkaError.none?:
                acknowledged = value
                world.history.countOperation()
            case nil, .notCoordinator?, .coordinatorLoadInProgress?, .coordinatorNotAvailable?,
                .unknownTopicOrPartition?:
                break
            case let error?: world.violation("\(group): commit of \(value): \(error.name)")
            }
            step()
        }
    }

    /// Reads the offset back, until it gets an answer, and checks it.
    func read(_ done: @escaping () -> Void) {
        let least = acknowledged
        let request = OffsetFetchRequest(
            groupID: group, topics: [.init(name: "log", partitionIndexes: [0])])
        client.call(request, version: 7) { [self] answer in
            guard let message = answer?.message, message.errorCode == 0,
                let found = message.topics.first?.partitions.first, found.errorCode == 0
            else {
                world.scheduler.after(world.draw(20...200) * 1_000_000) { [self] in read(done) }
                return
            }
            if found.committedOffset < least || found.committedOffset > asked {
                world.violation(
                    "\(group): the offset \(found.committedOffset) is read, \(least) was "
                        + "acknowledged, \(asked) asked for last")
            }
            isChecked = true
            done()
        }
    }
}
