import KafkaProtocol
import KafkaWire

/// What clients ask beside producing and fetching.
extension BrokerLoop {
    static let readAPIs: [APIKey] = [
        .listOffsets, .metadata, .findCoordinator, .apiVersions, .deleteRecords,
        .offsetForLeaderEpoch, .describeCluster, .describeTopicPartitions,
    ]

    func dispatchReads(
        _ frame: RawSpan, _ start: Int, _ context: RequestContext
    ) throws(RequestError) -> Bool {
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
        case .describeCluster:
            describeCluster(
                try decode(DescribeClusterRequest.self, frame, from: start, context), context)
        case .describeTopicPartitions:
            describeTopicPartitions(
                try decode(DescribeTopicPartitionsRequest.self, frame, from: start, context),
                context)
        case .deleteRecords:
            deleteRecords(
                try decode(DeleteRecordsRequest.self, frame, from: start, context), context)
        default: return false
        }
        return true
    }
}
