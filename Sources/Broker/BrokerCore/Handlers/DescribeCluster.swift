import ClusterController
import KafkaProtocol

/// DescribeCluster (key 60) and DescribeTopicPartitions (key 75): what the image holds.
extension BrokerLoop {
    func describeCluster(_ request: DescribeClusterRequest, _ context: RequestContext) {
        answer(
            view.cluster(for: context).describeCluster(request, version: context.apiVersion),
            to: context)
    }

    func describeTopicPartitions(
        _ request: DescribeTopicPartitionsRequest, _ context: RequestContext
    ) {
        answer(
            view.cluster(for: context).describeTopicPartitions(
                request, limit: view.settings.partitionsPerAnswer),
            to: context)
    }

    /// ListConfigResources (key 74).
    func listConfigResources(_ request: ListConfigResourcesRequest, _ context: RequestContext) {
        answer(
            view.cluster(for: context).listConfigResources(request, version: context.apiVersion),
            to: context)
    }
}
