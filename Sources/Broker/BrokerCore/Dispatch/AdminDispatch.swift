import KafkaProtocol
import KafkaWire

/// Topics, configs, features and log directories.
extension BrokerLoop {
    static let adminAPIs: [APIKey] = [
        .createTopics, .deleteTopics, .describeConfigs, .alterConfigs, .alterReplicaLogDirs,
        .electLeaders, .alterPartitionReassignments, .listPartitionReassignments, .unregisterBroker,
        .unregisterController, .describeClientQuotas, .alterClientQuotas,
        .describeUserScramCredentials,
        .describeLogDirs, .createPartitions, .incrementalAlterConfigs, .updateFeatures,
        .listConfigResources,
    ]

    func dispatchAdmin(
        _ frame: RawSpan, _ start: Int, _ context: RequestContext
    ) throws(RequestError) -> Bool {
        switch context.apiKey {
        case .createTopics:
            toController(try decode(CreateTopicsRequest.self, frame, from: start, context), context)
        case .deleteTopics:
            toController(try decode(DeleteTopicsRequest.self, frame, from: start, context), context)
        case .createPartitions:
            toController(
                try decode(CreatePartitionsRequest.self, frame, from: start, context), context)
        case .describeConfigs:
            describeConfigs(
                try decode(DescribeConfigsRequest.self, frame, from: start, context), context)
        case .alterConfigs:
            toController(try decode(AlterConfigsRequest.self, frame, from: start, context), context)
        case .incrementalAlterConfigs:
            toController(
                try decode(IncrementalAlterConfigsRequest.self, frame, from: start, context),
                context)
        case .listConfigResources:
            listConfigResources(
                try decode(ListConfigResourcesRequest.self, frame, from: start, context), context)
        case .updateFeatures:
            toController(
                try decode(UpdateFeaturesRequest.self, frame, from: start, context), context)
        case .electLeaders:
            toController(try decode(ElectLeadersRequest.self, frame, from: start, context), context)
        case .alterPartitionReassignments:
            toController(
                try decode(AlterPartitionReassignmentsRequest.self, frame, from: start, context),
                context)
        case .listPartitionReassignments:
            toController(
                try decode(ListPartitionReassignmentsRequest.self, frame, from: start, context),
                context)
        case .unregisterBroker:
            toController(
                try decode(UnregisterBrokerRequest.self, frame, from: start, context), context)
        case .unregisterController:
            toController(
                try decode(UnregisterControllerRequest.self, frame, from: start, context), context)
        case .describeClientQuotas:
            describeClientQuotas(
                try decode(DescribeClientQuotasRequest.self, frame, from: start, context), context)
        case .alterClientQuotas:
            toController(
                try decode(AlterClientQuotasRequest.self, frame, from: start, context), context)
        case .describeUserScramCredentials:
            describeUserScramCredentials(
                try decode(DescribeUserScramCredentialsRequest.self, frame, from: start, context),
                context)
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
