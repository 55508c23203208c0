import ClusterController
import KafkaProtocol

/// What is answered from the metadata image as it is.
extension BrokerLoop {
    func describeCluster(_ request: DescribeClusterRequest, _ context: RequestContext) {
        let cluster = view.cluster(for: context)
        var response =
            context.serves.contains(.controller)
            ? cluster.describeControllers(
                request, version: context.apiVersion, active: view.activeControllerID)
            : cluster.describeCluster(request, version: context.apiVersion)
        if request.includeClusterAuthorizedOperations, response.errorCode == 0 {
            response.clusterAuthorizedOperations = AuthorizedOperations.cluster
        }
        answer(response, to: context)
    }

    func describeTopicPartitions(
        _ request: DescribeTopicPartitionsRequest, _ context: RequestContext
    ) {
        var response = view.cluster(for: context).describeTopicPartitions(
            request, limit: view.settings.partitionsPerAnswer)
        for index in response.topics.indices {
            response.topics[index].topicAuthorizedOperations = AuthorizedOperations.topic
        }
        answer(response, to: context)
    }

    /// ListConfigResources (key 74).
    func listConfigResources(_ request: ListConfigResourcesRequest, _ context: RequestContext) {
        answer(
            view.cluster(for: context).listConfigResources(request, version: context.apiVersion),
            to: context)
    }

    /// DescribeClientQuotas (48): what the metadata have.
    func describeClientQuotas(_ request: DescribeClientQuotasRequest, _ context: RequestContext) {
        answer(view.cluster(for: context).image.describeClientQuotas(request), to: context)
    }

    /// DescribeUserScramCredentials (50): of whom the metadata have some, without secrets.
    func describeUserScramCredentials(
        _ request: DescribeUserScramCredentialsRequest, _ context: RequestContext
    ) {
        answer(view.cluster(for: context).image.describeUserScramCredentials(request), to: context)
    }
}
