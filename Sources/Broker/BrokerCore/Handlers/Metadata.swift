import ClusterController
import KafkaProtocol
import KafkaWire

/// Metadata (key 3): brokers, topics and leaders; may create the topics that it is asked about.
extension BrokerLoop {
    func metadata(_ request: MetadataRequest, _ context: RequestContext) {
        let cluster = view.cluster(for: context)
        let missing =
            view.settings.autoCreateTopics ? cluster.topicsToCreate(for: request) : []
        guard !missing.isEmpty else {
            var response = cluster.metadata(
                request, version: context.apiVersion, lingering: view.lingeringBrokers)
            response.authorize(request)
            return answer(response, to: context)
        }
        let creation = Self.creation(of: missing, view.controller)
        let work = ControllerWork.createTopics(creation) { created, controller in
            let view = ClusterView(
                image: controller.image, listener: context.listener,
                clusterID: controller.settings.clusterID,
                controllerID: controller.settings.nodeID)
            var response = view.metadata(request, version: context.apiVersion)
            Self.note(failures: created, in: &response)
            response.authorize(request)
            return response
        }
        onController(context, work)
    }

    /// Asks for topics with the broker's defaults, and for those of coordinators as these would.
    private static func creation(
        of names: [String], _ controller: Controller
    ) -> CreateTopicsRequest {
        var request = CreateTopicsRequest()
        for name in names {
            if let topic = CoordinatorTopic(named: name) {
                request.topics += topic.creation(controller).topics
            } else if !TopicName.isInternal(name) {
                request.topics.append(
                    .init(name: name, numPartitions: -1, replicationFactor: -1))
            }
        }
        return request
    }

    /// A topic that could not be created says why, so that the client does not ask for ever.
    private static func note(failures: CreateTopicsResponse, in response: inout MetadataResponse) {
        for topic in failures.topics
        where topic.errorCode != KafkaError.none.rawValue
            && topic.errorCode != KafkaError.topicAlreadyExists.rawValue
        {
            guard let index = response.topics.firstIndex(where: { $0.name == topic.name })
            else { continue }
            let isFinal = topic.errorCode == KafkaError.invalidTopicException.rawValue
            response.topics[index].errorCode =
                isFinal ? topic.errorCode : KafkaError.leaderNotAvailable.rawValue
        }
    }
}

extension BrokerView {
    /// The cluster as the client of `context` sees it.
    func cluster(for context: RequestContext) -> ClusterView {
        ClusterView(
            image: image, listener: context.listener, clusterID: settings.clusterID,
            controllerID: settings.nodeID.rawValue)
    }

    /// The feature levels in force, in order of name.
    var finalizedFeatures: [(name: String, level: Int16)] {
        guard settings.kraftVersion > 0 else { return image.features.finalized }
        let own = (name: Feature.kraft.rawValue, level: settings.kraftVersion)
        return (image.features.finalized + [own]).sorted { $0.name < $1.name }
    }
    /// The offset up to which the image knows the metadata log.
    var featuresEpoch: Int64 { imageOffset.rawValue }

    /// Whether `cleanup.policy` lets records be deleted by request: topics that are only compacted
    /// do not.
    func allowsDeleteRecords(topic: String) -> Bool {
        controller.effectiveTopicConfig("cleanup.policy", of: topic) != "compact"
    }
}
