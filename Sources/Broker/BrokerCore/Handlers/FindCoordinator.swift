import ClusterController
import Coordinators
import KafkaProtocol
import KafkaWire

/// FindCoordinator (key 10): the broker that leads the partition to which a group or a
/// transactional id belongs. The coordinators' topics are made when they are first asked about.
extension BrokerLoop {
    func findCoordinator(_ request: FindCoordinatorRequest, _ context: RequestContext) {
        guard let topic = CoordinatorTopic(keyType: request.keyType) else {
            return answer(
                refusal(
                    request, context, .invalidRequest,
                    "there are no coordinators of type "
                        + "\(request.keyType) here"), to: context)
        }
        guard view.image.topics[topic.name] == nil else {
            return answer(view.coordinators(request, of: topic, context), to: context)
        }
        let creation = topic.creation(view.controller)
        let work = ControllerWork.createTopics(creation) { created, controller in
            let error = created.topics.first.map { KafkaError(code: $0.errorCode) }
            guard error == .topicAlreadyExists || error == KafkaError.none else {
                return refusal(
                    request, context, .coordinatorNotAvailable,
                    "\(topic.name) cannot be created: "
                        + (created.topics.first?.errorMessage ?? error?.name ?? "no answer"))
            }
            return coordinators(
                in: ClusterView(
                    image: controller.image, listener: context.listener,
                    clusterID: controller.settings.clusterID), request, of: topic, context)
        }
        onController(context, work)
    }
}

/// The topics that coordinators keep their state in.
enum CoordinatorTopic: Sendable {
    case groups
    case transactions

    /// By the key type of a request: 0 groups, 1 transactions.
    init?(keyType: Int8) {
        switch keyType {
        case 0: self = .groups
        case 1: self = .transactions
        default: return nil
        }
    }

    init?(named name: String) {
        switch name {
        case TopicName.consumerOffsets: self = .groups
        case TopicName.transactionState: self = .transactions
        default: return nil
        }
    }

    var name: String {
        switch self {
        case .groups: TopicName.consumerOffsets
        case .transactions: TopicName.transactionState
        }
    }

    /// The prefix of the broker's config keys for the topic.
    private var prefix: String {
        switch self {
        case .groups: "offsets.topic"
        case .transactions: "transaction.state.log"
        }
    }

    private func number(_ key: String, _ controller: Controller) -> Int? {
        controller.effectiveBrokerConfig("\(prefix).\(key)").flatMap { Int($0) }
    }

    /// How many partitions the topic has, or will have once it is made.
    func partitionCount(_ controller: Controller) -> Int32 {
        let count = controller.image.topics[name]?.partitions.count ?? 0
        return Int32(clamping: count > 0 ? count : number("num.partitions", controller) ?? 50)
    }

    /// The request that makes the topic as Kafka does.
    ///
    /// Where nobody has set the replication factor, a cluster that is smaller than the default asks
    /// gets as many replicas as it has brokers.
    func creation(_ controller: Controller) -> CreateTopicsRequest {
        func number(_ key: String) -> Int? { self.number(key, controller) }
        let brokers = controller.image.brokers.values.count { !$0.isFenced }
        var factor = number("replication.factor") ?? 3
        if controller.settings.staticConfigs["\(prefix).replication.factor"] == nil {
            factor = min(factor, max(1, brokers))
        }
        var configs = [
            ("cleanup.policy", "compact"),
            ("segment.bytes", "\(number("segment.bytes") ?? 104_857_600)"),
        ]
        switch self {
        case .groups: configs.append(("compression.type", "producer"))
        case .transactions:
            configs += [
                ("compression.type", "uncompressed"), ("unclean.leader.election.enable", "false"),
                ("min.insync.replicas", "\(min(number("min.isr") ?? 2, factor))"),
            ]
        }
        var request = CreateTopicsRequest()
        request.topics = [
            .init(
                name: name, numPartitions: partitionCount(controller),
                replicationFactor: Int16(clamping: factor),
                configs: configs.map { .init(name: $0.0, value: $0.1) })
        ]
        return request
    }
}

extension BrokerView {
    func coordinators(
        _ request: FindCoordinatorRequest, of topic: CoordinatorTopic, _ context: RequestContext
    ) -> FindCoordinatorResponse {
        BrokerCore.coordinators(in: cluster(for: context), request, of: topic, context)
    }
}

private func coordinators(
    in cluster: ClusterView, _ request: FindCoordinatorRequest, of topic: CoordinatorTopic,
    _ context: RequestContext
) -> FindCoordinatorResponse {
    let found = keys(of: request, context).map { key in
        coordinator(of: key, in: cluster, topic)
    }
    return response(found, context)
}

private func keys(of request: FindCoordinatorRequest, _ context: RequestContext) -> [String] {
    context.apiVersion < 4 ? [request.key] : request.coordinatorKeys
}

private func coordinator(
    of key: String, in cluster: ClusterView, _ topic: CoordinatorTopic
) -> FindCoordinatorResponse.Coordinator {
    let partitions = cluster.image.topics[topic.name]?.partitions ?? []
    if partitions.isEmpty { return none(key, .coordinatorNotAvailable, nil) }
    let number = CoordinatorPartition.of(key, partitions: Int32(clamping: partitions.count))
    let leader = partitions[Int(number)].leader
    guard let endpoint = cluster.endpoints.first(where: { $0.broker.id == leader })?.endpoint
    else { return none(key, .coordinatorNotAvailable, nil) }
    return .init(
        key: key, nodeID: leader, host: endpoint.host, port: Int32(endpoint.port), errorCode: 0)
}

private func none(
    _ key: String, _ error: KafkaError, _ message: String?
) -> FindCoordinatorResponse.Coordinator {
    .init(
        key: key, nodeID: -1, host: "", port: -1, errorCode: error.rawValue, errorMessage: message)
}

private func refusal(
    _ request: FindCoordinatorRequest, _ context: RequestContext, _ error: KafkaError,
    _ message: String
) -> FindCoordinatorResponse {
    response(keys(of: request, context).map { none($0, error, message) }, context)
}

/// Up to version 3 one coordinator in the response itself, then a list.
private func response(
    _ coordinators: [FindCoordinatorResponse.Coordinator], _ context: RequestContext
) -> FindCoordinatorResponse {
    guard context.apiVersion < 4 else {
        return FindCoordinatorResponse(coordinators: coordinators)
    }
    let only = coordinators[0]
    return FindCoordinatorResponse(
        errorCode: only.errorCode, errorMessage: only.errorMessage, nodeID: only.nodeID,
        host: only.host, port: only.port)
}
