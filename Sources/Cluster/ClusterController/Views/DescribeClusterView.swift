import KafkaProtocol

extension ClusterView {
    /// Answers a DescribeCluster request that came to a broker (KIP-700, KIP-1073).
    ///
    /// - Returns: an answer with UNSUPPORTED_ENDPOINT_TYPE or MISMATCHED_ENDPOINT_TYPE (version 0:
    ///   INVALID_REQUEST) unless brokers are asked for.
    public func describeCluster(
        _ request: DescribeClusterRequest, version: Int16
    ) -> DescribeClusterResponse {
        var response = DescribeClusterResponse()
        guard request.endpointType == 1 else {
            let isController = request.endpointType == 2
            let error: KafkaError =
                isController ? .mismatchedEndpointType : .unsupportedEndpointType
            response.errorCode = (version == 0 ? KafkaError.invalidRequest : error).rawValue
            response.errorMessage =
                isController
                ? "The request was sent to an endpoint of type BROKER, but we wanted an endpoint "
                    + "of type CONTROLLER"
                : "Unsupported endpoint type \(request.endpointType)"
            return response
        }
        response.clusterID = clusterID
        for broker in image.sortedBrokers where !broker.isFenced || request.includeFencedBrokers {
            guard let endpoint = broker.endpoint(of: listener) else { continue }
            response.brokers.append(
                .init(
                    brokerID: broker.id, host: endpoint.host, port: Int32(endpoint.port),
                    rack: broker.rack, isFenced: version >= 2 && broker.isFenced))
        }
        response.controllerID = controllerID
        return response
    }
}
