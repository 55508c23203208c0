import KafkaProtocol
import KafkaWire

/// ApiVersions (key 18): what this node serves, and the cluster's feature levels (KIP-35, KIP-584).
extension BrokerLoop {
    func apiVersions(_ request: ApiVersionsRequest, _ context: RequestContext) {
        if context.apiVersion >= 3 {
            guard Self.isClientName(request.clientSoftwareName),
                Self.isClientName(request.clientSoftwareVersion),
                context.apiVersion < 5 || (request.clusterID == nil) == (request.nodeID == -1)
            else {
                return answer(
                    ApiVersionsResponse(errorCode: KafkaError.invalidRequest.rawValue),
                    to: context)
            }
            connections[context.connection]?.software = (
                request.clientSoftwareName, request.clientSoftwareVersion
            )
        }
        if let error = misrouted(request, context) {
            return answer(ApiVersionsResponse(errorCode: error.rawValue), to: context)
        }
        answer(
            apiVersionsResponse(version: context.apiVersion, on: context.serves), to: context)
    }

    func apiVersionsResponse(version: Int16, on listeners: APIListeners) -> ApiVersionsResponse {
        var response = ApiVersionsResponse()
        let served = listeners.contains(.controller) ? Self.servedByController : Self.served
        response.apiKeys = served.map { key in
            // librdkafka takes a node without Produce 0 for one that is too old (KAFKA-18659).
            let lowest = key == .produce ? 0 : key.validVersions.lowerBound
            return .init(
                apiKey: key.rawValue, minVersion: lowest, maxVersion: key.validVersions.upperBound)
        }
        guard version >= 3 else { return response }
        response.supportedFeatures = view.settings.supportedFeatures.filter {
            version >= 4 || $0.minimum > 0
        }.map { .init(name: $0.name, minVersion: $0.minimum, maxVersion: $0.maximum) }
        response.finalizedFeatures = view.finalizedFeatures.map {
            .init(name: $0.name, maxVersionLevel: $0.level, minVersionLevel: $0.level)
        }
        response.finalizedFeaturesEpoch = view.featuresEpoch
        return response
    }

    /// A client that expected another cluster or node learns so at once (KIP-1242).
    private func misrouted(_ request: ApiVersionsRequest, _ context: RequestContext) -> KafkaError?
    {
        guard context.apiVersion >= 5, let cluster = request.clusterID else { return nil }
        let isHere =
            cluster == view.settings.clusterID && request.nodeID == view.settings.nodeID.rawValue
        return isHere ? nil : .rebootstrapRequired
    }

    /// Letters, digits, dots and dashes, as KIP-511 asks.
    private static func isClientName(_ text: String) -> Bool {
        guard let first = text.utf8.first, let last = text.utf8.last else { return false }
        func isWord(_ byte: UInt8) -> Bool {
            (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
        }
        return isWord(first) && isWord(last)
            && text.utf8.allSatisfy { isWord($0) || $0 == 45 || $0 == 46 }
    }
}
