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
        guard request.endpointType == EndpointType.broker.rawValue else {
            response.refuse(request, version, at: .broker)
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
    /// Answers a DescribeCluster request that came to a controller (KIP-919): the registered
    /// controllers that have the listener, and the active one of them (-1 without one).
    public func describeControllers(
        _ request: DescribeClusterRequest, version: Int16, active: Int32
    ) -> DescribeClusterResponse {
        var response = DescribeClusterResponse()
        guard request.endpointType == EndpointType.controller.rawValue else {
            response.refuse(request, version, at: .controller)
            return response
        }
        response.endpointType = request.endpointType
        response.clusterID = clusterID
        response.controllerID = active
        for controller in image.sortedControllers {
            guard let endpoint = controller.endpoints.first(where: { $0.listener == listener })
            else { continue }
            response.brokers.append(
                .init(
                    brokerID: controller.id, host: endpoint.host, port: Int32(endpoint.port)))
        }
        return response
    }
}

/// The endpoint types of DescribeCluster.
private enum EndpointType: Int8 {
    case broker = 1
    case controller = 2

    var name: String { self == .broker ? "BROKER" : "CONTROLLER" }
}

extension DescribeClusterResponse {
    fileprivate mutating func refuse(
        _ request: DescribeClusterRequest, _ version: Int16, at here: EndpointType
    ) {
        let wanted = EndpointType(rawValue: request.endpointType)
        let error: KafkaError =
            wanted == nil ? .unsupportedEndpointType : .mismatchedEndpointType
        errorCode = (version == 0 ? KafkaError.invalidRequest : error).rawValue
        errorMessage =
            wanted.map {
                "The request was sent to an endpoint of type \(here.name), but we wanted an "
                    + "endpoint of type \($0.name)"
            } ?? "Unsupported endpoint type \(request.endpointType)"
    }
}
