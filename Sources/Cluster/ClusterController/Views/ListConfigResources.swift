import KafkaProtocol

extension ClusterView {
    /// Answers a ListConfigResources request: what has configs, or could have them (KIP-1142).
    ///
    /// Groups and client-metrics subscriptions are those that have configs; topics and brokers are
    /// all there are. Version 0 knows client metrics alone.
    ///
    /// - Returns: an answer with UNSUPPORTED_VERSION for a type that the version does not have.
    public func listConfigResources(
        _ request: ListConfigResourcesRequest, version: Int16
    ) -> ListConfigResourcesResponse {
        var response = ListConfigResourcesResponse()
        let supported = version == 0 ? [.clientMetrics] : ConfigResourceType.all
        var wanted = Set(request.resourceTypes.map(ConfigResourceType.init(rawValue:)))
        if wanted.isEmpty { wanted = Set(supported) }
        guard wanted.isSubset(of: supported) else {
            response.errorCode = KafkaError.unsupportedVersion.rawValue
            return response
        }
        for type in supported.reversed() where wanted.contains(type) {
            response.configResources += names(of: type).map {
                .init(resourceName: $0, resourceType: type.rawValue)
            }
        }
        return response
    }

    private func names(of type: ConfigResourceType) -> [String] {
        switch type {
        case .topic: image.topics.names
        case .broker, .brokerLogger:
            image.sortedBrokers.filter { $0.endpoint(of: listener) != nil }.map { "\($0.id)" }
        default: image.configs.resources.filter { $0.type == type }.map(\.name)
        }
    }
}
