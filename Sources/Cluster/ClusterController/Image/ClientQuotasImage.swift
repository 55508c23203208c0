import KafkaProtocol

/// Whom a client quota limits: a user, a client id, both, or an IP (KIP-546, KIP-612).
public struct ClientQuotaEntity: Hashable, Comparable, Sendable {
    /// One part: its type and its name, `nil` for the default of that type.
    public struct Part: Hashable, Comparable, Sendable {
        /// `user`, `client-id` or `ip`.
        public var type: String
        public var name: String?

        public static func < (a: Part, b: Part) -> Bool {
            if a.type != b.type { return a.type < b.type }
            guard let x = a.name else { return b.name != nil }
            return b.name.map { x < $0 } ?? false
        }
    }

    /// Sorted by type, each type once.
    public let parts: [Part]

    /// An entity of these parts, in whatever order.
    public init(_ parts: [Part]) { self.parts = parts.sorted() }

    /// The part of one type.
    public subscript(type: String) -> Part? { parts.first { $0.type == type } }

    public static func < (a: ClientQuotaEntity, b: ClientQuotaEntity) -> Bool {
        a.parts.lexicographicallyPrecedes(b.parts)
    }
}

/// All client quotas.
public struct ClientQuotasImage: Equatable, Sendable {
    private var byEntity = ShardedMap<ClientQuotaEntity, [String: Double]>()

    /// No quotas.
    init() {}

    /// The quotas of one entity by key (`producer_byte_rate`, …); empty when it has none.
    public subscript(entity: ClientQuotaEntity) -> [String: Double] { byEntity[entity] ?? [:] }

    /// All entities that have quotas, sorted.
    public var entities: [ClientQuotaEntity] { byEntity.sortedKeys }

    /// New connections a second that an address may make (KIP-612): its own quota, or that of all
    /// addresses; `nil` for no bound.
    public func connectionRate(of address: String) -> Int? {
        for name in [address, nil] {
            let quotas = self[ClientQuotaEntity([.init(type: "ip", name: name)])]
            if let rate = quotas["connection_creation_rate"] {
                return Int(min(rate, Double(Int32.max)))
            }
        }
        return nil
    }

    mutating func apply(_ record: ClientQuotaRecord) {
        let entity = ClientQuotaEntity(
            record.entity.map { .init(type: $0.entityType, name: $0.entityName) })
        var quotas = byEntity[entity] ?? [:]
        quotas[record.key] = record.remove ? nil : record.value
        byEntity[entity] = quotas.isEmpty ? nil : quotas
    }

    /// The records that set all quotas again, sorted by entity and key.
    var records: [ClientQuotaRecord] {
        entities.flatMap { entity in
            self[entity].sorted { $0.key < $1.key }.map { key, value in
                var record = ClientQuotaRecord()
                record.entity = entity.parts.map {
                    .init(entityType: $0.type, entityName: $0.name)
                }
                record.key = key
                record.value = value
                return record
            }
        }
    }
}
