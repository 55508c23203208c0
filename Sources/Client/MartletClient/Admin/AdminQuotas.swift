public import ClientCore
import KafkaProtocol

/// Whom a quota is for: the name of each type of entity (`user`, `client-id`, `ip`), `nil` for the
/// default of that type.
public typealias ClientQuotaEntity = [String: String?]

/// A condition on one type of entity.
public enum ClientQuotaMatch: Sendable, Hashable {
    case name(String)
    /// The default of the type.
    case `default`
    /// Any that has the type, the default too.
    case any
}

extension Admin {
    /// Quotas by entity (KIP-546).
    ///
    /// - Parameters:
    ///   - matches: by type of entity.
    ///   - isStrict: whether entities with further types are left out.
    public func describeClientQuotas(
        _ matches: [String: ClientQuotaMatch], isStrict: Bool = false
    ) async throws(ClientError) -> [ClientQuotaEntity: [String: Double]] {
        let request = DescribeClientQuotasRequest(
            components: matches.sorted { $0.key < $1.key }.map { type, match in
                switch match {
                case .name(let name): .init(entityType: type, matchType: 0, match: name)
                case .default: .init(entityType: type, matchType: 1, match: nil)
                case .any: .init(entityType: type, matchType: 2, match: nil)
                }
            }, strict: isStrict)
        return try await call(.any, request) { answer throws(ClientError) in
            try ClientError.check(code: answer.errorCode, answer.errorMessage)
            var quotas: [ClientQuotaEntity: [String: Double]] = [:]
            for entry in answer.entries ?? [] {
                let entity = Dictionary(
                    entry.entity.map { ($0.entityType, $0.entityName) }, uniquingKeysWith: { $1 })
                quotas[entity] = Dictionary(
                    entry.values.map { ($0.key, $0.value) }, uniquingKeysWith: { $1 })
            }
            return quotas
        }
    }

    /// Changes quotas; `nil` takes one away.
    public func alterClientQuotas(
        _ changes: [ClientQuotaEntity: [String: Double?]], validateOnly: Bool = false
    ) async throws(ClientError) -> [ClientQuotaEntity: Result<Void, ClientError>] {
        let request = AlterClientQuotasRequest(
            entries: changes.map { entity, values in
                .init(
                    entity: entity.sorted { $0.key < $1.key }.map {
                        .init(entityType: $0, entityName: $1)
                    },
                    ops: values.sorted { $0.key < $1.key }.map {
                        .init(key: $0, value: $1 ?? 0, remove: $1 == nil)
                    })
            }, validateOnly: validateOnly)
        return try await call(.controller, request) { answer throws(ClientError) in
            try Self.checkController(answer.entries.map(\.errorCode))
            return Dictionary(
                answer.entries.map { entry in
                    (
                        Dictionary(
                            entry.entity.map { ($0.entityType, $0.entityName) },
                            uniquingKeysWith: { $1 }),
                        outcome(entry.errorCode, entry.errorMessage, ())
                    )
                }, uniquingKeysWith: { $1 })
        }
    }
}
