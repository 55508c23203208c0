import KafkaProtocol

/// The types of quota entities, and what can be limited for each.
enum ClientQuotaKeys {
    static let user = "user"
    static let clientID = "client-id"
    static let ip = "ip"

    /// What a value of a key must be, besides positive.
    enum Kind {
        case double
        case long
        case int
    }

    /// The keys for users and client ids.
    static let forClients: [String: Kind] = [
        "producer_byte_rate": .long, "consumer_byte_rate": .long,
        "request_percentage": .double, "controller_mutation_rate": .double,
    ]
    /// The keys for IPs.
    static let forIPs: [String: Kind] = ["connection_creation_rate": .int]
}

extension Controller {
    /// Decides over client quotas: each entity's changes are made whole or refused (KIP-546).
    ///
    /// Refusals: INVALID_REQUEST for malformed entities, an entity or key that comes twice, unknown
    /// keys, and values that are not positive or, for byte rates, not whole.
    public func alterClientQuotas(
        _ request: AlterClientQuotasRequest
    ) -> Decision<AlterClientQuotasResponse> {
        var decision = Decision(AlterClientQuotasResponse())
        var seen: Set<ClientQuotaEntity> = []
        for entry in request.entries {
            var result = AlterClientQuotasResponse.EntryData()
            result.errorMessage = nil
            result.entity = entry.entity.map {
                .init(entityType: $0.entityType, entityName: $0.entityName)
            }
            do throws(DecisionFailure) {
                let entity = try Self.quotaEntity(of: entry)
                guard seen.insert(entity).inserted else {
                    throw .init(.invalidRequest, "Ignoring duplicate entity")
                }
                decision.records += try quotaRecords(of: entity, entry.ops)
            } catch {
                result.errorCode = error.error.rawValue
                result.errorMessage = error.message
            }
            decision.response.entries.append(result)
        }
        if request.validateOnly { decision.records = [] }
        return decision
    }

    private static func quotaEntity(
        of entry: AlterClientQuotasRequest.EntryData
    ) throws(DecisionFailure) -> ClientQuotaEntity {
        if entry.entity.isEmpty {
            throw .init(.invalidRequest, "Invalid empty client quota entity")
        }
        let known = [ClientQuotaKeys.user, ClientQuotaKeys.clientID, ClientQuotaKeys.ip]
        var types: Set<String> = []
        for part in entry.entity {
            guard types.insert(part.entityType).inserted else {
                throw .init(
                    .invalidRequest,
                    "Invalid client quota entity, duplicate entity entry \(part.entityType)")
            }
            guard known.contains(part.entityType) else {
                throw .init(
                    .invalidRequest, "Unhandled client quota entity type: \(part.entityType)")
            }
            if part.entityName == "" {
                throw .init(.invalidRequest, "Empty \(part.entityType) not supported")
            }
        }
        if types.contains(ClientQuotaKeys.ip), types.count > 1 {
            throw .init(
                .invalidRequest,
                "Invalid quota entity combination, IP entity should not be combined with User or "
                    + "ClientId")
        }
        let entity = ClientQuotaEntity(
            entry.entity.map { .init(type: $0.entityType, name: $0.entityName) })
        if let address = entity[ClientQuotaKeys.ip]?.name, !isAddress(address) {
            throw .init(
                .invalidRequest, "\(address) is not a valid IP or resolvable host.")
        }
        return entity
    }

    /// Whether `text` looks like an IP address or a host name; nothing is resolved.
    private static func isAddress(_ text: String) -> Bool {
        text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: ":"),
                UInt8(ascii: "-"), UInt8(ascii: "_"):
                true
            default: false
            }
        }
    }
}

extension Controller {
    private func quotaRecords(
        of entity: ClientQuotaEntity, _ ops: [AlterClientQuotasRequest.OpData]
    ) throws(DecisionFailure) -> [MetadataRecord] {
        let keys =
            entity[ClientQuotaKeys.ip] == nil ? ClientQuotaKeys.forClients : ClientQuotaKeys.forIPs
        let current = image.quotas[entity]
        var seen: Set<String> = []
        var records: [MetadataRecord] = []
        for op in ops {
            guard seen.insert(op.key).inserted else {
                throw .init(
                    .invalidRequest,
                    "Duplicate quota key \(op.key) not updating quota for this entity")
            }
            if !op.remove { try Self.validateQuota(op.key, op.value, keys) }
            if op.remove ? current[op.key] == nil : current[op.key] == op.value { continue }
            var record = ClientQuotaRecord()
            record.entity = entity.parts.map { .init(entityType: $0.type, entityName: $0.name) }
            record.key = op.key
            record.value = op.remove ? 0 : op.value
            record.remove = op.remove
            records.append(.clientQuotaRecord(record))
        }
        return records
    }

    private static func validateQuota(
        _ key: String, _ value: Double, _ keys: [String: ClientQuotaKeys.Kind]
    ) throws(DecisionFailure) {
        guard let kind = keys[key] else {
            throw .init(.invalidRequest, "Invalid configuration key \(key)")
        }
        guard value > 0 else {
            throw .init(.invalidRequest, "Quota \(key) must be greater than 0")
        }
        switch kind {
        case .double: return
        case .int where value > Double(Int32.max):
            throw .init(
                .invalidRequest, "Proposed value for \(key) is too large for an INT.")
        case .long where value > Double(Int64.max):
            throw .init(
                .invalidRequest, "Proposed value for \(key) is too large for a LONG.")
        case .int, .long: break
        }
        if value.truncatingRemainder(dividingBy: 1) > 1e-6 {
            throw .init(.invalidRequest, "\(key) cannot be a fractional value.")
        }
    }
}
