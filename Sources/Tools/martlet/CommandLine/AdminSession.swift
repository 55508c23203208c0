import MartletClient

/// A tool's dealings with its cluster, one after the other: each blocks until it is done.
final class AdminSession: Sendable {
    /// Whether controllers are asked (`--bootstrap-controller`, KIP-919), and ids of nodes are
    /// theirs.
    let asksControllers: Bool
    private let admin: Admin

    /// A session with the cluster of `--bootstrap-server` or, where the tool has that option, of
    /// `--bootstrap-controller`, with the settings of `--command-config`, TLS and SASL among them.
    ///
    /// - Parameters:
    ///   - option: what the tool calls `--bootstrap-server`.
    ///   - id: the name that brokers log and count quotas by, unless the settings say one.
    ///   - timeout: milliseconds for each call, whatever the settings say.
    convenience init(
        _ options: ParsedOptions, of option: String = "--bootstrap-server", id: String,
        timeout: Int? = nil
    ) throws {
        let controllers = options.value("--bootstrap-controller")
        if controllers != nil { try options.forbid("--bootstrap-controller", with: [option]) }
        let servers: String =
            if let controllers { controllers } else { try options.required(option) }
        let properties = try options.value("--command-config").map {
            try ClientOptions.properties($0)
        }
        try self.init(
            servers: servers, areControllers: controllers != nil, properties ?? [:], id: id,
            timeout: timeout)
    }

    /// The same, with what those options say.
    init(
        servers: String, areControllers: Bool = false, _ properties: [String: String], id: String,
        timeout: Int? = nil
    ) throws {
        var settings = AdminSettings(network: .init(bootstrap: []))
        settings.network.clientID = id
        settings.endsUnreachable = true
        try settings.apply(properties)
        settings.network.bootstrap = try BrokerAddress.list(servers)
        settings.network.asksControllers = areControllers
        if let timeout {
            settings.apiTimeout = .milliseconds(timeout)
            settings.network.requestTimeout = min(
                settings.network.requestTimeout, settings.apiTimeout)
        }
        asksControllers = areControllers
        admin = try Admin(settings)
    }

    /// What `body` asks the cluster for.
    func ask<Value: Sendable>(
        _ body: @escaping @Sendable (Admin) async throws -> Value
    ) throws -> Value {
        let admin = admin
        return try blocking { try await body(admin) }
    }

    /// The offset of each partition; partitions without one are left out.
    ///
    /// - Throws: `Failure` for the first that cannot be asked for.
    func offsets(
        _ spec: OffsetSpec, of partitions: [TopicPartition]
    ) throws -> [TopicPartition: Offset] {
        let specs = Dictionary(partitions.map { ($0, spec) }, uniquingKeysWith: { $1 })
        return try ask { try await $0.listOffsets(specs) }
            .whole { "Partition \($0)" }.compactMapValues(\.offset)
    }

    /// The partitions of topics, of all without a list.
    ///
    /// - Throws: `Failure` for the first topic that cannot be described.
    func partitions(
        of topics: [String]? = nil
    ) throws -> [TopicPartition: TopicDescription.Partition] {
        try ask { try await $0.describeTopics(topics) }.whole { "Topic '\($0)'" }.byPartition
    }

    /// Ends the connections.
    func close() {
        let admin = admin
        blocking { await admin.close() }
    }
}

extension Error {
    /// The cause in words, as users of the command line are told.
    var cause: String { (self as? ClientError)?.words.description ?? "\(self)" }
}

extension ClientError {
    /// What a user is told: Kafka's message first, and a remedy where there is one.
    var words: Failure {
        switch self {
        case .broker(let error, let message):
            Failure((message ?? error.message) + " (\(error.name))")
        case .disconnected(let reason):
            Failure("\(reason).", remedy: "Is a Kafka node running and listening there?")
        case .timedOut(let what):
            Failure("Timed out: \(what).", remedy: "Is the cluster overloaded, or away?")
        default: Failure(description)
        }
    }

    /// Whether the same may succeed in a moment: a node is away, or another one decides by now.
    var isPassing: Bool { isRetriable || kafkaError == .brokerNotAvailable }
}

extension Dictionary {
    /// All that were found.
    ///
    /// - Throws: `Failure` for the first in order of which there is an error, naming it.
    func whole<Success>(_ name: (Key) -> String) throws(Failure) -> [Key: Success]
    where Key: Comparable, Value == Result<Success, ClientError> {
        var found: [Key: Success] = [:]
        for (key, result) in sorted(by: { $0.key < $1.key }) {
            switch result {
            case .success(let value): found[key] = value
            case .failure(let error): throw Failure("\(name(key)): \(error.cause)")
            }
        }
        return found
    }
}

extension [String: TopicDescription] {
    /// The partitions of all of them.
    var byPartition: [TopicPartition: TopicDescription.Partition] {
        var found: [TopicPartition: TopicDescription.Partition] = [:]
        for (name, topic) in self {
            for partition in topic.partitions {
                found[TopicPartition(topic: name, partition: partition.partition)] = partition
            }
        }
        return found
    }
}
