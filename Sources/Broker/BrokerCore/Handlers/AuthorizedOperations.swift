import KafkaProtocol

/// The operations that a client may do on a resource, as the bit field of KIP-430: bit n stands for
/// the ACL operation with the number n. Without an authorizer that is all that the resource has.
enum AuthorizedOperations {
    static let topic = bits([
        .read, .write, .create, .delete, .alter, .describe, .describeConfigs, .alterConfigs,
    ])
    static let cluster = bits([
        .create, .alter, .describe, .clusterAction, .describeConfigs, .alterConfigs,
        .idempotentWrite,
    ])

    /// The numbers are the protocol's.
    private enum Operation: Int32 {
        case read = 3
        case write = 4
        case create = 5
        case delete = 6
        case alter = 7
        case describe = 8
        case clusterAction = 9
        case describeConfigs = 10
        case alterConfigs = 11
        case idempotentWrite = 12
    }

    private static func bits(_ operations: [Operation]) -> Int32 {
        operations.reduce(0) { $0 | 1 << $1.rawValue }
    }
}

extension MetadataResponse {
    /// Fills in the authorized operations that the request asks for.
    mutating func authorize(_ request: MetadataRequest) {
        if request.includeClusterAuthorizedOperations {
            clusterAuthorizedOperations = AuthorizedOperations.cluster
        }
        guard request.includeTopicAuthorizedOperations else { return }
        for index in topics.indices where topics[index].name != nil {
            topics[index].topicAuthorizedOperations = AuthorizedOperations.topic
        }
    }
}
