import KafkaProtocol

/// How a filter component matches names; the numbers are the protocol's.
private enum MatchType {
    static let exact: Int8 = 0
    static let defaultName: Int8 = 1
    static let any: Int8 = 2
}

extension MetadataImage {
    /// The quotas of the entities that fit a filter, sorted (KIP-546).
    ///
    /// - Returns: an answer with INVALID_REQUEST or UNSUPPORTED_VERSION for a malformed filter.
    public func describeClientQuotas(
        _ request: DescribeClientQuotasRequest
    ) -> DescribeClientQuotasResponse {
        var response = DescribeClientQuotasResponse()
        do throws(DecisionFailure) {
            try Self.validate(request.components)
        } catch {
            response.errorCode = error.error.rawValue
            response.errorMessage = error.message
            response.entries = nil
            return response
        }
        response.errorMessage = nil
        let fitting = quotas.entities.filter { Self.fits($0, request) }
        response.entries = fitting.map { entity in
            var entry = DescribeClientQuotasResponse.EntryData()
            entry.entity = entity.parts.map { .init(entityType: $0.type, entityName: $0.name) }
            entry.values = quotas[entity].sorted { $0.key < $1.key }.map {
                .init(key: $0.key, value: $0.value)
            }
            return entry
        }
        return response
    }

    private static func fits(
        _ entity: ClientQuotaEntity, _ request: DescribeClientQuotasRequest
    ) -> Bool {
        if request.components.isEmpty { return !request.strict }
        if request.strict, entity.parts.count != request.components.count { return false }
        return request.components.allSatisfy { component in
            guard let part = entity[component.entityType] else { return false }
            switch component.matchType {
            case MatchType.exact: return part.name == component.match
            case MatchType.defaultName: return part.name == nil
            default: return true
            }
        }
    }

    private static func validate(
        _ components: [DescribeClientQuotasRequest.ComponentData]
    ) throws(DecisionFailure) {
        let known = [ClientQuotaKeys.user, ClientQuotaKeys.clientID, ClientQuotaKeys.ip]
        var types: Set<String> = []
        for component in components {
            let type = component.entityType
            if type.isEmpty { throw .init(.invalidRequest, "Invalid empty entity type.") }
            guard types.insert(type).inserted else {
                throw .init(
                    .invalidRequest,
                    "Entity type \(type) cannot appear more than once in the filter.")
            }
            guard known.contains(type) else {
                throw .init(.unsupportedVersion, "Unsupported entity type \(type)")
            }
            try validateMatch(of: component)
        }
        if types.contains(ClientQuotaKeys.ip), types.count > 1 {
            throw .init(
                .invalidRequest,
                "Invalid entity filter component combination. IP filter component should not be "
                    + "used with user or clientId filter component.")
        }
    }

    private static func validateMatch(
        of component: DescribeClientQuotasRequest.ComponentData
    ) throws(DecisionFailure) {
        switch component.matchType {
        case MatchType.exact where component.match == nil:
            throw .init(
                .invalidRequest,
                "Request specified MATCH_TYPE_EXACT, but set match string to null.")
        case MatchType.defaultName where component.match != nil:
            throw .init(
                .invalidRequest,
                "Request specified MATCH_TYPE_DEFAULT, but also specified a match string.")
        case MatchType.any where component.match != nil:
            throw .init(
                .invalidRequest,
                "Request specified MATCH_TYPE_SPECIFIED, but also specified a match string.")
        case MatchType.exact, MatchType.defaultName, MatchType.any: return
        default:
            throw .init(.invalidRequest, "Unknown match type \(component.matchType)")
        }
    }
}
