import ClusterController
import KafkaProtocol
import KafkaWire

/// What the metadata hold, each in one line as Kafka's own objects describe themselves.
enum ImageText {
    /// `[a, b]`
    static func list(_ values: [some CustomStringConvertible]) -> String {
        "[" + values.map(\.description).joined(separator: ", ") + "]"
    }

    private static func optional(_ value: String?) -> String {
        value.map { "Optional[\($0)]" } ?? "Optional.empty"
    }

    private static func protocolName(_ number: Int16) -> String {
        ["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"].indices.contains(Int(number))
            ? ["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"][Int(number)] : "\(number)"
    }

    private static func listeners(_ endpoints: [Endpoint]) -> String {
        let texts = endpoints.sorted { $0.listener < $1.listener }.map { endpoint in
            "Endpoint(listenerName='\(endpoint.listener)', "
                + "securityProtocol=\(protocolName(endpoint.securityProtocol)), "
                + "host='\(endpoint.host)', port=\(endpoint.port))"
        }
        return list(texts)
    }

    private static func features(_ features: [String: VersionRange]) -> String {
        let texts = features.sorted { $0.key < $1.key }.map { name, range in
            let levels =
                range.min == range.max
                ? "\(range.min)" : range.max == .max ? "\(range.min)+" : "\(range.min)-\(range.max)"
            return "\(name): \(levels)"
        }
        return "{" + texts.joined(separator: ", ") + "}"
    }

    static func text(_ broker: BrokerRegistration) -> String {
        "BrokerRegistration(id=\(broker.id), epoch=\(broker.epoch), "
            + "incarnationId=\(broker.incarnationID), listeners=\(listeners(broker.endpoints)), "
            + "supportedFeatures=\(features(broker.features)), rack=\(optional(broker.rack)), "
            + "fenced=\(broker.isFenced), inControlledShutdown=\(broker.inControlledShutdown), "
            + "isMigratingZkBroker=\(broker.isMigratingZkBroker), "
            + "directories=\(list(broker.logDirs)), "
            + "cordonedDirectories=\(broker.cordonedLogDirs.map(list) ?? "null"))"
    }

    static func text(_ controller: ControllerRegistration) -> String {
        "ControllerRegistration(id=\(controller.id), incarnationId=\(controller.incarnationID), "
            + "zkMigrationReady=\(controller.zkMigrationReady), "
            + "listeners=\(listeners(controller.endpoints)), "
            + "supportedFeatures=\(features(controller.features)))"
    }

    static func text(_ partition: PartitionImage) -> String {
        "PartitionRegistration(replicas=\(list(partition.replicas)), "
            + "directories=\(list(partition.directories)), isr=\(list(partition.isr)), "
            + "removingReplicas=\(list(partition.removingReplicas)), "
            + "addingReplicas=\(list(partition.addingReplicas)), "
            + "elr=\(list(partition.eligibleLeaderReplicas)), "
            + "lastKnownElr=\(list(partition.lastKnownELR)), leader=\(partition.leader), "
            + "leaderRecoveryState=\(partition.isRecovering ? "RECOVERING" : "RECOVERED"), "
            + "leaderEpoch=\(partition.leaderEpoch), partitionEpoch=\(partition.partitionEpoch))"
    }

    // MARK: Security

    private static func name(_ number: Int8, _ names: [String]) -> String {
        names.indices.contains(Int(number)) ? names[Int(number)] : "UNKNOWN"
    }

    private static let resourceTypes = [
        "UNKNOWN", "ANY", "TOPIC", "GROUP", "CLUSTER", "TRANSACTIONAL_ID", "DELEGATION_TOKEN",
        "USER",
    ]
    private static let patternTypes = ["UNKNOWN", "ANY", "MATCH", "LITERAL", "PREFIXED"]
    private static let operations = [
        "UNKNOWN", "ANY", "ALL", "READ", "WRITE", "CREATE", "DELETE", "ALTER", "DESCRIBE",
        "CLUSTER_ACTION", "DESCRIBE_CONFIGS", "ALTER_CONFIGS", "IDEMPOTENT_WRITE", "CREATE_TOKENS",
        "DESCRIBE_TOKENS", "TWO_PHASE_COMMIT",
    ]
    private static let permissions = ["UNKNOWN", "ANY", "DENY", "ALLOW"]

    static func text(_ acl: AccessControlEntryRecord) -> String {
        "StandardAcl[resourceType=\(name(acl.resourceType, resourceTypes)), "
            + "resourceName=\(acl.resourceName), "
            + "patternType=\(name(acl.patternType, patternTypes)), principal=\(acl.principal), "
            + "host=\(acl.host), operation=\(name(acl.operation, operations)), "
            + "permissionType=\(name(acl.permissionType, permissions))]"
    }

    private static func hexadecimal(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    static func text(_ credential: UserScramCredentialRecord) -> String {
        "ScramCredentialData(salt=\(hexadecimal(credential.salt)), "
            + "storedKey=\(hexadecimal(credential.storedKey)), "
            + "serverKey=\(hexadecimal(credential.serverKey)), "
            + "iterations=\(credential.iterations))"
    }

    /// With the brackets where Kafka has them.
    static func text(_ token: DelegationTokenRecord) -> String {
        "DelegationTokenDatatokenId=\(token.tokenID)(owner=\(token.owner)"
            + "(tokenRequester=\(token.requester)"
            + "(renewers=\(token.renewers.joined(separator: " ")), "
            + "issueTimestamp=\(token.issueTimestamp), maxTimestamp=\(token.maxTimestamp)), "
            + "expiryTimestamp=\(token.expirationTimestamp)"
    }

    // MARK: Quotas

    /// `clientId(a)_ip(b)_user(c)`; the name of a default is empty.
    static func text(_ entity: ClientQuotaEntity) -> String {
        [("client-id", "clientId"), ("ip", "ip"), ("user", "user")].compactMap { type, title in
            entity[type].map { "\(title)(\(escape($0.name ?? "")))" }
        }.joined(separator: "_")
    }

    private static func escape(_ text: String) -> String {
        String(text.flatMap { "\\()".contains($0) ? ["\\", $0] : [$0] })
    }
}
