import ClusterController
import KafkaProtocol
import KafkaWire
import LogStorage

/// Moves of replicas between a broker's log directories while clients are at work (KIP-113); in the
/// end each replica is in one directory, the one that the metadata name.
final class MoveWorkload {
    private let world: SimulatedWorld
    private let client: SimulatedClient

    init(_ world: SimulatedWorld) {
        self.world = world
        client = SimulatedClient(world, "mover")
    }

    func start() { world.operating(world.options.changes.moveMs) { [self] in move() } }

    private func move() {
        let brokers = world.options.topology.brokers
        guard client.inFlight == 0, let broker = world.operators.pick(brokers),
            let process = world.node(broker)?.process
        else { return }
        let cells = process.view.topicsByName.flatMap { $0.partitions.compactMap { $0 } }
        let directories = NodeProcess.directories(world.options.changes.directories)
        guard let cell = world.operators.pick(cells),
            let target = world.operators.pick(directories)
        else { return }
        let partition = cell.topicPartition
        world.fault("\(partition) of \(broker) goes to \(target)")
        let request = AlterReplicaLogDirsRequest(
            dirs: [
                .init(
                    path: target,
                    topics: [.init(name: partition.topic, partitions: [partition.partition])])
            ])
        client.call(request, version: 2, to: .node(broker)) { [self] answer in
            let code = answer?.message.results.first?.partitions.first?.errorCode
            let error = code.flatMap { KafkaError(rawValue: $0) }
            world.trace.note(world.scheduler.now, "\(partition), move: \(error?.name ?? "-")")
            if case KafkaError.none? = error { world.history.countOperation() }
        }
    }

    // MARK: In the end

    var obstacle: String? {
        for node in world.nodes {
            guard let process = node.process else { continue }
            if process.isMoving { return "\(node.name) is moving replicas" }
            if let text = misplaced(on: node, process) { return text }
        }
        return client.inFlight > 0 ? "a move is not answered" : nil
    }

    /// A replica that is not where the metadata have it, or that has a directory too many.
    private func misplaced(on node: SimulatedNode, _ process: NodeProcess) -> String? {
        let ids = node.directoryIDs
        for topic in process.view.topicsByName {
            for cell in topic.partitions.compactMap({ $0 }) {
                let partition = cell.topicPartition
                let image = process.view.image.topics[cell.topicID]?[partition.partition]
                let named = image?.directory(of: node.id)
                if named != ids[cell.logDirectory] {
                    return "\(partition) of \(node.name) is in \(cell.logDirectory), and in "
                        + "\(named.map { "\($0)" } ?? "no directory") as the metadata have it"
                }
                let homes = ids.keys.filter { node.holds("\($0)/\(partition)") }
                guard homes.count == 1 else {
                    return "\(partition) of \(node.name) is in \(homes.sorted())"
                }
            }
        }
        return nil
    }
}
