import KafkaProtocol
import KafkaWire

extension ClusterView {
    /// Answers a Metadata request of any version.
    ///
    /// Topics that do not exist are answered with UNKNOWN_TOPIC_OR_PARTITION, UNKNOWN_TOPIC_ID or
    /// INVALID_TOPIC_EXCEPTION; creating them first is up to the caller (`topicsToCreate`), as are
    /// authorized operations, which stay at "not asked for".
    ///
    /// - Parameter mayDescribe: topics it refuses are left out of "all", and answered with
    ///   TOPIC_AUTHORIZATION_FAILED when asked for, without saying whether they exist.
    /// - Parameter lingering: brokers that are named although they are fenced.
    public func metadata(
        _ request: MetadataRequest, version: Int16, lingering: Set<Int32> = [],
        mayDescribe: (_ topic: String) -> Bool = { _ in true }
    ) -> MetadataResponse {
        var response = MetadataResponse()
        response.clusterID = clusterID
        response.controllerID = controllerID
        response.brokers = endpoints(lingering: lingering).map { broker, endpoint in
            .init(
                nodeID: broker.id, host: endpoint.host, port: Int32(endpoint.port),
                rack: broker.rack)
        }
        guard let asked = Self.askedTopics(request, version: version) else {
            response.topics = image.topics.names.filter(mayDescribe).compactMap { name in
                image.topics[name].map { describe($0, version: version) }
            }
            return response
        }
        let usesIDs = asked.contains { $0.topicID != .zero }
        if version < 12, usesIDs || asked.contains(where: { $0.name == nil }) {
            // Ids came with version 12; 10 and 11 could carry them but no server looked at them.
            response.topics = asked.map {
                .init(errorCode: KafkaError.invalidRequest.rawValue, name: $0.name ?? "")
            }
            return response
        }
        if usesIDs {
            response.topics = topicsByID(asked, version: version, mayDescribe: mayDescribe)
        } else {
            response.topics = topicsByName(asked, version: version, mayDescribe: mayDescribe)
        }
        return response
    }

    /// The topics asked for; `nil` for all of them, which version 0 writes as none.
    private static func askedTopics(
        _ request: MetadataRequest, version: Int16
    ) -> [MetadataRequest.MetadataRequestTopic]? {
        guard let topics = request.topics else { return nil }
        return version == 0 && topics.isEmpty ? nil : topics
    }

    /// The topics that the request names, may create, and that do not exist: sorted, legal names.
    public func topicsToCreate(for request: MetadataRequest) -> [String] {
        guard request.allowAutoTopicCreation, let topics = request.topics else { return [] }
        let names = Set(topics.filter { $0.topicID == .zero }.compactMap(\.name))
        return names.filter { image.topics.id(of: $0) == nil && TopicName.flaw(of: $0) == nil }
            .sorted()
    }

    private func topicsByID(
        _ asked: [MetadataRequest.MetadataRequestTopic], version: Int16,
        mayDescribe: (String) -> Bool
    ) -> [MetadataResponse.MetadataResponseTopic] {
        var seen: Set<KafkaUUID> = [.zero]
        return asked.filter { seen.insert($0.topicID).inserted }.map { topic in
            guard let found = image.topics[topic.topicID] else {
                return .init(
                    errorCode: KafkaError.unknownTopicID.rawValue, name: nil,
                    topicID: topic.topicID)
            }
            if mayDescribe(found.name) { return describe(found, version: version) }
            return .init(
                errorCode: KafkaError.topicAuthorizationFailed.rawValue, name: nil,
                topicID: topic.topicID)
        }
    }

    private func topicsByName(
        _ asked: [MetadataRequest.MetadataRequestTopic], version: Int16,
        mayDescribe: (String) -> Bool
    ) -> [MetadataResponse.MetadataResponseTopic] {
        var seen: Set<String> = []
        return asked.compactMap(\.name).filter { seen.insert($0).inserted }.map { name in
            if !mayDescribe(name) {
                return .init(
                    errorCode: KafkaError.topicAuthorizationFailed.rawValue, name: name)
            }
            if let topic = image.topics[name] { return describe(topic, version: version) }
            let error: KafkaError =
                TopicName.flaw(of: name) == nil
                ? .unknownTopicOrPartition : .invalidTopicException
            return .init(
                errorCode: error.rawValue, name: name,
                isInternal: TopicName.isInternal(name))
        }
    }
}

extension ClusterView {
    private func describe(
        _ topic: TopicImage, version: Int16
    ) -> MetadataResponse.MetadataResponseTopic {
        .init(
            name: topic.name, topicID: topic.id,
            isInternal: TopicName.isInternal(topic.name),
            partitions: topic.partitions.map { describe($0, version: version) })
    }

    private func describe(
        _ partition: PartitionImage, version: Int16
    ) -> MetadataResponse.MetadataResponsePartition {
        var result = MetadataResponse.MetadataResponsePartition()
        result.partitionIndex = partition.id
        result.leaderEpoch = partition.leaderEpoch
        // Version 0 leaves brokers that are away out, and says so with an error.
        result.replicaNodes =
            version == 0 ? partition.replicas.filter(isAvailable) : partition.replicas
        result.isrNodes = version == 0 ? partition.isr.filter(isAvailable) : partition.isr
        result.offlineReplicas = offlineReplicas(of: partition)
        if hasListener(partition.leader) {
            result.leaderID = partition.leader
            if result.replicaNodes.count < partition.replicas.count
                || result.isrNodes.count < partition.isr.count
            {
                result.errorCode = KafkaError.replicaNotAvailable.rawValue
            }
        } else {
            result.leaderID = PartitionImage.noLeader
            let lacksListener = version >= 6 && image.brokers[partition.leader] != nil
            let error: KafkaError = lacksListener ? .listenerNotFound : .leaderNotAvailable
            result.errorCode = error.rawValue
        }
        return result
    }
}
