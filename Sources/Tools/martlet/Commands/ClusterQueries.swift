import AdminWire
import KafkaProtocol
import KafkaWire

/// DescribeCluster and what removes registrations.
enum ClusterQueries {
    /// The cluster's id and its brokers, or its controllers where those are asked.
    static func describe(
        _ client: AdminClient, fenced: Bool = false
    ) throws(AdminError) -> DescribeClusterResponse {
        var request = DescribeClusterRequest(includeFencedBrokers: fenced)
        if client.settings.asksControllers { request.endpointType = 2 }
        let response = try client.call(request)
        try AdminError.check(response.errorCode, response.errorMessage)
        return response
    }

    /// Removes a broker's registration.
    static func unregisterBroker(_ id: Int32, _ client: AdminClient) throws {
        guard try client.anyConnection().serves(.unregisterBroker) else {
            throw Failure("The target cluster does not support the broker unregistration API.")
        }
        let response = try client.callController(
            UnregisterBrokerRequest(brokerID: id), retrying: \.errorCode)
        try AdminError.check(response.errorCode, response.errorMessage)
    }

    /// Removes a controller's registration (KIP-1312).
    static func unregisterController(_ id: Int32, _ client: AdminClient) throws {
        let unsupported = Failure(
            "The target cluster does not support the controller unregistration API.")
        guard try client.anyConnection().serves(.unregisterController) else { throw unsupported }
        let response = try client.callController(
            UnregisterControllerRequest(controllerID: id), retrying: \.errorCode)
        // The nodes may know it while the cluster's metadata.version does not.
        if response.errorCode == KafkaError.unsupportedVersion.rawValue { throw unsupported }
        try AdminError.check(response.errorCode, response.errorMessage)
    }
}
