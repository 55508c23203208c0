import KafkaProtocol
import KafkaWire

/// Topics, configs, features and log directories.
extension BrokerLoop {
    static let adminAPIs: [APIKey] = [
        .createTopics, .deleteTopics, .describeConfigs, .alterConfigs, .alterReplicaLogDirs,
        .describeLogDirs, .createPartitions, .incrementalAlterConfigs, .updateFeatures,
        .listConfigResources,
    ]

    func dispatchAdmin(
        _ frame: RawSpan, _ start: Int, _ context: RequestContext
    ) throws(RequestError) -> Bool {
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
        default: return false
        }
        return true
    }
}
