import KafkaProtocol
import KafkaWire

extension BrokerLoop {
    /// The APIs that this node serves, and so advertises.
    static let served: [APIKey] = [
        .produce, .fetch, .listOffsets, .metadata, .findCoordinator, .apiVersions, .createTopics,
        .deleteTopics, .deleteRecords, .initProducerID, .offsetForLeaderEpoch, .describeConfigs,
        .alterConfigs, .alterReplicaLogDirs, .describeLogDirs, .createPartitions,
        .incrementalAlterConfigs, .updateFeatures, .describeCluster, .describeProducers,
        .listConfigResources, .describeTopicPartitions,
    ]
    private static let servedSet = Set(served)

    static func supports(_ key: APIKey) -> Bool { servedSet.contains(key) }

    /// Hands the request to its handler: `Handlers/<API>.swift`.
    func dispatch(
        _ frame: inout MutableRawSpan, _ start: Int, _ context: RequestContext
    ) throws(RequestError) {
        switch context.apiKey {
        case .produce:
            let request = try decode(ProduceRequest.self, frame.bytes, from: start, context)
            produce(request, &frame, bodyStart: start, context)
        case .fetch:
            fetch(try decode(FetchRequest.self, frame.bytes, from: start, context), context)
        default:
            try dispatchReads(frame.bytes, start, context)
        }
    }

    private func dispatchReads(
        _ frame: RawSpan, _ start: Int, _ context: RequestContext
    ) throws(RequestError) {
        switch context.apiKey {
        case .apiVersions:
            apiVersions(try decode(ApiVersionsRequest.self, frame, from: start, context), context)
        case .metadata:
            metadata(try decode(MetadataRequest.self, frame, from: start, context), context)
        case .listOffsets:
            listOffsets(try decode(ListOffsetsRequest.self, frame, from: start, context), context)
        case .offsetForLeaderEpoch:
            offsetForLeaderEpoch(
                try decode(OffsetForLeaderEpochRequest.self, frame, from: start, context), context)
        case .findCoordinator:
            findCoordinator(
                try decode(FindCoordinatorRequest.self, frame, from: start, context), context)
        case .initProducerID:
            initProducerID(
                try decode(InitProducerIDRequest.self, frame, from: start, context), context)
        case .describeCluster:
            describeCluster(
                try decode(DescribeClusterRequest.self, frame, from: start, context), context)
        case .describeTopicPartitions:
            describeTopicPartitions(
                try decode(DescribeTopicPartitionsRequest.self, frame, from: start, context),
                context)
        case .describeProducers:
            describeProducers(
                try decode(DescribeProducersRequest.self, frame, from: start, context), context)
        case .deleteRecords:
            deleteRecords(
                try decode(DeleteRecordsRequest.self, frame, from: start, context), context)
        default:
            try dispatchAdmin(frame, start, context)
        }
    }

    private func dispatchAdmin(
        _ frame: RawSpan, _ start: Int, _ context: RequestContext
    ) throws(RequestError) {
        switch context.apiKey {
        case .createTopics:
            createTopics(try decode(CreateTopicsRequest.self, frame, from: start, context), context)
        case .deleteTopics:
            deleteTopics(try decode(DeleteTopicsRequest.self, frame, from: start, context), context)
        case .createPartitions:
            createPartitions(
                try decode(CreatePartitionsRequest.self, frame, from: start, context), context)
        case .describeConfigs:
            describeConfigs(
                try decode(DescribeConfigsRequest.self, frame, from: start, context), context)
        case .alterConfigs:
            alterConfigs(try decode(AlterConfigsRequest.self, frame, from: start, context), context)
        case .incrementalAlterConfigs:
            incrementalAlterConfigs(
                try decode(IncrementalAlterConfigsRequest.self, frame, from: start, context),
                context)
        case .listConfigResources:
            listConfigResources(
                try decode(ListConfigResourcesRequest.self, frame, from: start, context), context)
        case .updateFeatures:
            updateFeatures(
                try decode(UpdateFeaturesRequest.self, frame, from: start, context), context)
        case .describeLogDirs:
            describeLogDirs(
                try decode(DescribeLogDirsRequest.self, frame, from: start, context), context)
        case .alterReplicaLogDirs:
            alterReplicaLogDirs(
                try decode(AlterReplicaLogDirsRequest.self, frame, from: start, context), context)
        default:
            preconditionFailure("\(context.apiKey.name) is advertised and has no handler")
        }
    }
}
